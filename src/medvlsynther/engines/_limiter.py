"""How many requests one model on one server may have in flight: found out by asking, never guessed.

Slow start: from `START`, one more for each reply, and twice as many whenever a full house was not turned away for
`TAKEN_S`, since rejections come at once where replies take their time; until the server first turns a request away.
Then additive increase and multiplicative decrease, with three refinements:

- The rejections of one burst cut once. A request that was sent before the last cut cannot cut again; it only tells
  how many of its burst the server did take, and that is where the limit settles.
- Back to that level the limit recovers quickly, beyond it slowly, and the slower the oftener it was turned away there:
  a server with a fixed capacity is kept full with few rejections, and one that gets faster is followed.
- It grows only while the limit is what holds requests back, and never while time-outs or server errors come in.

`Retry-After` pauses everything. The limit is never below one and never above the ceiling.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from weakref import WeakValueDictionary

START = 32
TAKEN_S = 0.1
"""A request that was not turned away by now was taken."""
CUT = 0.75
FLOOR = 0.25
"""One burst takes the limit down to this part of itself at most."""
USED = 0.8
"""The limit grows only when this part of it was in use."""
CAUTION_MOST = 16.0
PAUSE_FIRST_S = 0.5
PAUSE_MOST_S = 30.0
"""Pauses after rejections without a `Retry-After`: doubled from the first to the longest."""
RETRY_AFTER_MOST_S = 600.0
"""A longer `Retry-After` is a mistake or malice; the server is asked again after this."""
BURST_S = 10.0
"""A minute's budget may run ahead of its even pace by this much."""


class Verdict(Enum):
    """What became of a request, as far as the limit is concerned."""

    ANSWERED = "answered"
    TURNED_AWAY = "turned_away"
    TROUBLED = "troubled"
    UNKNOWN = "unknown"


