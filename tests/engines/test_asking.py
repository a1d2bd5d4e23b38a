"""Asking: in order, in bounded memory, nothing asked twice, nothing left behind."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.cards import Sampling
from medvlsynther.engines import _asking
from medvlsynther.engines._asking import ask
from medvlsynther.engines.base import Event, Failure, Reply, ReplyError, Request, Usage, ledger_key
from medvlsynther.errors import EngineRefused, StoreTrouble
from medvlsynther.store.ledger import Ledger
from tests.engines.conftest import MODEL, PROMPT, requests


class Fake:
    """An engine of our own: answers late, early, badly or never, as told by a function."""

    remembers = False

    def __init__(self, concurrency: int = 4, act: Any = None) -> None:
        self.concurrency = concurrency
        self.act = act
        self.asked: Counter[str] = Counter()
        self.in_flight = self.most = self.closed = self.cancelled = 0

    async def generate(self, request: Request, sampling: Sampling) -> Reply:
        self.asked[request.id] += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            if self.act is not None:
                await self.act(request)
            else:
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1
        return Reply(request, text=f"reply to {request.id}", usage=Usage(7, 1, 2, 3), attempts=2, latency_s=0.5)

    async def probe(self) -> None:
        """Always there."""

    async def close(self) -> None:
        self.closed += 1


def only_main_thread() -> bool:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("asking")] == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 9), st.sets(st.integers(0, 39)))
def test_answers_come_in_the_order_of_the_requests(delays: list[int], concurrency: int, bad: set[int]) -> None:
    async def act(request: Request) -> None:
        number = int(request.id[3:])
        for _ in range(delays[number] * 5):
            await asyncio.sleep(0)
        if number in bad:
            raise ReplyError("no_good", "as told")

    engine = Fake(concurrency, act)
    answers = list(ask(engine, None, MODEL, requests(len(delays)), Sampling()))
    assert [answer.request.id for answer in answers] == [f"row{n}" for n in range(len(delays))]
    assert {n for n, answer in enumerate(answers) if isinstance(answer, Failure)} == bad & set(range(len(delays)))
    assert engine.most <= concurrency
    assert engine.in_flight == 0
    assert only_main_thread()


def test_requests_are_drawn_no_further_ahead_than_the_window() -> None:
    drawn = 0

    def endless() -> Iterator[Request]:
        nonlocal drawn
        for request in requests(10**9):
            drawn += 1
            yield request

    answers = ask(Fake(2), None, MODEL, endless(), Sampling())
    for taken in range(1, 200):
        next(answers)
        assert drawn <= taken + 2 * _asking.WINDOW
    answers.close()  # type: ignore[attr-defined]
    assert only_main_thread()


def test_requests_are_drawn_in_the_asking_thread() -> None:
    threads = set()

    def watched() -> Iterator[Request]:
        for request in requests(20):
            threads.add(threading.current_thread())
            yield request

    assert len(list(ask(Fake(), None, MODEL, watched(), Sampling()))) == 20
    assert threads == {threading.current_thread()}


def test_what_the_ledger_has_is_not_asked_again(tmp_path: Path) -> None:
    first, second = Fake(), Fake()
    with Ledger(tmp_path) as ledger:
        before = list(ask(first, ledger, MODEL, requests(30), Sampling()))
    events: list[Event] = []
    with Ledger(tmp_path) as ledger:
        after = list(ask(second, ledger, MODEL, requests(40), Sampling(), on_event=events.append))
    assert after[:30] == before
    assert sorted(second.asked) == [f"row{n}" for n in range(30, 40)]
    assert events == ["kept"] * 30 + ["answered"] * 10


def test_an_engine_that_remembers_needs_no_ledger(tmp_path: Path) -> None:
    engine = Fake()
    engine.remembers = True
    with Ledger(tmp_path) as ledger:
        assert len(list(ask(engine, ledger, MODEL, requests(3), Sampling()))) == 3
        assert len(ledger) == 0


def test_equal_requests_under_way_are_sent_once(tmp_path: Path) -> None:
    def twins() -> Iterator[Request]:
        for number in range(60):
            yield Request(f"id{number}", PROMPT, {"caption": f"same {number % 3}", "n": 1})

    engine = Fake()
    with Ledger(tmp_path) as ledger:
        answers = list(ask(engine, ledger, MODEL, twins(), Sampling()))
        assert len(ledger) == 3
    assert engine.asked.total() == 3
    assert [answer.request.id for answer in answers] == [f"id{n}" for n in range(60)]
    assert all(isinstance(answer, Reply) for answer in answers)


def test_failures_that_were_paid_for_are_kept_and_others_asked_again(tmp_path: Path) -> None:
    async def act(request: Request) -> None:
        raise ReplyError("truncated" if request.id == "row0" else "server_error", "detail")

    for expected in (2, 1):
        engine = Fake(act=act)
        with Ledger(tmp_path) as ledger:
            answers = list(ask(engine, ledger, MODEL, requests(2), Sampling()))
        assert [(a.reason, a.detail) for a in answers if isinstance(a, Failure)] == [
            ("truncated", "detail"),
            ("server_error", "detail"),
        ]
        assert engine.asked.total() == expected


def test_the_ledger_keeps_what_a_reply_cost_but_no_image(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        list(ask(Fake(), ledger, MODEL, requests(1, pictures=2), Sampling()))
        ((_, entry),) = ledger.items()
    assert entry == {
        "text": "reply to row0",
        "reasoning": "",
        "finish": "stop",
        "usage": {"prompt_tokens": 7, "cached_tokens": 1, "image_tokens": 2, "reply_tokens": 3},
        "attempts": 2,
        "latency_s": 0.5,
        "model": "org/mock",
        "id": "row0",
        "images": ["000000", "000001"],
    }


def test_an_entry_that_makes_no_sense_is_asked_anew(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for request, entry in zip(requests(3), [{}, {"text": "half"}, {"failed": "truncated"}], strict=True):
            ledger.put(ledger_key(request, MODEL, Sampling()), entry)
        answers = list(ask(Fake(), ledger, MODEL, requests(3), Sampling()))
    assert [answer.text for answer in answers if isinstance(answer, Reply)] == [f"reply to row{n}" for n in range(3)]


def test_a_refusal_stops_the_run_and_keeps_what_was_answered(tmp_path: Path) -> None:
    async def act(request: Request) -> None:
        if request.id == "row50":
            raise EngineRefused("no more", where="here", mend="mend it")
        for _ in range(10):
            await asyncio.sleep(0)

    engine = Fake(4, act)
    with Ledger(tmp_path) as ledger:
        with pytest.raises(EngineRefused, match=r"here: no more\. mend it"):
            list(ask(engine, ledger, MODEL, requests(10_000), Sampling()))
        kept = {entry["id"] for _, entry in ledger.items()}
    assert {f"row{n}" for n in range(50)} <= kept
    assert kept == set(engine.asked) - {"row50"}  # what was in flight came home, and nothing new was sent
    assert engine.asked.total() < 60
    assert engine.closed == 1
    assert only_main_thread()


def test_a_full_disk_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(tmp_path) as ledger:
        monkeypatch.setattr(ledger, "put", lambda key, value: (_ for _ in ()).throw(StoreTrouble("full")))
        with pytest.raises(StoreTrouble, match="full"):
            list(ask(Fake(), ledger, MODEL, requests(100), Sampling()))
    assert only_main_thread()


def test_an_error_of_whoever_makes_the_requests_comes_out_unchanged() -> None:
    def broken() -> Iterator[Request]:
        yield from requests(3)
        raise KeyError("broken")

    engine = Fake()
    with pytest.raises(KeyError, match="broken"):
        list(ask(engine, None, MODEL, broken(), Sampling()))
    assert engine.closed == 1
    assert only_main_thread()


async def never(request: Request) -> None:
    if request.id != "row0":
        await asyncio.Event().wait()


def test_closing_early_cancels_what_is_in_flight() -> None:
    engine = Fake(8, never)
    answers = ask(engine, None, MODEL, requests(100), Sampling())
    assert isinstance(next(answers), Reply)
    answers.close()  # type: ignore[attr-defined]
    assert engine.in_flight == 0
    assert engine.cancelled == engine.asked.total() - 1
    assert engine.closed == 1
    assert only_main_thread()


def test_a_generator_that_was_never_started_costs_nothing() -> None:
    engine = Fake()
    ask(engine, None, MODEL, requests(5), Sampling())
    assert engine.closed == 0
    assert only_main_thread()


def test_the_garbage_collector_may_close_it_from_any_thread() -> None:
    engine = Fake(8, never)
    ring: list[Any] = [ask(engine, None, MODEL, requests(100), Sampling())]
    next(ring[0])
    ring.append(ring)
    loop = _asking._HALL._loop
    assert loop is not None
    del ring
    loop.call_soon_threadsafe(gc.collect)
    for thread in threading.enumerate():
        if thread.name.startswith("asking"):
            thread.join(60)
    while any(thread.name == "asking-leaves" for thread in threading.enumerate()):
        next(t for t in threading.enumerate() if t.name == "asking-leaves").join(60)
    assert engine.in_flight == 0
    assert engine.closed == 1


def test_a_chain_of_two_askings_keeps_both_engines_busy() -> None:
    both = threading.Event()
    one, two = Fake(4), Fake(4)

    async def act(request: Request) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        if one.in_flight and two.in_flight:
            both.set()

    one.act = two.act = act
    written = (answer.request for answer in ask(one, None, MODEL, requests(300), Sampling()))
    checked = list(ask(two, None, MODEL, written, Sampling()))
    assert [answer.request.id for answer in checked] == [f"row{n}" for n in range(300)]
    assert both.is_set()
    assert one.closed == two.closed == 1
    assert only_main_thread()


def test_two_askings_of_one_engine_close_it_once_at_the_end() -> None:
    engine = Fake()
    first = ask(engine, None, MODEL, requests(50), Sampling())
    next(first)
    assert len(list(ask(engine, None, MODEL, requests(20), Sampling()))) == 20
    assert engine.closed == 0
    assert len(list(first)) == 49
    assert engine.closed == 1


def test_a_process_may_end_in_the_middle() -> None:
    script = """
