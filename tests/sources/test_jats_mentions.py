"""Traps 15 to 21 of real articles: what the text says about which figure."""

import pytest

from tests.sources.material import article, figure, mentions, one, xref


def told(body: str, figures: int = 5, **options: object) -> dict[str, tuple[str, ...]]:
    drawn = "".join(figure(number) for number in range(1, figures + 1))
    return {name: said for name, said in mentions(one(article(body + drawn), **options)).items() if said}


def test_15_the_word_may_stand_outside_the_reference() -> None:
    assert told(f"<p>As in Fig.&#160;{xref('f1', '1')}a it is.</p>") == {"f1": ("As in Fig. 1a it is.",)}


def test_16_a_letter_inside_or_after_reaches_the_figure() -> None:
    assert set(told(f"<p>A ({xref('f2', 'Fig. 2')}B–D). B ({xref('f3', 'Fig. 3A, B')}).</p>")) == {"f2", "f3"}


@pytest.mark.parametrize(
    "text",
    [
        f"{xref('f2', 'Figs 2')}–{xref('f4', '4')}",
        f"Figs. {xref('f2', '2')} to {xref('f4', '4')}",
        xref("f2", "Figs 2–4"),
        "Figs. 2–4",
        "Figures 2, 3 and 4",
        f"Figs. {xref('f2', '2')}, 3 and 4",
    ],
)
def test_17_ranges_and_lists_reach_every_figure(text: str) -> None:
    assert set(told(f"<p>It grew ({text}).</p>")) == {"f2", "f3", "f4"}


@pytest.mark.parametrize(
    "reference",
    [
        xref("f1 f2", "Figs 1, 2"),
        f"{xref('F1', '1')} {xref('f2b', '2b')}",
        f"{xref('gone', 'Fig. 1')} and {xref('f2', 'x', kind='figure')}",
        '<xref rid="f1">1</xref> and <xref rid="f2">2</xref>',
    ],
)
def test_18_odd_targets_are_resolved(reference: str) -> None:
    found = one(article(f"<p>It grew ({reference}).</p>{figure(1)}{figure(2)}"))
    assert all(mentions(found).values())
    assert found.rejects == ()


def test_18_what_leads_nowhere_is_reported_once() -> None:
    dead = xref("f9", "Fig. 9")
    found = one(article(f"<p>See {dead} and {dead}.</p>{figure(1, f'As in {dead}.')}"))
    assert [(r.id, r.reason, r.detail) for r in found.rejects] == [("PMC77/f9", "dangling_xref", "Fig. 9")]


@pytest.mark.parametrize(
    "place",
    [
        "<p>So <bold><italic>({})</italic></bold> it is.</p>",
        "<sec><title>About {}</title></sec>",
        "<table-wrap><table><tr><td>skull</td><td>{}</td></tr></table></table-wrap>",
        "<table-wrap><caption><p>Values of {}.</p></caption></table-wrap>",
        "<list><list-item><p>Item {}</p></list-item></list>",
        "<p>Text.<fn><p>Note on {}.</p></fn></p>",
        "<boxed-text><p>Box {}</p></boxed-text>",
        "<disp-quote>Loose {}</disp-quote>",
        "<sec>Loose {} here</sec>",
    ],
)
def test_19_a_reference_counts_wherever_it_stands(place: str) -> None:
    assert "f1" in told(place.format(xref("f1", "Fig. 1")))


def test_19_a_reference_in_the_abstract_counts_and_one_without_text_too() -> None:
    meta = f"<abstract><p>Growth was seen {xref('f1', '')}.</p></abstract>"
    assert mentions(one(article(figure(1), meta=meta))) == {"f1": ("Growth was seen .",)}


def test_19_a_figure_in_a_paragraph_does_not_break_its_sentence() -> None:
    body = f"<p>The mass {figure(1)} was large ({xref('f1', 'Fig. 1')}).</p>"
    assert mentions(one(article(body))) == {"f1": ("The mass was large (Fig. 1).",)}


@pytest.mark.parametrize(
    "text",
    [
        "Fig 10",
        "Figure S1",
        "Fig. 1 of Smith et al. [12]",
        "Supplementary Fig. 1",
        "Figure 1 in [12]",
        "Extended Data Fig. 1",
        "Smith et al., 2010, Fig. 1",
        xref("s1", "Fig. 1", kind="supplementary-material"),
    ],
)
def test_20_another_figure_is_not_ours(text: str) -> None:
    assert "f1" not in told(f"<p>It is known ({text}).</p>")


def test_20_plain_words_are_a_mention_and_say_so() -> None:
    found = one(article(f"<p>We now see figure 2.</p>{figure(1)}{figure(2)}"))
    assert [figure.context_quality for figure in found.figures] == ["none", "plain-text"]


def test_21_each_figure_has_its_own_sentences_with_their_neighbours() -> None:
    sentences = [f"Sentence {n} says something." for n in range(9)]
    sentences[2], sentences[7] = f"Two is in {xref('f1', 'Fig. 1')}.", f"Seven is in {xref('f2', 'Fig. 2')}."
    body = f"<p>{' '.join(sentences)}</p>"
    found = told(body)
    assert found["f1"] == ("Sentence 1 says something. Two is in Fig. 1. Sentence 3 says something.",)
    assert found["f2"] == ("Sentence 6 says something. Seven is in Fig. 2. Sentence 8 says something.",)
    assert all(text.count("says something") == 7 for (text,) in told(body, paragraphs=True).values())


def test_21_no_mention_repeats_a_sentence() -> None:
    paragraph = f"<p>First. Then {xref('f1', 'Fig. 1')} grew. And {xref('f1', 'Fig. 1')} fell. Last.</p>"
    assert told(paragraph * 3) == {"f1": ("First. Then Fig. 1 grew. And Fig. 1 fell. Last.",)}
