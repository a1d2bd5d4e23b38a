"""A reply that cannot be read is asked for once more, with what is wrong with it: in order, and paid for once."""

import asyncio
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.cards import Sampling
from medvlsynther.context import _mending
from medvlsynther.engines._asking import Mend, ask
from medvlsynther.engines.base import Failure, Reply, Request, Usage, again, ledger_key, render
from medvlsynther.errors import ReplyError
from medvlsynther.store.ledger import Ledger
from tests.engines.conftest import MODEL, SCHEMA, requests


class Careless:
    """An engine of our own: what it says first is bad for some rows; for some of those it stays bad, or fails."""

    remembers = False
    concurrency = 5

    def __init__(self, bad: set[int], hopeless: set[int], failing: set[int]) -> None:
        self.bad, self.hopeless, self.failing = bad, hopeless, failing
        self.asked: Counter[str] = Counter()

    async def generate(self, request: Request, sampling: Sampling) -> Reply:
        self.asked[request.id] += 1
        number = int(request.id[3:])
        await asyncio.sleep(0.0003 * (number % 3))
        mended = "could not be used" in render(request).task
        if mended and number in self.failing:
            raise ReplyError("server_error", "simulated")
        text = "bad" if number in self.hopeless or (number in self.bad and not mended) else "good"
        return Reply(request, text, usage=Usage(10, 2, 3, 1), attempts=1)

    async def probe(self) -> None:
        """Always there."""

    async def close(self) -> None:
        """Nothing to close."""


def read(reply: Reply) -> str:
    if reply.text != "good":
        raise ReplyError("bad_schema", f"simulated fault of {reply.request.id}")
    return reply.text


def mend() -> Mend:
    found = _mending(read)
    assert found is not None
    return found


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)))
def test_bad_replies_are_asked_for_once_more_and_good_ones_are_not(
    bad: set[int], hopeless: set[int], failing: set[int]
) -> None:
    engine = Careless(bad, hopeless, failing)
    answers = list(ask(engine, None, MODEL, requests(20, schema=SCHEMA), Sampling(), mend=mend()))
    assert [answer.request.id for answer in answers] == [f"row{n}" for n in range(20)]
    assert engine.asked == {f"row{n}": 1 + (n in bad | hopeless) for n in range(20)}
    for number, answer in enumerate(answers):
        if number in (bad | hopeless) & failing:
            assert isinstance(answer, Failure)
            assert answer.reason == "server_error"
            continue
        assert isinstance(answer, Reply)
        times = engine.asked[answer.request.id]
        assert answer.text == ("bad" if number in hopeless else "good")
        assert (answer.attempts, answer.usage) == (times, Usage(10 * times, 2 * times, 3 * times, times))
        assert "could not be used" not in render(answer.request).task, "the answer is to the request as it was"


def test_both_replies_are_kept_and_paid_for_once(tmp_path: Path) -> None:
    found = []
    engine = Careless({1, 3}, {5}, set())
    for _ in range(2):
        with Ledger(tmp_path) as ledger:
            found.append(list(ask(engine, ledger, MODEL, requests(8, schema=SCHEMA), Sampling(), mend=mend())))
    assert found[0] == found[1]
    assert sum(engine.asked.values()) == 8 + 3


def test_a_kept_reply_that_is_of_no_use_is_asked_for_once_more(tmp_path: Path) -> None:
    """As after a kill between the two, or when the reader became stricter."""
    engine = Careless({2}, set(), set())
    with Ledger(tmp_path) as ledger:
        list(ask(engine, ledger, MODEL, requests(4, schema=SCHEMA), Sampling()))
        answers = list(ask(engine, ledger, MODEL, requests(4, schema=SCHEMA), Sampling(), mend=mend()))
    assert [answer.text for answer in answers if isinstance(answer, Reply)] == ["good"] * 4
    assert engine.asked == {"row0": 1, "row1": 1, "row2": 2, "row3": 1}


def test_free_text_and_refusals_are_not_pressed() -> None:
    (plain,), (form,) = requests(1), requests(1, schema=SCHEMA)

    def refusing(_: Reply) -> None:
        raise ReplyError("insufficient_evidence")

    refused = _mending(refusing)
    assert refused is not None
    assert refused(Reply(form, "{}")) is None
    assert mend()(Reply(plain, "bad")) is None
    assert mend()(Reply(form, "bad")) is not None


def test_the_second_request_begins_like_the_first_and_ends_with_the_complaint() -> None:
    (request,) = requests(1, schema=SCHEMA)
    first, second = render(request), render(again(request, "x" * 10_000, "bad_schema: " + "y" * 10_000))
    assert (first.system, first.material) == (second.system, second.material)
    assert second.task.startswith(first.task)
    assert len(second.task) < len(first.task) + 5000
    assert ledger_key(request, MODEL, Sampling()) != ledger_key(again(request, "x", "y"), MODEL, Sampling())
