"""Options and keys in all the ways in which sets write them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import InputError
from medvlsynther.questions.entry import TEXT_LIMIT, clean, gold, read_options, without_letter, yes_no
from medvlsynther.records import LETTERS

OPTIONS = st.lists(st.text(min_size=1, max_size=9).map(str.strip).filter(lambda t: t and "\0" not in t), max_size=9)


@given(OPTIONS)
def test_options_read_the_same_from_every_writing(texts: list[str]) -> None:
    if all(clean(text) for text in texts):
        wanted = tuple(clean(text) for text in texts)
        mapping = dict(zip(LETTERS, texts))
        for value in (mapping, texts, json.dumps(mapping), json.dumps(texts), repr(texts)):
            assert read_options(value) == wanted
        assert read_options({**mapping, LETTERS[len(texts)]: None}) == wanted


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('{"A": "x"', "options_unreadable"),
        ("__import__('os')", "options_unreadable"),
        ("(" * 5000, "options_unreadable"),
        (7, "options_unreadable"),
        ([True], "options_unreadable"),
        ([["x"]], "options_unreadable"),
        ({"A": "x", "C": "y"}, "option_letters"),
        ({"1": "x"}, "option_letters"),
        (["x", " "], "option_empty"),
        ("x" * (TEXT_LIMIT + 1), "text_too_long"),
    ],
)
def test_what_is_no_list_of_options_says_so(value: object, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        read_options(value)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("answer", "label", "letter", "faults"),
    [
        ("Lung", "A", "A", ()),
        ("", "b", "B", ()),
        ("liver", "", "B", ()),
        ("Heart", "", None, ("gold_outside_options",)),
        ("Lung", "E", "A", ()),
        ("Heart", "E", None, ("gold_outside_options",)),
        ("Lung", "B", None, ("gold_contradicts_itself",)),
        ("", "", None, ("gold_held_back",)),
    ],
)
def test_the_key_comes_from_letter_or_text(
    answer: str, label: str, letter: str | None, faults: tuple[str, ...]
) -> None:
    found = gold(("Lung", "Liver"), answer, label)
    assert (found.letter, found.faults) == (letter, faults)


def test_an_answer_that_two_options_are_is_no_key() -> None:
    assert gold(("Lung", "lung "), "Lung", "").faults == ("gold_several",)


def test_a_yes_or_no_is_a_choice_and_anything_else_is_open() -> None:
    assert (yes_no("yes").letter, yes_no("No").letter) == ("A", "B")
    assert yes_no("Lung").faults == yes_no("yes", answer_is_closed=False).faults == ("no_options",)


def test_only_an_options_own_letter_is_taken_off() -> None:
    assert without_letter(" B: Focal uptake ", "B") == "Focal uptake"
    assert without_letter("B: cells", "A") == "B: cells"
    assert without_letter("B cells", "B") == "B cells"
