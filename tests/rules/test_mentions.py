"""References, sentences and windows: what a person reads is what the rules read."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.mentions import (
    LONGEST_SENTENCE,
    MOST_MENTIONS,
    Hit,
    Passage,
    gather,
    is_range,
    label_name,
    panels_at,
    references,
    split,
)

PROSE = st.text(alphabet=st.sampled_from(list("abC 1.2,()–-[]&;:FigSs\n\t")), max_size=300)
WORDS = st.lists(
    st.sampled_from(["The", "mass", "grew", "in", "Fig.", "Figs", "2", "3A", "and", "to", "–", "et al.", "x."])
)


def read(text: str) -> list[tuple[str, str]]:
    return [(name.number, "".join(name.panels)) for spoken in references(text) for name in spoken.names]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Fig. 1", [("1", "")]),
        ("Fig. 10", [("10", "")]),
        ("Figure S1", [("S1", "")]),
        ("FIGURE 2", [("2", "")]),
        ("Figura 2", [("2", "")]),
        ("Fig.1", [("1", "")]),
        ("Fig. 6B–D", [("6", "BCD")]),
        ("Fig. 2A through C", [("2", "ABC")]),
        ("Fig. 2A-2B", [("2", "AB")]),
        ("Figure 4C, 4F, and 4G", [("4", "CFG")]),
        ("Figures 3a and b", [("3", "ab")]),
        ("figures 3a/b", [("3", "ab")]),
        ("Fig. 1(a)", [("1", "a")]),
        ("Fig. 1 (A, B)", [("1", "AB")]),
        ("Fig. 1a&b", [("1", "ab")]),
        ("figuras 2 a, b", [("2", "ab")]),
        ("Figs. 9B, D", [("9", "BD")]),
        ("Figs 2–4", [("2", ""), ("3", ""), ("4", "")]),
        ("Figs. 1–3, 5A–C, and 7", [("1", ""), ("2", ""), ("3", ""), ("5", "ABC"), ("7", "")]),
        ("Figs. 2b and S2", [("2", "b"), ("S2", "")]),
        ("(Fig 1; Fig 2)", [("1", ""), ("2", "")]),
        ("Fig. 1 a patient", [("1", "")]),
        ("Fig. 2a and a control", [("2", "a")]),
        ("Fig. 2, 12 patients", [("2", "")]),
        ("Fig. 2 and 3 patients", [("2", "")]),
        ("Figs 1–900", [("1", "")]),
        ("figure it out, configure 3, prefig 2", []),
    ],
)
def test_a_reference_is_read_as_a_person_reads_it(text: str, names: list[tuple[str, str]]) -> None:
    assert read(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "Supplementary Fig. 1",
        "Suppl. Figure 1",
        "Additional file 1: Fig. 1",
        "Extended Data Fig. 1",
        "Fig. 3 of Smith et al. [12]",
        "Figure 1 in [12]",
        "Figure 2 in Ref. 7",
        "Fig. 2 in Jones and Wu (2010)",
        "in their Fig. 2",
        "(Smith et al., 2010, Fig. 2)",
        "[12, Fig. 2]",
        "Figure 2—figure supplement 1",
    ],
)
def test_supplements_and_other_works_are_foreign(text: str) -> None:
    assert [spoken.foreign for spoken in references(text)] == [True]


@pytest.mark.parametrize(
    "text", ["In 2010, Fig. 2 shows", "Fig. 2 in the left lung", "Fig. 2 of this study", "see Fig. 2)"]
)
def test_our_own_figures_are_not_foreign(text: str) -> None:
    assert [spoken.foreign for spoken in references(text)] == [False]


@given(PROSE | WORDS.map(" ".join))
def test_references_stand_in_order_and_apart(text: str) -> None:
    end = 0
    for spoken in references(text):
        assert end <= spoken.start < spoken.end <= len(text)
        assert spoken.names
        end = spoken.end


@given(st.integers(1, 99), st.integers(1, 99))
def test_one_figure_is_never_read_out_of_another(first: int, second: int) -> None:
    assert ((str(first), "") in read(f"It grew (Fig. {second}).")) == (first == second)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Fig. 2.", ("figure", "2")),
        ("Figure 3A", ("figure", "3A")),
        ("Figure S1", ("figure", "S1")),
        ("Foto 1", ("photo", "1")),
        ("4", ("figure", "4")),
        ("Graphical abstract", None),
        ("Supplementary Figure 1", None),
        ("", None),
    ],
)
def test_a_label_has_kind_and_number(label: str, name: tuple[str, str] | None) -> None:
    assert label_name(label) == name


def test_small_readings() -> None:
    assert all(map(is_range, ("–", " - ", " to ", " through ")))
    assert not any(map(is_range, (", ", " and ", "", "A–")))
    assert panels_at("Fig. 6B–D grew", 6) == ("B", "C", "D")


# sentences --------------------------------------------------------------------------------------------------


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in split(text)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["We saw it in Fig. 2.", "It grew."],
        ["C. saccharolyticus grew (e.g. Fig. 3).", "Done."],
        ["As shown before.12", "The mice died."],
        ["Smith et al. [12] found p < 0.05.", "Done (n = 3).", "5 mice died!", "Why?"],
        ["The lesion was in panel A (Fig. 2A).", "The end."],
        ["We used 5 min.", "The cells grew."],
        ["He said “stop.”", "Then it stopped."],
    ],
)
def test_sentences_end_where_they_end(sentences: list[str]) -> None:
    assert cut(" ".join(sentences)) == sentences


@given(PROSE)
def test_sentences_cover_the_text(text: str) -> None:
    spans = split(text)
    assert "".join("".join(cut(text)).split()) == "".join(text.split())
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(end - start <= LONGEST_SENTENCE for start, end in spans)


def test_a_text_without_an_end_is_bounded() -> None:
    assert max(end - start for start, end in split("word " * 10_000)) <= LONGEST_SENTENCE
    assert max(end - start for start, end in split("x" * 10_000)) <= LONGEST_SENTENCE


# windows ----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), max_size=12))
def test_no_sentence_stands_in_two_mentions(places: list[tuple[int, int]]) -> None:
    passages = [Passage(" ".join(f"Sentence {n % 7} of it." for n in range(10))) for _ in range(4)]
    mentions = gather([Hit(passages[number], at, at + 1) for number, at in places])
    sentences = [sentence for mention in mentions for sentence in cut(mention)]
    assert len(set(sentences)) == len(sentences)


@given(st.integers(0, 9), st.integers(0, 3))
def test_a_mention_is_its_sentence_with_its_neighbours(number: int, margin: int) -> None:
    sentences = [f"Sentence {n} is here." for n in range(10)]
    passage = Passage(" ".join(sentences))
    at = passage.text.index(sentences[number])
    expected = " ".join(sentences[max(0, number - margin) : number + margin + 1])
    assert gather([Hit(passage, at, at + 5)], margin=margin) == (expected,)
    assert gather([Hit(passage, at, at)], margin=margin) == (expected,)
    assert gather([Hit(passage, at, at + 5)], "paragraphs") == (passage.text,)


def test_mentions_are_bounded_in_number() -> None:
    hits = [Hit(Passage(f"It is {n}."), 0, 1) for n in range(500)]
    assert len(gather(hits)) == MOST_MENTIONS
