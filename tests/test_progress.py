"""Long work says where it is: once a minute without a terminal; a budget is passed by what was in flight only."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import BudgetSpent
from medvlsynther.progress import Board, Budget, Meter


def test_one_line_a_minute_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    monkeypatch.setattr("medvlsynther.progress.time.monotonic", lambda: now[0])
    meter = Meter(Board(None), "verify", 600)
    with caplog.at_level(logging.INFO, logger="medvlsynther"):
        for second in range(300):
            now[0] = float(second)
            meter.add(done=1)
    assert len(caplog.messages) == 4
    assert caplog.messages[0].startswith("verify: 61 of 600 · 1.0/s")


@given(costs=st.lists(st.floats(0, 10), max_size=30), limit=st.floats(0, 50))
def test_a_budget_stops_at_the_first_reply_beyond_it(costs: list[float], limit: float) -> None:
    budget = Budget(max_cost=limit)
    spent = 0.0
    for cost in costs:
        spent += cost
        if spent > limit:
            with pytest.raises(BudgetSpent, match="--max-cost"):
                budget.spend(cost, 0)
            return
        budget.spend(cost, 0)


def test_tokens_have_a_budget_too() -> None:
    budget = Budget(max_tokens=10)
    budget.spend(0.0, 10)
    with pytest.raises(BudgetSpent, match="11 of 10 tokens"):
        budget.spend(0.0, 1)
