"""What a licence allows: from the signals that an article and a figure give to one standing.

A signal is a code of some metadata ("CC BY"), a URI in the XML, the wording of the licence, or what a figure says of
itself ("reproduced with permission from …"). Each becomes a claim; claims that the policy sees alike decide together,
claims that it sees differently put the work into quarantine. Silence is quarantine too.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pydantic import field_validator

from medvlsynther.records import Licence, Record

Standing = Literal["allowed", "quarantined", "refused"]

UNKNOWN = "unknown"
"""Code of a work whose licence nobody states."""

_DEMANDS = (
    "CC0", "CC-PDM", "CC-BY", "CC-BY-SA", "CC-BY-NC", "CC-BY-NC-SA", "CC-BY-ND", "CC-BY-NC-ND", "TDM", "restricted",
)  # fmt: skip
"""Families from the least to the most demanding."""

_WORST: tuple[Standing, ...] = ("allowed", "quarantined", "refused")


class Policy(Record):
    """Which licences a run accepts. Works that forbid derivatives are never accepted: a question is a derivative."""

    allow: tuple[str, ...] = ("CC0-1.0", "CC-BY")
    """SPDX identifiers, with a version or for all versions ("CC-BY")."""
    share_alike: bool = False
    """Accept CC BY-SA as well (with `noncommercial`, CC BY-NC-SA)."""
    noncommercial: bool = False
    """Accept CC BY-NC as well."""

    @field_validator("allow")
    @classmethod
    def _no_derivatives_stay_out(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        barred = [code for code in allow if "ND" in code.upper().split("-")]
        if barred:
            raise ValueError(f"{barred[0]} forbids derived works and cannot be allowed")
        return allow

    def allows(self, code: str) -> bool:
        """Whether works under `code` may be used."""
        terms = set(family(code).split("-")) & {"ND", "NC", "SA"}
        if "ND" in terms:
            return False
        if code in self.allow or family(code) in self.allow:
            return True
        chosen = {term for term, on in (("SA", self.share_alike), ("NC", self.noncommercial)) if on}
        return family(code).startswith("CC-BY") and bool(terms) and terms <= chosen


class Signals(Record):
    """What an article says about its licence, and what others say about it."""

    code: str | None = None
    """Code of the metadata beside the article, e.g. "CC BY", "CC0", "TDM"."""
    uris: tuple[str, ...] = ()
    """URIs of its licence elements."""
    text: str = ""
    """Wording of its licence elements."""


@dataclass(frozen=True, slots=True)
class _Claim:
    code: str
    reason: str


def family(code: str) -> str:
    """A code without its version: "CC-BY" of "CC-BY-4.0"."""
    return re.sub(r"-\d+\.\d+$", "", code)


# ---------------------------------------------------------------------------------------------- reading signals

_URI = re.compile(
    r"creativecommons\.org/+(?:licen[cs]es?/+(?P<terms>by(?:-(?:nc|nd|sa))*)|publicdomain/+(?P<public>zero|mark))"
    r"(?:/+(?P<version>\d\.\d))?",
    re.IGNORECASE,
)
_CODE = re.compile(r"^CC[\s_-]*(?P<terms>BY(?:[\s_-]*(?:NC|ND|SA))*)(?:[\s_-]*v?(?P<version>\d\.\d))?\b", re.IGNORECASE)
_ZERO = re.compile(r"\bCC[\s_-]*(?:0|zero)\b|creative commons zero|public domain dedication", re.IGNORECASE)

_COMMERCIAL_TOO = re.compile(
    r"\bcommercial(?:ly)?,? (?:and|or|as well as) (?:for )?non-? ?commercial|"
    r"non-? ?commercial(?:ly)?,? (?:and|or|as well as) (?:for )?commercial"
)
_TEXT_BY = re.compile(
    r"(?:creative commons|\bcc)[\s:-]*(?:by\b|attribution|atribui|reconocimiento|atribuci|attribution)|"
    r"\battribution[\w\s-]{0,40}?\d\.\d (?:international|unported|generic)"
)
_TEXT_VERSION = re.compile(r"(?:attribution|\bcc[ -]by)[\w\s()-]{0,60}?\b(\d\.\d)\b")
_TEXT_TERMS = {
    "NC": re.compile(
        r"non-? ?commercial|\bby-nc\b|not (?:permit|allow) (?:any )?commercial|no commercial use|"
        r"commercial (?:use|re-?use|exploitation)\b[^.]{0,60}?(?:permission|not permitted|prohibited|not allowed)|"
        r"n[ãa]o-? ?comercia|\bno-? ?comercial"
    ),
    "ND": re.compile(
        r"no-? ?deriv|\bby(?:-nc)?-nd\b|no modifications or adaptations|not (?:be )?(?:altered|modified|transformed)|"
        r"sem deriva|sin (?:obra )?deriv"
    ),
    "SA": re.compile(r"share-? ?alike|\bby(?:-nc)?-sa\b|compartilha ?igual|compartir ?igual"),
}
_RESERVED = re.compile(r"all rights reserved", re.IGNORECASE)


def _spell(terms: Iterable[str], version: str | None) -> str:
    present = {term.upper() for term in terms}
    ordered = ["CC", "BY", *(term for term in ("NC", "ND", "SA") if term in present)]
    return "-".join([*ordered, version] if version else ordered)


def code_of_uri(uri: str) -> str | None:
    """The code that a Creative Commons URI stands for, ports ignored; None for any other URI."""
    found = _URI.search(uri)
    if not found:
        return None
    if found["public"]:
        return "CC0-1.0" if found["public"].lower() == "zero" else "CC-PDM-1.0"
    return _spell(found["terms"].split("-"), found["version"])


def code_of_metadata(code: str | None) -> str | None:
    """The code behind a metadata entry such as "CC BY-NC", "CC0", "TDM"; None where it names no licence."""
    if not code:
        return None
    if _ZERO.match(code.strip()):
        return "CC0-1.0"
    if code.strip().upper() == "TDM":
        return "TDM"
    found = _CODE.match(code.strip())
    return _spell(re.split(r"[\s_-]+", found["terms"]), found["version"]) if found else None


def codes_of_text(text: str) -> tuple[str, ...]:
    """The codes that a licence's wording claims; "restricted" where it forbids without naming a licence."""
    plain = re.sub(r"[\u2010-\u2015]", "-", " ".join(text.lower().split()))
    plain = _COMMERCIAL_TOO.sub("any", plain)
    terms = [term for term, pattern in _TEXT_TERMS.items() if pattern.search(plain)]
    codes = []
    if _TEXT_BY.search(plain):
        version = _TEXT_VERSION.search(plain)
        codes.append(_spell(terms, version[1] if version else None))
    elif "NC" in terms or "ND" in terms:
        codes.append("restricted")
    if _ZERO.search(plain):
        codes.append("CC0-1.0")
    return tuple(codes)