class Pace:
    """An even pace of so many units a minute (the generic cell rate algorithm)."""

    def __init__(self, per_minute: float) -> None:
        self._unit_s = 60.0 / per_minute
        self._due_s = float("-inf")

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next may go."""
        return max(0.0, self._due_s - now_s - BURST_S)

    def spend(self, units: float, now_s: float) -> None:
        """Count units that were used; fewer than none gives back what had been estimated too high."""
        self._due_s = max(self._due_s, now_s) + units * self._unit_s


class Limiter:
    """Hands out permits for one server and model; all engines of the process that ask there share it."""

    def __init__(
        self,
        ceiling: int,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ceiling = max(1, ceiling)
        self.limit = float(min(START, self.ceiling))
        self.in_flight = 0
        self.turned_away = 0
        """Rejections so far."""
        self._clock = clock
        self._requests = Pace(requests_per_minute) if requests_per_minute else None
        self._tokens = Pace(tokens_per_minute) if tokens_per_minute else None
        self._waiting: deque[tuple[asyncio.Future[int], float]] = deque()
        self._epoch = 0
        self._slow_start = True
        self._taken = float(self.ceiling)
        self._floor = 1.0
        self._caution = 1.0
        self._hold = 0
        self._bursts = 0
        self._silent_since_s: float | None = None
        self._paused_until_s = float("-inf")
        self._timer: tuple[asyncio.AbstractEventLoop, asyncio.TimerHandle] | None = None
        self._stretcher: asyncio.AbstractEventLoop | None = None

    @property
    def load(self) -> float:
        """Requests in flight or waiting, as a part of the limit."""
        return (self.in_flight + len(self._waiting)) / self.limit

    @property
    def silent_s(self) -> float:
        """For how long every request was turned away; 0 while the server answers."""
        return 0.0 if self._silent_since_s is None else self._clock() - self._silent_since_s

    async def acquire(self, tokens: float = 0.0) -> int:
        """Wait for a permit for a request of about so many tokens; gives the epoch to release it with."""
        if not self._waiting and self._wait_s() == 0.0:
            return self._take(tokens)
        ticket: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((ticket, tokens))
        self._drain()
        try:
            return await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():  # granted and cancelled in one turn of the loop
                self.release(ticket.result(), Verdict.UNKNOWN)
            raise

    def release(self, epoch: int, verdict: Verdict, wait_s: float | None = None) -> None:
        """Give a permit back, and learn from what became of the request; `wait_s` is what the server asked to wait."""
        used = self.in_flight >= USED * math.floor(self.limit)
        self.in_flight -= 1
        if verdict is Verdict.TURNED_AWAY:
            self._cut(epoch, wait_s)
        elif verdict is not Verdict.UNKNOWN:
            self._bursts, self._silent_since_s = 0, None
            if wait_s is not None:
                self._pause(wait_s)
            if verdict is Verdict.TROUBLED:
                self._hold = math.ceil(self.limit)
            elif self._hold:
                self._hold -= 1
            elif used:
                self._grow()
        self._drain()

    def settle(self, tokens_over: float) -> None:
        """Count by how many tokens the estimate of an answered request was too low."""
        if self._tokens is not None:
            self._tokens.spend(tokens_over, self._clock())

    def _take(self, tokens: float) -> int:
        self.in_flight += 1
        now_s = self._clock()
        if self._requests is not None:
            self._requests.spend(1, now_s)
        if self._tokens is not None:
            self._tokens.spend(tokens, now_s)
        return self._epoch

    def _grow(self) -> None:
        before = math.floor(self.limit)
        if self._slow_start:
            self.limit += 1.0
        elif self.limit < self._taken:
            self.limit = min(self.limit + 1.0, self._taken)
        else:
            self.limit += 1.0 / (self.limit * self._caution)
            if math.floor(self.limit) > before:
                self._caution = max(1.0, self._caution / 2)
        self.limit = min(self.limit, float(self.ceiling))

    def _cut(self, epoch: int, wait_s: float | None) -> None:
        now_s = self._clock()
        self.turned_away += 1
        self._silent_since_s = now_s if self._silent_since_s is None else self._silent_since_s
        if epoch == self._epoch:
            self._epoch += 1
            self._bursts += 1
            self._slow_start = False
            self._caution = min(self._caution * 4, CAUTION_MOST)
            self._floor = max(1.0, self.limit * FLOOR)
            self._taken = max(1.0, self.limit - 1)
            self.limit = max(1.0, self.limit * CUT)
        took = max(self._floor, float(self.in_flight))
        self._taken = min(self._taken, took)
        self.limit = min(self.limit, took)
        pause_s = min(PAUSE_FIRST_S * 2.0 ** min(self._bursts - 1, 10), PAUSE_MOST_S)
        self._pause(pause_s if wait_s is None else wait_s)

    def _pause(self, wait_s: float) -> None:
        self._paused_until_s = max(self._paused_until_s, self._clock() + min(max(wait_s, 0.0), RETRY_AFTER_MOST_S))

    def _wait_s(self) -> float:
        """Seconds until a permit may be given; infinite while others must come back first."""
        if self.in_flight >= math.floor(self.limit):
            return math.inf
        now_s = self._clock()
        paces = (pace.wait_s(now_s) for pace in (self._requests, self._tokens) if pace is not None)
        return max(0.0, self._paused_until_s - now_s, *paces)

    def _drain(self) -> None:
        while self._waiting:
            ticket, tokens = self._waiting[0]
            if not ticket.done():
                wait_s = self._wait_s()
                if wait_s > 0.0:
                    self._wake_in(wait_s)
                    return
                ticket.set_result(self._take(tokens))
            self._waiting.popleft()

    def _wake_in(self, wait_s: float) -> None:
        """Look again later; a permit that comes back looks by itself, but in slow start there may be more before."""
        loop = asyncio.get_running_loop()
        if math.isinf(wait_s):
            if self._slow_start and self._stretcher is not loop and self.limit < self.ceiling:
                self._stretcher = loop
                loop.call_later(TAKEN_S, self._stretch)
            return
        if self._timer is not None and self._timer[0] is loop:
            self._timer[1].cancel()
        self._timer = (loop, loop.call_later(wait_s, self._drain))

    def _stretch(self) -> None:
        """Nobody was turned away for a while: twice as many may go."""
        self._stretcher = None
        if self._slow_start and not self._hold and self._waiting:
            self.limit = min(self.limit * 2, float(self.ceiling))
        self._drain()


_SHARED: WeakValueDictionary[tuple[str, str], Limiter] = WeakValueDictionary()


def shared(
    base_url: str,
    model: str,
    ceiling: int,
    *,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
) -> Limiter:
    """The limiter of a model on a server: one for all who ask there, with the highest of their ceilings."""
    limiter = _SHARED.get((base_url, model))
    if limiter is None:
        limiter = Limiter(ceiling, requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
        _SHARED[base_url, model] = limiter
    limiter.ceiling = max(limiter.ceiling, ceiling)
    return limiter
