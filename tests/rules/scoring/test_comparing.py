"""Comparisons: antisymmetric, corrected over sets, and never sure of what is not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.scoring.report import score
from medvlsynther.rules.scoring.scores import Score
from medvlsynther.rules.stats import holm, mcnemar
from tests.rules.scoring.material import grades, question

PAIRS = st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("AB")), min_size=1, max_size=40)


def compared(pairs: list[tuple[str, str]], names: tuple[str, str] = ("one", "two")) -> list[Score]:
    asked = [question(n, f"s{n % 2}") for n in range(len(pairs))]
    first, second = (grades(asked, [pair[place] for pair in pairs], names[place]) for place in (0, 1))
    return [s for s in score(asked, first + second) if s.measure == "difference"]


@given(PAIRS)
def test_swapping_the_models_turns_every_difference_round(pairs: list[tuple[str, str]]) -> None:
    forward, backward = compared(pairs), compared([(b, a) for a, b in pairs])
    for one, other in zip(forward, backward, strict=True):
        assert one.value == pytest.approx(-(other.value or 0.0), abs=1e-12)
        assert (one.p, one.p_adjusted) == (other.p, other.p_adjusted)


@given(PAIRS)
def test_the_test_is_mcnemars_and_the_correction_holms(pairs: list[tuple[str, str]]) -> None:
    found = [s for s in compared(pairs) if s.p is not None]
    expected = []
    for place in range(len(found)):
        own = [pair for n, pair in enumerate(pairs) if n % 2 == place]
        expected.append(mcnemar(own.count(("A", "B")), own.count(("B", "A"))))
    assert [s.p for s in found] == expected
    assert tuple(s.p_adjusted for s in found) == holm(expected)


def test_equal_answers_are_no_difference() -> None:
    for one in compared([("A", "A"), ("B", "B")] * 20):
        assert (one.value, one.low, one.high) == (0, 0, 0)
        assert one.p in (None, 1.0)