def _claims(signals: Signals) -> list[_Claim]:
    """Claims, strongest signal first, without repeats."""
    found = [("uri", code_of_uri(uri)) for uri in (*signals.uris, *_uris_in(signals.text))]
    found += [("metadata", code_of_metadata(signals.code))]
    found += [("text", code) for code in codes_of_text(signals.text)]
    claims = [_Claim(code, f"{source}_{_snake(code)}") for source, code in found if code]
    return list(dict.fromkeys(claims))


def _uris_in(text: str) -> list[str]:
    return [found[0] for found in _URI.finditer(text)]


def _snake(code: str) -> str:
    return family(code).lower().replace("-", "_")


# ---------------------------------------------------------------------------------------------- judging


def judge(signals: Signals, policy: Policy) -> Licence:
    """The licence of an article. Claims of one mind decide; claims that disagree, and silence, are quarantined."""
    return _weigh(_claims(signals), signals.text, policy)


def _weigh(claims: Sequence[_Claim], text: str, policy: Policy) -> Licence:
    reasons = tuple(dict.fromkeys(claim.reason for claim in claims))
    if not claims:
        if _RESERVED.search(text):
            return Licence(code=UNKNOWN, standing="refused", reasons=("text_all_rights_reserved",))
        return Licence(code=UNKNOWN, standing="quarantined", reasons=("no_licence_stated",))
    verdicts = {policy.allows(claim.code) for claim in claims}
    standing: Standing = "allowed" if verdicts == {True} else "refused" if verdicts == {False} else "quarantined"
    if standing == "quarantined":
        reasons = ("conflict", *reasons)
    code = _most_demanding(claims)
    return Licence(code=code, standing=standing, reasons=reasons, uri=uri_of(code))


