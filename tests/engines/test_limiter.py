"""The limiter, in simulated time: it finds a server's capacity, keeps it full, and never loses a permit."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.engines import _limiter
from medvlsynther.engines._limiter import Limiter, Verdict, shared
from medvlsynther.fingerprint import draw


class Selector(selectors.SelectSelector):
    """Instead of waiting it moves the clock."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += timeout or 0.0
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """A loop in which waiting takes no time."""

    def __init__(self) -> None:
        self.selector = Selector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now_s


def simulate(work: Callable[[Loop], Coroutine[Any, Any, None]]) -> None:
    loop = Loop()
    try:
        loop.run_until_complete(work(loop))
    finally:
        loop.close()


class Server:
    """So many at once, each for so long; the others are turned away."""

    def __init__(self, capacity: int, latency_s: float, retry_after_s: float | None = None) -> None:
        self.capacity, self.latency_s, self.retry_after_s = capacity, latency_s, retry_after_s
        self.busy = self.turned_away = self.answered = self.most = 0

    async def ask(self, limiter: Limiter) -> None:
        """Send one row until it is answered."""
        while True:
            epoch = await limiter.acquire()
            if self.busy >= self.capacity:
                self.turned_away += 1
                await asyncio.sleep(0.001)
                limiter.release(epoch, Verdict.TURNED_AWAY, self.retry_after_s)
                continue
            self.busy += 1
            self.most = max(self.most, self.busy)
            await asyncio.sleep(self.latency_s)
            self.busy -= 1
            self.answered += 1
            limiter.release(epoch, Verdict.ANSWERED)
            return


@pytest.mark.parametrize("retry_after_s", [None, 1.0])
@pytest.mark.parametrize(
    ("capacity", "concurrency", "latency_s", "rows", "slower_than_ideal"),
    [(4, 16, 3.0, 40, 1.25), (4, 16, 3.0, 400, 1.25), (32, 256, 0.2, 1000, 2.0), (1, 4, 1.0, 50, 1.5)],
)
def test_sustained_overload_loses_no_row_and_wastes_few_requests(
    capacity: int, concurrency: int, latency_s: float, rows: int, slower_than_ideal: float, retry_after_s: float | None
) -> None:
    server = Server(capacity, latency_s, retry_after_s)

    async def work(loop: Loop) -> None:
        limiter = Limiter(concurrency, clock=loop.time)
        await asyncio.gather(*(server.ask(limiter) for _ in range(rows)))
        assert server.answered == rows
        assert server.turned_away <= 0.5 * rows
        assert limiter.in_flight == 0
        assert loop.time() <= slower_than_ideal * rows / capacity * latency_s + 3

    simulate(work)


def test_a_server_that_takes_all_is_filled_in_a_few_round_trips() -> None:
    server = Server(10_000, 0.2)

    async def work(loop: Loop) -> None:
        limiter = Limiter(128, clock=loop.time)
        await asyncio.gather(*(server.ask(limiter) for _ in range(2000)))
        assert server.most == 128
        assert loop.time() < 2000 / 128 * 0.2 * 1.15

    simulate(work)


def test_slow_replies_do_not_make_a_slow_start() -> None:
    server = Server(10_000, 60.0)

    async def work(loop: Loop) -> None:
        limiter = Limiter(512, clock=loop.time)
        rows = [asyncio.create_task(server.ask(limiter)) for _ in range(1000)]
        await asyncio.sleep(1)
        assert server.busy == 512
        await asyncio.gather(*rows)

    simulate(work)


def test_a_server_that_gets_faster_is_followed() -> None:
    server = Server(4, 1.0, 0.5)

    async def work(loop: Loop) -> None:
        limiter = Limiter(64, clock=loop.time)
        rows = [asyncio.create_task(server.ask(limiter)) for _ in range(4000)]
        await asyncio.sleep(100)
        assert limiter.limit < 10
        server.capacity = 1000
        await asyncio.sleep(100)
        assert limiter.limit == 64
        await asyncio.gather(*rows)

    simulate(work)


def test_one_burst_cuts_once() -> None:
    async def work(loop: Loop) -> None:
        limiter = Limiter(32, clock=loop.time)
        epochs = [await limiter.acquire() for _ in range(32)]
        for epoch in epochs[:4]:
            limiter.release(epoch, Verdict.TURNED_AWAY, 0.0)
        assert limiter.limit == 32 * _limiter.CUT  # 28 are still served: nothing says that 24 are too many
        for epoch in epochs[4:24]:
            limiter.release(epoch, Verdict.TURNED_AWAY, 0.0)
        assert limiter.limit == 8.0  # the server serves 8
        for epoch in epochs[24:]:
            limiter.release(epoch, Verdict.TURNED_AWAY, 0.0)
        assert limiter.limit == 32 * _limiter.FLOOR
        assert limiter.in_flight == 0

    simulate(work)


def test_retry_after_is_waited_for_and_absurd_ones_are_not() -> None:
    async def work(loop: Loop) -> None:
        limiter = Limiter(8, clock=loop.time)
        limiter.release(await limiter.acquire(), Verdict.TURNED_AWAY, 7.0)
        epoch = await limiter.acquire()
        assert loop.time() == pytest.approx(7.0)
        limiter.release(epoch, Verdict.TURNED_AWAY, 1e9)
        await limiter.acquire()
        assert loop.time() == pytest.approx(7.0 + _limiter.RETRY_AFTER_MOST_S)

    simulate(work)


