"""Tables in every form hold every cell, and text of others stays text."""

from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.evaluation.grids import Grid, as_latex, as_markdown, as_text

WORDS = st.text(st.sampled_from("ab|*_`<[]()&%$#{}\\\n~^"), max_size=8)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=4))
def test_no_cell_breaks_a_table(rows: list[tuple[str, str]]) -> None:
    grid = Grid("Title", ("one", "two"), tuple(rows), ("a note",))
    lines = as_markdown([grid]).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == (len(rows) + 2 if rows else 0)
    for line in table:
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3
    assert as_text([grid]).startswith("Title\n")
    assert as_latex([grid]).count("\\\\\n") == (len(rows) + 1 if rows else 0)


def test_links_and_markup_of_others_stay_words() -> None:
    text = as_markdown([Grid("T", ("model",), (("[x](http://y) <img> *b*",),))])
    assert "](" not in text.replace("]\\(", "")
    assert "\\<img>" in text
    assert "\\*b\\*" in text


def test_latex_escapes_what_latex_reads() -> None:
    text = as_latex([Grid("T", ("a_b",), (("50 % & $x$",),))])
    assert "a\\_b" in text
    assert "50 \\% \\& \\$x\\$" in text
