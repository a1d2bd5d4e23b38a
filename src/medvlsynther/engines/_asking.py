"""Asking a model many things: in order, in bounded memory, and never the same thing twice.

Requests are drawn in the caller's thread, a window ahead; the engine works on them in one background thread that all
askings of the process share, so that a generator and a verifier keep two servers busy at once, and two stages on one
server share its limits. A reply is in the ledger before anybody sees it. What comes out stands in the order of what
went in, whatever finished first.
"""

import asyncio
import atexit
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import astuple, replace
from operator import add
from queue import SimpleQueue
from typing import Any

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines._entries import Answer, about, pack, unpack
from medvlsynther.engines.base import Engine, Event, Failure, Reply, Request, Usage, ledger_key
from medvlsynther.errors import EngineRefused, ReplyError
from medvlsynther.store.ledger import Ledger

WINDOW = 16
"""Requests drawn ahead, in multiples of what may be in flight: one slow reply then holds nobody else up."""
WINDOW_WIDE, WINDOW_LEAST = 1024, 4
"""Beyond so many requests ahead, memory counts for more; but always some multiples."""
GRACE_S = 5.0
"""After a refusal, how long requests already sent may still bring their replies home."""

Mend = Callable[[Reply], Request | None]
"""What is asked in place of a reply that is of no use; None for one that is. A pure function."""


def ask(
    engine: Engine,
    ledger: Ledger | None,
    model: Model,
    requests: Iterable[Request],
    sampling: Sampling,
    *,
    on_event: Callable[[Event], object] | None = None,
    mend: Mend | None = None,
) -> Iterator[Answer]:
    """One reply or failure a request, in the order of the requests.

    Requests are drawn lazily from `requests`, in the thread that draws from here. The ledger is asked first; equal
    requests under way at the same time are sent once. Closing the generator early, or leaving it to the garbage
    collector, cancels what is in flight and lets go of the engine's connections. `on_event` is called in the drawing
    thread just before an answer is given. Where `mend` gives a request for a reply, that is asked in its place, once;
    the answer then counts the tokens of both.

    Raises: EngineRefused when no request can succeed, StoreTrouble when a reply cannot be kept, and whatever
    `requests` raises. Every reply that had arrived by then is in the ledger.
    """
    kept = None if engine.remembers else ledger
    window: deque[_Slot] = deque()
    at_once = max(engine.concurrency, 1)
    most = max(min(WINDOW * at_once, WINDOW_WIDE), WINDOW_LEAST * at_once)
    source = iter(requests)
    with _Crew(engine, kept, model, sampling, mend) as crew:
        drained = False
        while window or not drained:
            while not drained and len(window) < most:
                request = next(source, None)
                if request is None:
                    drained = True
                    break
                window.append(crew.take(request))
                if window[0].answer is not None:
                    break
            if window:
                answer, event = crew.answer(window.popleft())
                if on_event is not None:
                    on_event(event)
                yield answer


class _Slot:
    """One request under way."""

    __slots__ = ("answer", "first", "kept", "key", "request", "twins")

    def __init__(self, request: Request, key: str | None) -> None:
        self.request = request
        self.key = key
        self.answer: Answer | None = None
        self.first: Reply | None = None
        """A kept reply that has to be asked for anew."""
        self.kept = False
        self.twins: list[_Slot] = []