from medvlsynther.cards import Sampling
from medvlsynther.engines._asking import ask
from tests.engines.conftest import MODEL, requests
from tests.engines.test_asking import Fake, never
answers = ask(Fake(8, never), None, MODEL, requests(100), Sampling())
print(next(answers).text)
"""
    result = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, timeout=60)
    assert (result.stdout, result.stderr, result.returncode) == (b"reply to row0\n", b"", 0)


def test_interrupting_leaves_nothing_behind() -> None:
    script = """
import os, signal, threading
from medvlsynther.cards import Sampling
from medvlsynther.engines._asking import ask
from tests.engines.conftest import MODEL, requests
from tests.engines.test_asking import Fake, never
engine = Fake(8, never)
answers = ask(engine, None, MODEL, requests(100), Sampling())
next(answers)
threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
try:
    next(answers)
except KeyboardInterrupt:
    print(engine.in_flight, engine.closed, [t.name for t in threading.enumerate()])
"""
    result = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, timeout=60)
    assert (result.stdout, result.stderr) == (b"0 1 ['MainThread']\n", b"")


def test_keys_depend_on_what_is_asked_and_on_nothing_else() -> None:
    (request,) = requests(1)
    (other,) = requests(1, sample=1)
    key = ledger_key(request, MODEL, Sampling())
    assert key == ledger_key(request, MODEL, Sampling(rollouts=4))
    assert key != ledger_key(other, MODEL, Sampling())
    assert key != ledger_key(request, MODEL, Sampling(temperature=0.5))
    assert key != ledger_key(request, MODEL.model_copy(update={"revision": "abc"}), Sampling())
