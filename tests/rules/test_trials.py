"""Rotations map back, and one lucky guess is no evidence."""

from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.records import LETTERS, Trial
from medvlsynther.rules.trials import answerable, rotated, solved, unrotated


@given(options=st.lists(st.text(), min_size=2, max_size=10), by=st.integers(0, 30), data=st.data())
def test_every_rotated_letter_maps_back_to_the_same_option(options: list[str], by: int, data: st.DataObject) -> None:
    shown = rotated(options, by)
    letter = data.draw(st.sampled_from(sorted(shown)))
    assert options[LETTERS.index(unrotated(letter, by, len(options)))] == shown[letter]


def trial(right: int, asked: int, unknown: int = 0) -> Trial:
    return Trial(view="stem", model="m", asked=asked, right=right, unknown=unknown)


@given(asked=st.integers(0, 20), data=st.data())
def test_solved_needs_more_than_half_of_what_is_known(asked: int, data: st.DataObject) -> None:
    unknown = data.draw(st.integers(0, asked))
    right = data.draw(st.integers(0, asked - unknown))
    assert solved(trial(right, asked, unknown)) == (asked > unknown and right > (asked - unknown) / 2)


def test_the_soft_rule() -> None:
    assert not answerable([trial(2, 4)], first_right=1)
    assert answerable([trial(3, 4)], first_right=0)
    assert answerable([trial(1, 4), trial(1, 4)], first_right=2)
    assert not answerable([trial(0, 4, 4)], first_right=0), "a failed call is unknown, never an answer"
