"""Articles as nobody wrote them: the parser never raises, loses no figure and repeats no sentence."""

from collections import Counter
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.records import Article
from medvlsynther.rules.mentions import split
from tests.sources.material import article, damaged, figure, one, parse, xref

TEXT = st.text(alphabet="abc Fig. 123SA–(),;&<\n", max_size=40).map(escape)
IDS = st.sampled_from(["f1", "f2", "F1", "f1 f2", "f9", "g1", "f1a", ""])
_PROSE = [
    "p",
    "sec",
    "title",
    "label",
    "list",
    "list-item",
    "boxed-text",
    "bold",
    "sup",
    "sub",
    "fn",
    "abstract",
    "xref",
]
_FIGURES = ["fig", "fig-group", "caption", "graphic", "alternatives", "media", "attrib", "permissions", "license"]
_OTHERS = ["table-wrap", "td", "tr", "disp-formula", "tex-math", "math", "sub-article", "body", "floats-group"]
NAMES = st.sampled_from(_PROSE + _FIGURES + _OTHERS)


def _element(name: str, inside: str, identity: str, kind: str) -> str:
    reference = f'rid="{identity}" ref-type="{kind}"' if name == "xref" else f'id="{identity}"' if identity else ""
    address = f' xlink:href="{identity}.jpg"' if name == "graphic" else ""
    return f"<{name} {reference}{address}>{inside}</{name}>"


TREES = st.recursive(
    TEXT,
    lambda inner: st.builds(
        _element, NAMES, st.lists(inner, max_size=4).map("".join), IDS, st.sampled_from(["fig", "", "bibr", "table"])
    ),
    max_leaves=25,
)


@settings(deadline=None)
@given(TREES, TREES)
def test_every_figure_of_any_tree_is_a_figure_or_a_reject(body: str, floats: str) -> None:
    text = article(body, floats=f"<floats-group>{floats}</floats-group>")
    found = one(text)
    told = [reject.id for reject in found.rejects if reject.reason not in ("dangling_xref", "outside_figure")]
    assert len(found.figures) + len(told) >= text.count("<fig ")
    ids = Counter([figure.figure_id for figure in found.figures] + told)
    assert set(ids.values()) <= {1}
    assert all(figure.caption and figure.images for figure in found.figures)


@settings(deadline=None)
@given(st.lists(TEXT | st.builds(xref, IDS, TEXT), max_size=12), st.lists(TEXT, min_size=2, max_size=2))
def test_captions_are_whole_and_mentions_repeat_nothing(parts: list[str], captions: list[str]) -> None:
    body = f"<p>{''.join(parts)}</p><p>{'. '.join(parts)}</p>"
    drawn = "".join(figure(number, f"C{caption}") for number, caption in enumerate(captions, 1))
    found = one(article(body + drawn))
    plain = [f"C{caption}".replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for caption in captions]
    assert [figure.caption for figure in found.figures] == [" ".join(text.split()) for text in plain]
    for drawing in found.figures:
        sentences = [text[start:end] for text in drawing.mentions for start, end in split(text)]
        assert len(drawing.mentions) == len(set(drawing.mentions))
        assert len(sentences) >= len(drawing.mentions)


@settings(deadline=None)
@given(st.lists(st.sampled_from([1, 2, 3, 4, 5]), min_size=1, max_size=6))
def test_every_reference_is_resolved_to_its_figure(numbers: list[int]) -> None:
    body = "".join(
        f"<p>Number {n} is here ({xref(f'f{number}', f'Fig. {number}')}).</p>" for n, number in enumerate(numbers)
    )
    found = one(article(body + "".join(figure(number) for number in range(1, 6))))
    for drawing in found.figures:
        told = " ".join(drawing.mentions)
        number = int(drawing.label.split()[1])
        assert [f"Number {n} " in told for n in range(len(numbers))] == [each == number for each in numbers]


def test_a_damaged_document_is_read_or_named() -> None:
    text = article(f"<p>See {xref('f1', 'Fig. 1')}&nbsp;.</p>{figure(1)}" * 10).encode()
    for name, data in damaged(text):
        results = parse(data)
        assert results, name
        assert all(isinstance(result, Article) or result.reason.isidentifier() for result in results)


def test_a_hostile_article_stays_within_bounds() -> None:
    references = "".join(xref(f"f{number % 50}", "Figs 1–40") for number in range(5_000))
    found = one(article(f"<p>{references}</p>" + "".join(figure(number) for number in range(50))))
    assert sum(len(text) for drawing in found.figures for text in drawing.mentions) < 50_000_000


def test_more_figures_than_an_article_may_have_are_turned_away() -> None:
    found = one(article("".join(figure(number) for number in range(1_005))))
    assert len(found.figures) == 1_000
    assert [reject.reason for reject in found.rejects] == ["too_many_figures"] * 5


@pytest.mark.parametrize(
    "text",
    [
        "<p>" + "".join(f"Fig. {n % 90}. {xref(f'z{n}', 'Fig. 9')}" for n in range(5_000)) + "</p>" + figure(1),
        '<fig-group id="g"><caption><p>x</p></caption>' + "<fig/>" * 20_000 + "</fig-group>",
        "<p>fig " * 200 + "x " * 100_000 + "</p>" * 200 + figure(1),
        figure(1, "A, " * 50_000) + figure(2, "(A) with permission " * 10_000) + figure(3, "Fig. 1–" * 10_000),
        '<fig id="f"><caption><p>x</p></caption><alternatives>'
        + '<graphic xlink:href="a"/>' * 20_000
        + "</alternatives></fig>",
    ],
    ids=["references", "group", "nested", "captions", "alternatives"],
)
def test_hostile_articles_end_in_linear_time(text: str) -> None:
    assert parse(article(text))