def _most_demanding(claims: Sequence[_Claim]) -> str:
    """The code that asks most of the user, in its fullest spelling; at a tie the strongest signal's."""
    known = [claim.code for claim in claims]
    top = max(known, key=lambda code: _rank(family(code)))
    same = [code for code in known if family(code) == family(top)]
    code = next((code for code in same if code != family(code)), top)
    return UNKNOWN if code == "restricted" else code


def _rank(name: str) -> int:
    return _DEMANDS.index(name) if name in _DEMANDS else len(_DEMANDS)


def uri_of(code: str) -> str | None:
    """The address of a licence's text; None for a code without version or address."""
    name, _, version = code.rpartition("-")
    if name in ("CC0", "CC-PDM"):
        return f"https://creativecommons.org/publicdomain/{'zero' if name == 'CC0' else 'mark'}/1.0/"
    if not name.startswith("CC-BY") or not re.fullmatch(r"\d\.\d", version):
        return None
    return f"https://creativecommons.org/licenses/{name.removeprefix('CC-').lower()}/{version}/"


# ---------------------------------------------------------------------------------------------- figures

_CONSENT = re.compile(
    r"\b(?:patients?|parents?|guardians?|participants?|subjects?|famil(?:y|ies)|relatives?|next of kin|individuals?)\b|"
    r"\bconsent\b|\bwe (?:obtained|collected|accessed|downloaded|recorded|gathered)\b",
    re.IGNORECASE,
)
_WORK = (
    r"(?:figures?|images?|illustrations?|photographs?|photos?|pictures?|drawings?|diagrams?|panels?(?: [a-z])?|schema)"
)
_THIRD_PARTY: tuple[tuple[str, Standing, re.Pattern[str]], ...] = (
    (
        "figure_permission",
        "refused",
        re.compile(
            r"\bwith (?:the )?(?:\w+ )?permissions? (?:from|of|by)\b|\bwith permission\b|"
            r"\bpermission (?:was |has been )?(?:granted|obtained)\b|"
            r"\bby (?:kind |courtesy )?permission (?:of|from)\b|\bused (?:with|by) permission\b",
            re.IGNORECASE,
        ),
    ),
    (
        "figure_reproduced",
        "refused",
        re.compile(r"\b(?:reproduced|reprinted|republished) (?:\w+ ){0,3}?(?:from|after|by)\b", re.IGNORECASE),
    ),
    (
        "figure_adapted",
        "quarantined",
        re.compile(
            rf"(?:^|[.;:(\[]\s*|\b{_WORK}\)? (?:(?:is|was|are|were|has been|have been) )?)"
            r"(?:partly |partially |slightly )?(?:adapted|modified|redrawn|re-?adapted) (?:\w+ )?(?:from|after)\b|"
            rf"\b{_WORK} (?:(?:is|was|are|were) )?(?:taken|borrowed) from (?:\[|ref|the (?:book|paper|article))",
            re.IGNORECASE,
        ),
    ),
    ("figure_credit", "quarantined", re.compile(rf"\bcourtesy of\b|\b{_WORK} credits?\b", re.IGNORECASE)),
    (
        "figure_copyright",
        "quarantined",
        re.compile(r"(?:©|\(c\) (?=\d{4})|\bcopyright\b(?! transfer)|\ball rights reserved\b)", re.IGNORECASE),
    ),
)
_IN_PASSING: tuple[str, Standing, re.Pattern[str]] = (
    "figure_after",
    "allowed",
    re.compile(r", (?:adapted|modified|redrawn) (?:from|after) (?:\[|ref)", re.IGNORECASE),
)
"""Inside a sentence of description, "…, adapted from [43]" cites what the authors drew after; it is noted, no more."""
_SENTENCE = re.compile(r"(?<=[.;])\s+(?=[A-Z(\[©])")