def test_pauses_grow_while_nothing_but_rejections_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limiter, "PAUSE_FIRST_S", 0.5)

    async def work(loop: Loop) -> None:
        limiter = Limiter(1, clock=loop.time)
        for _ in range(12):
            limiter.release(await limiter.acquire(), Verdict.TURNED_AWAY)
        assert loop.time() > 3 * _limiter.PAUSE_MOST_S
        assert limiter.silent_s == pytest.approx(loop.time())
        limiter.release(await limiter.acquire(), Verdict.ANSWERED)
        assert limiter.silent_s == 0.0

    simulate(work)


def test_trouble_pauses_growth_and_cuts_nothing() -> None:
    async def work(loop: Loop) -> None:
        limiter = Limiter(100, clock=loop.time)
        epochs = [await limiter.acquire() for _ in range(32)]
        limiter.release(epochs[0], Verdict.TROUBLED)
        for epoch in epochs[1:]:
            limiter.release(epoch, Verdict.ANSWERED)
        assert limiter.limit == 32
        epochs = [await limiter.acquire() for _ in range(32)]
        for epoch in epochs:
            limiter.release(epoch, Verdict.ANSWERED)
        assert limiter.limit > 32

    simulate(work)


def test_an_unused_limit_does_not_grow() -> None:
    async def work(loop: Loop) -> None:
        limiter = Limiter(100, clock=loop.time)
        for _ in range(100):
            limiter.release(await limiter.acquire(), Verdict.ANSWERED)
        assert limiter.limit == 32

    simulate(work)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_no_permit_is_lost_in_mixed_faults_and_cancellations(seed: int, ceiling: int) -> None:
    async def row(limiter: Limiter, number: int) -> None:
        chance = draw(seed, str(number))
        epoch = await limiter.acquire()
        verdict = Verdict.UNKNOWN
        try:
            await asyncio.sleep(chance % 7 / 10)
            verdict = list(Verdict)[chance // 7 % 4]
        finally:
            limiter.release(epoch, verdict, wait_s=chance // 28 % 3 / 10 if chance % 2 else None)

    async def work(loop: Loop) -> None:
        limiter = Limiter(ceiling, clock=loop.time)
        rows = [asyncio.create_task(row(limiter, number)) for number in range(300)]
        for number, task in enumerate(rows):
            if draw(seed, "cancel", str(number)) % 4 == 0:
                loop.call_later(draw(seed, "when", str(number)) % 50 / 10, task.cancel)
        await asyncio.gather(*rows, return_exceptions=True)
        assert limiter.in_flight == 0
        assert 1.0 <= limiter.limit <= ceiling
        await asyncio.wait_for(limiter.acquire(), 1000)

    simulate(work)


def test_a_permit_that_was_given_and_cancelled_in_one_turn_comes_back() -> None:
    async def work(loop: Loop) -> None:
        limiter = Limiter(1, clock=loop.time)
        epoch = await limiter.acquire()
        waiting = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        limiter.release(epoch, Verdict.ANSWERED)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert limiter.in_flight == 0

    simulate(work)


@pytest.mark.parametrize(("limits", "tokens"), [({"requests_per_minute": 60}, 0), ({"tokens_per_minute": 6000}, 100)])
def test_a_minute_has_its_budget(limits: dict[str, float], tokens: float) -> None:
    async def work(loop: Loop) -> None:
        limiter = Limiter(100, clock=loop.time, **limits)
        for _ in range(200):
            limiter.release(await limiter.acquire(tokens), Verdict.ANSWERED)
        assert loop.time() == pytest.approx(200 - _limiter.BURST_S, abs=2)

    simulate(work)


def test_estimates_that_were_too_high_are_given_back() -> None:
    async def work(loop: Loop) -> None:
        limiter = Limiter(100, clock=loop.time, tokens_per_minute=6000)
        for _ in range(200):
            epoch = await limiter.acquire(1000)
            limiter.release(epoch, Verdict.ANSWERED)
            limiter.settle(100 - 1000)
        assert loop.time() == pytest.approx(200 - _limiter.BURST_S, abs=12)

    simulate(work)


def test_all_who_ask_a_model_on_a_server_share_its_limiter() -> None:
    one = shared("http://a/v1", "m", 8)
    assert shared("http://a/v1", "m", 16) is one
    assert one.ceiling == 16
    assert shared("http://a/v1", "other", 8) is not one
    assert shared("http://b/v1", "m", 8) is not one


def test_a_limiter_outlives_the_loop_that_paused_it() -> None:
    kept: list[Limiter] = []

    async def pause(loop: Loop) -> None:
        limiter = Limiter(2, clock=loop.time)
        limiter.release(await limiter.acquire(), Verdict.TURNED_AWAY, 5.0)
        waiting = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        kept.append(limiter)

    async def resume(loop: Loop) -> None:
        kept[0]._clock = loop.time
        await kept[0].acquire()
        assert kept[0].in_flight == 1

    simulate(pause)
    simulate(resume)
