"""Licences: what is claimed, by whom, and what follows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from medvlsynther.rules.licence import (
    Policy,
    Signals,
    attribution,
    code_of_metadata,
    code_of_uri,
    codes_of_text,
    for_figure,
    judge,
    uri_of,
)

BY = "https://creativecommons.org/licenses/by/4.0/"
OPEN = judge(Signals(uris=(BY,)), Policy())
CODES = ("CC0", "CC BY", "CC BY-SA", "CC BY-NC", "CC BY-NC-SA", "CC BY-ND", "CC BY-NC-ND", "TDM", "NO-CC CODE")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("CC BY", "CC-BY"),
        ("CC0", "CC0-1.0"),
        ("CC BY-NC-ND", "CC-BY-NC-ND"),
        ("cc-by-4.0", "CC-BY-4.0"),
        ("CC_BY_SA", "CC-BY-SA"),
        ("TDM", "TDM"),
        ("NO-CC CODE", None),
        (None, None),
    ],
)
def test_metadata_codes(code: str | None, expected: str | None) -> None:
    assert code_of_metadata(code) == expected


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        (BY, "CC-BY-4.0"),
        ("http://creativecommons.org/licenses/by/2.0", "CC-BY-2.0"),
        ("http://creativecommons.org/licenses/by/3.0/us/", "CC-BY-3.0"),
        ("http://www.creativecommons.org/licences/by-nc-sa/3.0", "CC-BY-NC-SA-3.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/licenses/by/", "CC-BY"),
        ("https://www.elsevier.com/tdm/userlicense/1.0/", None),
    ],
)
def test_addresses(uri: str, code: str | None) -> None:
    assert code_of_uri(uri) == code
    assert code is None or "." not in code or code_of_uri(uri_of(code) or "") == code


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("under the terms of the Creative Commons Attribution License, which permits unrestricted use", ["CC-BY"]),
        ("Creative Commons Attribution 4.0 International License", ["CC-BY-4.0"]),
        ("under the (CC BY) license", ["CC-BY"]),
        ("Creative Commons Attribution Non-Commercial No Derivatives License", ["CC-BY-NC-ND"]),
        ("Creative Commons Attribution‐NonCommercial‐ShareAlike 3.0", ["CC-BY-NC-SA-3.0"]),
        ("Creative Commons Attribution License, the use is non-commercial", ["CC-BY-NC"]),
        ("Creative Commons Attribution License and no modifications or adaptations are made", ["CC-BY-ND"]),
        ("any commercial and non-commercial use under Creative Commons Attribution 4.0", ["CC-BY-4.0"]),
        ("licença Creative Commons Atribuição não comercial", ["CC-BY-NC"]),
        ("which does not permit commercial exploitation", ["restricted"]),
        ("the Creative Commons Public Domain Dedication waiver to data; CC BY to text", ["CC-BY", "CC0-1.0"]),
        ("open access", []),
    ],
)  # fmt: skip
def test_wording(text: str, codes: list[str]) -> None:
    assert list(codes_of_text(text)) == codes


@pytest.mark.parametrize(
    ("signals", "standing", "code"),
    [
        (Signals(uris=(BY,)), "allowed", "CC-BY-4.0"),
        (Signals(code="CC BY", uris=(BY,)), "allowed", "CC-BY-4.0"),
        (Signals(uris=(BY, "https://creativecommons.org/publicdomain/zero/1.0/")), "allowed", "CC-BY-4.0"),
        (Signals(uris=(BY,), text="does not permit commercial exploitation"), "quarantined", "unknown"),
        (Signals(uris=(BY,), code="CC BY-NC"), "quarantined", "CC-BY-NC"),
        (Signals(uris=(BY,), code="TDM"), "quarantined", "TDM"),
        (Signals(code="CC BY-ND"), "refused", "CC-BY-ND"),
        (Signals(code="TDM"), "refused", "TDM"),
        (Signals(text="All rights reserved."), "refused", "unknown"),
        (Signals(text="Open access."), "quarantined", "unknown"),
        (Signals(), "quarantined", "unknown"),
    ],
)
def test_standing(signals: Signals, standing: str, code: str) -> None:
    licence = judge(signals, Policy())
    assert (licence.standing, licence.code) == (standing, code)
    assert licence.reasons


@given(st.sampled_from(CODES), st.booleans(), st.booleans())
def test_no_derivatives_are_never_allowed_and_choices_only_add(
    code: str, share_alike: bool, noncommercial: bool
) -> None:
    narrow, wide = Policy(), Policy(share_alike=share_alike, noncommercial=noncommercial)
    signals = Signals(code=code)
    assert "ND" not in code or judge(signals, wide).standing == "refused"
    assert judge(signals, narrow).standing != "allowed" or judge(signals, wide).standing == "allowed"
    assert ("SA" not in code) or share_alike or judge(signals, wide).standing != "allowed"
    assert ("NC" not in code) or noncommercial or judge(signals, wide).standing != "allowed"


@given(st.lists(st.sampled_from(CODES[:7]), min_size=1, max_size=4))
def test_one_forbidden_claim_among_others_never_passes(codes: list[str]) -> None:
    uris = tuple(
        uri for code in codes[1:] if (uri := uri_of(f"{(code_of_metadata(code) or '').removesuffix('-1.0')}-4.0"))
    )
    licence = judge(Signals(code=codes[0], uris=uris), Policy())
    claimed = [code_of_metadata(codes[0]), *map(code_of_uri, uris)]
    assert (licence.standing == "allowed") == all(Policy().allows(code or "") for code in claimed)


def test_a_policy_cannot_allow_what_forbids_derivatives() -> None:
    with pytest.raises(ValidationError, match="CC-BY-ND"):
        Policy(allow=("CC-BY-ND",))
    assert Policy(allow=("CC-BY-4.0",)).allows("CC-BY-4.0")
    assert not Policy(allow=("CC-BY-4.0",)).allows("CC-BY-3.0")


# figures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caption", "standing"),
    [
        ("CT of the chest.", "allowed"),
        ("CT. Reproduced with permission from Elsevier.", "refused"),
        ("CT. Used by permission.", "refused"),
        ("CT (reprinted from Smith et al.)", "refused"),
        ("CT. Adapted from Smith et al. [12].", "quarantined"),
        ("CT (modified after [3])", "quarantined"),
        ("This figure is adapted from Wang et al. [28].", "quarantined"),
        ("CT. Courtesy of Dr Miller.", "quarantined"),
        ("CT. © 2009 Elsevier.", "quarantined"),
        (
            "CT. Reprinted from [60] under a CC BY license, with permission from Springer, original copyright 2009.",
            "allowed",
        ),
        ("CT. Reproduced from [4] under CC BY-NC 4.0.", "refused"),
        ("CT. Published with permission of the patient.", "allowed"),
        ("Written consent and permission was obtained from the parents.", "allowed"),
        ("Cells adapted from the protocol of Smith.", "allowed"),
        ("Map of the vent field, adapted from [43].", "allowed"),
        ("With the permission of the registry, we obtained records.", "allowed"),
    ],
)
def test_a_figure_of_somebody_else_is_found_out(caption: str, standing: str) -> None:
    assert for_figure(OPEN, Policy(), caption=caption).standing == standing


def test_a_figures_own_licence_decides_but_never_betters_the_articles() -> None:
    nc = judge(Signals(code="CC BY-NC"), Policy())
    assert for_figure(nc, Policy(), statement="CC BY 4.0", uris=(BY,)).standing == "refused"
    assert for_figure(OPEN, Policy(), uris=(BY.replace("/by/", "/by-nc/"),)).standing == "refused"
    assert for_figure(OPEN, Policy(), uris=(BY,)).standing == "allowed"


def test_what_is_noted_in_passing_shows_in_the_reasons() -> None:
    assert for_figure(OPEN, Policy(), caption="Map, adapted from [43].").reasons[0] == "figure_after"


@given(st.text(max_size=300), st.text(max_size=100), st.text(max_size=60))
def test_any_text_is_judged(text: str, caption: str, uri: str) -> None:
    article = judge(Signals(code=text[:20], uris=(uri,), text=text), Policy())
    figure = for_figure(article, Policy(), caption=caption, statement=text, uris=(uri,))
    order = ("allowed", "quarantined", "refused")
    assert order.index(figure.standing) >= order.index(article.standing)


def test_attribution_names_who_what_where_and_terms() -> None:
    line = attribution(
        OPEN, part="Figure 2.", authors="Meyer et al.", title="A title.", journal="J", year=2020, at="https://doi.org/1"
    )
    assert line == f"Figure 2 of: Meyer et al. “A title”. J (2020). https://doi.org/1. Licence: CC BY 4.0 ({BY})."
    assert attribution(judge(Signals(), Policy())) == "Licence: not stated."