def for_figure(
    article: Licence, policy: Policy, *, caption: str = "", statement: str = "", uris: Sequence[str] = ()
) -> Licence:
    """The licence of one figure: the article's, unless the figure says that it comes from somewhere else.

    `statement` is what the figure's own permission and attribution elements say, `uris` their licences' addresses.
    A third party's figure stands as its own stated licence does, and is turned away where none is stated.
    """
    own, third_party = [statement] if statement or uris else [], None
    for sentence in (*_SENTENCE.split(statement), *_SENTENCE.split(caption)):
        found = _third_party(sentence)
        if found:
            own.append(sentence)
            if third_party is None or _WORST.index(found[1]) > _WORST.index(third_party[1]):
                third_party = found
    claims = _claims(Signals(uris=tuple(uris), text=" ".join(own)))
    if claims:
        return _worse(article, _weigh(claims, "", policy))
    if third_party is None:
        return article
    reason, standing = third_party
    return article.model_copy(
        update={"standing": _worst(article.standing, standing), "reasons": (reason, *article.reasons)}
    )


def _third_party(sentence: str) -> tuple[str, Standing] | None:
    """Reason and standing of a sentence that names another owner; None for one that does not."""
    for reason, standing, pattern in (*_THIRD_PARTY, _IN_PASSING):
        if pattern.search(sentence) and not (reason == "figure_permission" and _CONSENT.search(sentence)):
            return reason, standing
    return None


def _worst(*standings: Standing) -> Standing:
    return max(standings, key=_WORST.index)


def _worse(article: Licence, figure: Licence) -> Licence:
    standing = _worst(article.standing, figure.standing)
    reasons = tuple(f"figure_{reason}" for reason in figure.reasons) + article.reasons
    return figure.model_copy(update={"standing": standing, "reasons": reasons, "attribution": article.attribution})


# ---------------------------------------------------------------------------------------------- attribution


def attribution(
    licence: Licence,
    *,
    part: str = "",
    authors: str = "",
    title: str = "",
    journal: str | None = None,
    year: int | None = None,
    at: str = "",
) -> str:
    """The line that a user of the work has to print: who, what, where, under which licence.

    `part` is the figure's label, `at` the address or identity of the work. What is not known is left out.
    """
    where = " ".join(part for part in (journal, f"({year})" if year else "") if part)
    terms = f"Licence: {_spoken(licence.code)}" + (f" ({licence.uri})" if licence.uri else "")
    parts = (f"{part.rstrip('.:')} of" * bool(part), authors, f"“{title.rstrip('.')}”" * bool(title), where, at, terms)
    return ". ".join(text.rstrip(".") for text in parts if text).replace(" of. ", " of: ", 1) + "."


@lru_cache(maxsize=256)
def _spoken(code: str) -> str:
    """A code as people write it: "CC BY 4.0" for CC-BY-4.0."""
    name = code.replace("CC-BY", "CC BY").replace("CC0-", "CC0 ")
    return re.sub(r"-(\d\.\d)$", r" \1", name) if code != UNKNOWN else "not stated"
