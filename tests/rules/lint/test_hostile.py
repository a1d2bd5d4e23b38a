"""All rules and fixes on items that nobody would write: no raise, bounded time, equal notes."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.records import LETTERS, Figure, Item
from medvlsynther.rules.lint import RULES, fix, lint, names_place
from tests.rules.lint.finding import STEM, first, found
from tests.rules.material import make_figure, make_item


def test_labels_of_all_options_are_removed() -> None:
    item = make_item(STEM, ("A) CT", "B) MRI", "C) PET"))
    assert fix(item).options == ("CT", "MRI", "PET")
    assert fix(make_item(STEM, ("(A) A. CT", "(B) B. MRI"))).options == ("CT", "MRI")


@pytest.mark.parametrize(
    "options", ["E. coli | B. cereus", "A) CT | MRI", "B) CT | A) MRI", "A. fumigatus | C. albicans"]
)
def test_what_may_be_a_name_is_not_removed(options: str) -> None:
    item = make_item(STEM, first(options))
    assert fix(item) is item


TEXT = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="ABCDE).:( \u200f\u200bאבגده图像是", max_size=30),
    st.sampled_from(
        ["", " ", "A) ", "图中显示肺部", "\u202eabc", "a" * 5000, "5" * 5000, "A and B", "+", "\x00", "ﷺ" * 50]
    ),
)
FIGURES = st.builds(make_figure, TEXT, TEXT, images=st.integers(0, 7))
ITEMS = st.builds(
    make_item, TEXT, st.lists(TEXT, max_size=12).map(tuple), st.one_of(st.sampled_from(list(LETTERS)), TEXT)
)


@settings(max_examples=100, deadline=None)
@given(ITEMS, FIGURES)
def test_no_item_raises_and_equal_input_gives_equal_notes(item: Item, figure: Figure) -> None:
    notes = lint(item, figure)
    assert notes == lint(item, figure)
    assert all(note.rule in RULES and len(note.detail) <= 200 for note in notes)
    sound = 2 <= len(item.options) <= 10 and item.answer in list(LETTERS[: len(item.options)]) and len(item.answer) == 1
    assert sound or any(note.rule == "SCH1" and note.severity == "error" for note in notes)


@settings(max_examples=100, deadline=None)
@given(ITEMS)
def test_a_fix_changes_options_only_and_is_stable(item: Item) -> None:
    fixed = fix(item)
    assert fixed.model_copy(update={"options": item.options}) == item
    assert fix(fixed) == fixed
    assert all(new in old for new, old in zip(fixed.options, item.options, strict=True))


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 10), TEXT, st.data())
def test_equal_options_are_always_found(count: int, option: str, data: st.DataObject) -> None:
    options = [f"choice {n}" for n in range(count)]
    one, other = data.draw(st.sampled_from(list(permutations(range(count), 2))))
    options[one] = options[other] = option
    severities = found("SCH2", options=tuple(options))
    assert "error" in severities


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["A", "B", "C", "D", "E"]), st.sampled_from(["option {}", "Both {} and C", "either ({})"]))
def test_letters_are_found_wherever_they_stand(letter: str, words: str) -> None:
    assert names_place(f"It is {words.format(letter)}")


def test_ten_megabytes_are_judged_in_bounded_time() -> None:
    huge = "a 1.2 cm 3 mm Dr A. B@c " * 400_000
    notes = lint(make_item(huge, (huge, "Cyst")), make_figure("word " * 100, huge))
    assert {"SCH1"} <= {note.rule for note in notes if note.severity == "error"}
