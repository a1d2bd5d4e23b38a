"""Rows as the published script weighs them; `test_rubric` holds the card's own weighing beside it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import ReplyError
from medvlsynther.rules.released_rubric import released_weigh

ESSENTIALS = ("Stem Self-contained", "Single Correct Option")
FULL = [{"title": title, "category": "Essential", "weight": 5, "score": 5} for title in ESSENTIALS]


def test_full_marks_pass() -> None:
    found = released_weigh({"rubric": FULL}, ESSENTIALS)
    assert (found.passed, found.normalized, found.final, found.reasons) == (True, 1.0, 10, ())


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        (FULL[:1], "missing_titles:Single Correct Option"),
        ([FULL[0], FULL[1] | {"score": 4}], "essential_not_full:Single Correct Option"),
        ([FULL[0], FULL[1] | {"score": 6}], "essential_not_full:Single Correct Option"),
        ([FULL[0], FULL[1] | {"score": "five"}], "essential_not_full:Single Correct Option"),
    ],
)
def test_an_essential_needs_exactly_its_weight(items: list[dict[str, Any]], reason: str) -> None:
    assert released_weigh({"rubric": items}, ESSENTIALS).reasons == (reason,)


@given(st.integers(-9, 9))
def test_only_a_negative_penalty_costs_points(score: int) -> None:
    pitfall = {"title": "Synonym Drift", "category": " pitfall ", "weight": -1, "score": score}
    found = released_weigh({"rubric": [*FULL, pitfall]}, ESSENTIALS)
    assert (found.weight, found.earned, found.penalty) == (10, 10, max(0, -score))


def test_the_published_code_crashed_on_an_item_that_is_no_object() -> None:
    with pytest.raises(ReplyError, match="bad_schema"):
        released_weigh({"rubric": [*FULL, "fine"]}, ESSENTIALS)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"rubric": []},
        {"rubric_verification": "bad"},
        {"rubric": FULL, "rubric_verification": {"error": "x"}},
    ],
)
def test_a_row_without_a_rubric_is_not_evaluable(row: dict[str, Any]) -> None:
    assert not released_weigh(row, ESSENTIALS).evaluable