class _Crew:
    """What works on one asking: the caller's side hands slots over, the loop's side fills them."""

    def __init__(
        self, engine: Engine, ledger: Ledger | None, model: Model, sampling: Sampling, mend: Mend | None
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._model = model
        self._sampling = sampling
        self._mend = mend
        self._waiting: deque[_Slot] = deque()
        self._by_key: dict[str, _Slot] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._wanted: _Slot | None = None
        self._poked = False
        self._trouble: BaseException | None = None

    def __enter__(self) -> "_Crew":
        self._loop = _HALL.enter(self._engine)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        grace_s = GRACE_S if isinstance(error, EngineRefused) else 0.0
        _HALL.leave(self._engine, self._stop(grace_s))

    # ------------------------------------------------------------------------------ the caller's thread

    def take(self, request: Request) -> _Slot:
        """Answer a request from the ledger, join it to its twin under way, or hand it to the engine."""
        key = self._key(request)
        slot = _Slot(request, key)
        if key is None:
            return self._send(slot)
        if (twin := self._by_key.get(key)) is not None:
            slot.kept = True
            twin.twins.append(slot)
            if twin.answer is not None:
                slot.answer = _readdress(twin.answer, request)
        elif (kept := self._kept(request, key)) is not None and self._whole(slot, kept):
            slot.kept = True
        else:
            self._by_key[key] = slot
            self._send(slot)
        return slot

    def _kept(self, request: Request, key: str | None) -> Answer | None:
        return unpack(self._ledger.get(key), request) if self._ledger is not None and key is not None else None

    def _whole(self, slot: _Slot, kept: Answer) -> bool:
        """Fill a slot from the ledger; False where a kept reply has to be asked for anew, and that is not kept."""
        second = self._second(kept)
        if second is None:
            slot.answer = kept
            return True
        assert isinstance(kept, Reply)
        mended = self._kept(second, self._key(second))
        slot.first = kept
        slot.answer = None if mended is None else _merged(kept, mended)
        return mended is not None

    def _second(self, answer: Answer) -> Request | None:
        """What is asked in a reply's place."""
        return self._mend(answer) if self._mend is not None and isinstance(answer, Reply) else None

    def _key(self, request: Request) -> str | None:
        return None if self._ledger is None else ledger_key(request, self._model, self._sampling)

    def answer(self, slot: _Slot) -> tuple[Answer, Event]:
        """Wait for a slot's answer, and say what happened."""
        while slot.answer is None and self._trouble is None:
            self._wanted = slot
            if slot.answer is None and self._trouble is None:  # looked at again: it may have come in between
                self._wake.get()
        if self._trouble is not None:
            raise self._trouble
        assert slot.answer is not None
        if slot.key is not None and not slot.kept:
            self._by_key.pop(slot.key, None)
        return slot.answer, _event(slot)

    def _send(self, slot: _Slot) -> _Slot:
        self._waiting.append(slot)
        if not self._poked:
            self._poked = True
            self._loop.call_soon_threadsafe(self._pump)
        return slot

    # ------------------------------------------------------------------------------ the loop's thread

    def _pump(self) -> None:
        self._poked = False
        if self._trouble is not None:
            return
        for _ in range(min(len(self._waiting), max(self._engine.concurrency, 1) - len(self._tasks))):
            task = self._loop.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _work(self) -> None:
        """Serve slots one after the other: the next request leaves in the same turn of the loop as a reply came."""
        while self._waiting and self._trouble is None:
            await self._serve(self._waiting.popleft())

    async def _serve(self, slot: _Slot) -> None:
        answer = slot.first or await self._answered(slot.request, slot.key)
        if (second := self._second(answer)) is not None:
            assert isinstance(answer, Reply)
            key = self._key(second)
            answer = _merged(answer, self._kept(second, key) or await self._answered(second, key))
        slot.answer = answer
        for twin in slot.twins:
            twin.answer = _readdress(answer, twin.request)
        if (wanted := self._wanted) is not None and wanted.answer is not None:
            self._wanted = None
            self._wake.put(None)

    async def _answered(self, request: Request, key: str | None) -> Answer:
        """What the engine says; in the ledger before anybody sees it."""
        try:
            answer: Answer = await self._engine.generate(request, self._sampling)
        except ReplyError as error:
            answer = Failure(request, error.reason, error.detail)
        if self._ledger is not None and key is not None:
            entry = pack(answer, about(request, self._model))
            if entry is not None:
                self._ledger.put(key, entry)
        return answer

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self._trouble = self._trouble or error
            self._wake.put(None)
        self._pump()  # a request may have come just when the queue had been found empty

    async def _stop(self, grace_s: float) -> None:
        self._waiting.clear()
        if self._tasks and grace_s:
            await asyncio.wait(set(self._tasks), timeout=grace_s)
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(set(self._tasks))
            await asyncio.sleep(0)


class _Hall:
    """The background thread with the loop that all askings share; it lives while anybody asks."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._guests: list[Engine] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = os.getpid()

    def enter(self, engine: Engine) -> asyncio.AbstractEventLoop:
        """The loop, started if need be; `leave` must follow."""
        with self._lock:
            if self._process != os.getpid():  # a forked child has the variables of the thread, but not the thread
                self._guests, self._loop, self._process = [], None, os.getpid()
            if self._loop is None:
                self._loop = _new_loop()
                self._thread = threading.Thread(target=_run, args=(self._loop,), name="asking", daemon=True)
                self._thread.start()
            self._guests.append(engine)
            return self._loop

    def leave(self, engine: Engine, farewell: Coroutine[Any, Any, None]) -> None:
        """Run `farewell` in the loop; the last to leave an engine closes it, the last of all stops the thread."""
        if threading.current_thread() is self._thread:  # the garbage collector came by there: waiting would be for ever
            threading.Thread(target=self.leave, args=(engine, farewell), name="asking-leaves").start()
            return
        if self._loop is None:
            farewell.close()
            return
        try:
            self._do(farewell)
        finally:
            with self._lock:
                self._forget(engine)

    def shut(self) -> None:
        """End everything under way: for the end of the process."""
        with self._lock:
            if self._loop is not None and self._process == os.getpid():
                self._do(_cancel_all())
                for engine in list(self._guests):
                    self._forget(engine)

    def _forget(self, engine: Engine) -> None:
        if self._loop is None or not any(guest is engine for guest in self._guests):
            return
        at = next(n for n, guest in enumerate(self._guests) if guest is engine)
        del self._guests[at]
        try:
            if not any(guest is engine for guest in self._guests):
                self._do(engine.close())
        finally:
            if not self._guests and self._thread is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._loop = self._thread = None

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


_HALL = _Hall()
atexit.register(_HALL.shut)


def _readdress(answer: Answer, request: Request) -> Answer:
    return replace(answer, request=request)


def _merged(first: Reply, second: Answer) -> Answer:
    """The second answer to one request, with what both cost."""
    if isinstance(second, Failure):
        return replace(second, request=first.request)
    usage = Usage(*map(add, astuple(first.usage), astuple(second.usage)))
    return replace(second, request=first.request, usage=usage, attempts=first.attempts + second.attempts)


def _event(slot: _Slot) -> Event:
    if isinstance(slot.answer, Failure):
        return "failed"
    return "kept" if slot.kept else "answered"
