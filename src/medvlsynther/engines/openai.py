"""Any model server over HTTP: OpenAI's protocol as vLLM, SGLang, llama.cpp, Ollama and others speak it, and the own
protocols of Anthropic and Gemini, by the kind of server (`_servers.py`).

At the first request the servers are looked up (`GET models`), and before the first schema one of them is asked whether
it really obeys schemas. Then each request goes to the server with the fewest in flight for its limit. A row ends as a
reject only for a fault of its own, or when its tries are used up; a fault that all rows would share stops the run
instead: a rejected key, an unknown model, servers that are gone, or nothing but failures one after the other.

One system message holds the static text; one user message holds the images, then material, then task. On servers that
keep images by name (vLLM) an image travels once, and again when the server has dropped it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import NoReturn

import aiohttp

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines import _servers
from medvlsynther.engines._enforcing import Enforcement, enforcement
from medvlsynther.engines._fleet import Fleet, Server
from medvlsynther.engines._http import Outcome, open_session, send, spliced
from medvlsynther.engines._labels import chances
from medvlsynther.engines._limiter import Verdict
from medvlsynther.engines._protocols import Answer, Picture, Question, asked, file_of, media_type
from medvlsynther.engines._wires import wire
from medvlsynther.engines.base import Bytes, Endpoint, Engine, Reply, ReplyError, Request
from medvlsynther.fingerprint import draw

LOG = logging.getLogger("medvlsynther")
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
"""Pauses of one row between its tries: doubled from the first to the longest."""
SILENT_S = 900.0
"""A server that turns every request away for this long serves nobody."""
FAILURES_IN_A_ROW = 64
"""So many failed rows with no reply between them are the server's fault, not the rows'."""
CHARS_PER_TOKEN = 4.0
"""For estimates only, where the site limits the tokens a minute."""

_ENFORCED: dict[tuple[str, str], Enforcement] = {}
"""What the probe found, by base URL and model: asked once a process."""


def connect(model: Model, endpoint: Endpoint, images: Bytes) -> Engine:
    """The engine that asks the endpoint's servers; nothing is sent before the first request.

    Raises: BadSetting or UnknownName when the endpoint cannot be understood.
    """
    return _Asker(model, endpoint, images)


@dataclass(slots=True)
class _Turn:
    """One request on its way, over all its tries."""

    request: Request
    question: Question
    tokens: float
    """Estimate of all its tokens; 0 where nobody asks."""
    sent: int = 0
    tries: int = 0
    lost: bool = False
    """A connection broke under it once: that costs no try, as servers close idle connections when they like."""
    raised: bool = False
    """Its longest reply was doubled."""
    fixed: bool = False
    """Its longest reply stays as it is, and a reply that it cuts is one."""
    all_travel: bool = False
    """No image is left out."""
    started_s: float = field(default_factory=time.monotonic)


class _Once:
    """Work that all who need it wait for, done by the first of them, and again by the next one when it failed;
    forgotten at the end of a loop's life.
    """

    def __init__(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None

    async def done(self) -> None:
        """Wait for it."""
        if self._task is None or (self._task.done() and self._task.exception() is not None):
            self._task = asyncio.create_task(self._work())
        if not self._task.done():
            await asyncio.shield(self._task)
        self._task.result()

    async def forget(self) -> None:
        """Cancel it if it is under way; the next one to need it does it anew."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class _Asker:
    """The engine."""

    remembers = False

    def __init__(self, model: Model, endpoint: Endpoint, images: Bytes) -> None:
        self.concurrency = endpoint.concurrency
        self._card = model
        self._endpoint = endpoint
        self._images = images
        self._fleet = Fleet(endpoint, endpoint.served_as or model.repo)
        self._named = None if endpoint.server is None else _servers.named(endpoint.server, where="site endpoint")
        self._kind = self._named or _servers.by_host(self._fleet.servers[0].base_url) or _servers.KINDS["other"]
        self._wire = wire(self._kind.protocol)
        self._session: aiohttp.ClientSession | None = None
        self._begun = _Once(self._begin)
        self._probed = _Once(self._probe)
        self._enforcement = Enforcement(None, obeyed=None)
        self._failures = 0
        self._weighed = True

    async def generate(self, request: Request, sampling: Sampling) -> Reply:
        """The reply to one request.

        Raises: ReplyError: timed_out, server_error, connection_lost, garbled_reply, empty_reply (tries used up);
        truncated, content_filter, context_overflow, bad_request, image_missing (no use in trying).
        EngineRefused when no request can succeed.
        """
        await self._begun.done()
        if request.schema is not None:
            await self._probed.done()
        turn = self._turn(request, sampling)
        while True:
            server = self._fleet.choose()
            outcome = await self._send(server, turn)
            reply = await self._after(server, turn, outcome)
            if reply is not None:
                return reply

    async def probe(self) -> None:
        """Look the servers up: reachable, the key not rejected, the model listed where all are.

        Raises: EngineRefused.
        """
        await self._begun.done()

    async def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        await self._probed.forget()
        await self._begun.forget()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # ------------------------------------------------------------------------------ before the first request

    async def _begin(self) -> None:
        if self._session is None:
            self._session = open_session(self._wire.headers(self._fleet.key()), self._endpoint.timeout_s)
        servers = self._fleet.servers
        outcomes = await asyncio.gather(*(self._look_up(server) for server in servers))
        if all(outcome.word == "unreachable" for outcome in outcomes):
            raise self._fleet.refusal(servers[0], outcomes[0])

    async def _look_up(self, server: Server) -> Outcome:
        assert self._session is not None
        outcome = await send(self._session, "GET", server.url("models"))
        if outcome.word == "unreachable":
            server.down()
            return outcome
        if outcome.status == 401:
            raise self._fleet.refusal(server, outcome)
        server.up()
        server.listing = outcome.payload
        known = self._named or _servers.by_host(server.base_url)
        server.kind = known or _servers.by_models(outcome.payload)
        self._fleet.check_listing(server)
        return outcome

    async def _probe(self) -> None:
        server = self._fleet.choose()
        key = (server.base_url, self._fleet.model)
        if key not in _ENFORCED:

            async def ask(question: Question) -> Outcome:
                assert self._session is not None
                body = spliced(self._wire.body(question, server.kind), ())
                return await send(self._session, "POST", server.url(self._wire.path, question.model), body)

            found = await enforcement(ask, self._wire, server.kind, self._fleet.model)
            if found.obeyed is False:
                LOG.warning("%s does not enforce reply schemas: replies are parsed as they come", server.base_url)
            _ENFORCED[key] = found
        self._enforcement = _ENFORCED[key]

    # ------------------------------------------------------------------------------ one request

    def _turn(self, request: Request, sampling: Sampling) -> _Turn:
        question = asked(request, sampling, self._card, model=self._fleet.model, form=self._enforcement.form)
        question = question if self._weighed else replace(question, weighed=False)
        return _Turn(request, question, self._estimate(request, question), fixed=_fixed(request, sampling))

    def _estimate(self, request: Request, question: Question) -> float:
        if self._endpoint.tokens_per_minute is None:
            return 0.0
        words = question.words
        pixels = sum((image.width_px or 0) * (image.height_px or 0) for image in request.images)
        text = (len(words.system) + len(words.material) + len(words.task)) / CHARS_PER_TOKEN
        return text + pixels / self._card.pixels_per_token + question.max_tokens

    async def _send(self, server: Server, turn: _Turn) -> Outcome:
        """One try: the images are read and encoded only once there is a permit, so that few are in memory."""
        assert self._session is not None
        epoch = await server.limiter.acquire(turn.tokens)
        verdict, wait_s = Verdict.UNKNOWN, None
        try:
            body, images = self._prepared(server, turn)
            turn.started_s = time.monotonic()
            outcome = await send(
                self._session,
                "POST",
                server.url(self._wire.path, self._fleet.model),
                spliced(self._wire.body(body, server.kind), images),
            )
            turn.sent += 1
            verdict, wait_s = _verdict(outcome), outcome.wait_s
            if outcome.word != "unreachable":
                server.up()
            return outcome
        finally:
            server.limiter.release(epoch, verdict, wait_s)

    def _prepared(self, server: Server, turn: _Turn) -> tuple[Question, list[bytes]]:
        pictures: list[Picture] = []
        images: list[bytes] = []
        for picture in turn.question.pictures:
            if server.kind.uuid and not turn.all_travel and server.holds(picture.sha256):
                pictures.append(replace(picture, held=True))
                continue
            data = file_of(picture.sha256, self._images)
            pictures.append(replace(picture, media_type=media_type(data)))
            images.append(data)
        return replace(turn.question, pictures=tuple(pictures)), images

    # ------------------------------------------------------------------------------ what an outcome leads to

    async def _after(self, server: Server, turn: _Turn, outcome: Outcome) -> Reply | None:
        """The reply, or None when the request has to be sent again."""
        match outcome.word:
            case "answered":
                return await self._on_answer(server, turn, outcome)
            case "turned_away":  # no try is used up: the server did not look at the request
                self._check_silence(server, outcome)
            case "unreachable":  # nor here: other servers take over, or all wait until one is back
                server.down()
                await asyncio.sleep(self._fleet.rest_s())
            case "connection_lost" if not turn.lost:
                turn.lost = True
            case "image_unknown" if not turn.all_travel:
                turn.all_travel = True
                for picture in turn.question.pictures:
                    server.has_dropped(picture.sha256)
            case "refused":
                raise self._fleet.refusal(server, outcome)
            case "bad_request" if turn.question.labels and turn.question.weighed:
                self._weighed = False  # some models do not tell chances: then the word alone counts
                turn.question = replace(turn.question, weighed=False)
            case "bad_request" | "context_overflow" | "image_unknown":
                self._give_up(server, outcome)
            case _:
                await self._on_trouble(server, turn, outcome)
        return None

    async def _on_answer(self, server: Server, turn: _Turn, outcome: Outcome) -> Reply | None:
        latency_s = time.monotonic() - turn.started_s
        try:
            answer = self._wire.read(outcome.payload)
        except ReplyError as error:
            await self._on_trouble(server, turn, Outcome("empty_reply", detail=error.detail))
            return None
        self._failures = 0
        if server.kind.uuid:
            for picture in turn.question.pictures:
                server.has_seen(picture.sha256)
        server.limiter.settle(answer.usage.prompt_tokens + answer.usage.reply_tokens - turn.tokens)
        if answer.finish == "length" and not turn.fixed:
            self._lengthen(turn, answer)
            return None
        if answer.finish == "content_filter":
            raise ReplyError("content_filter", self._fleet.scrubbed(answer.text))
        return Reply(
            request=turn.request,
            text=answer.text,
            reasoning=answer.reasoning,
            finish=answer.finish,
            chances=chances(answer.first, turn.request.labels),
            usage=answer.usage,
            attempts=turn.sent,
            latency_s=latency_s,
        )

    def _lengthen(self, turn: _Turn, answer: Answer) -> None:
        """Double the longest reply, once; asking the same again would end the same way."""
        old = turn.question.max_tokens
        room = self._card.context_tokens - answer.usage.prompt_tokens
        new = min(2 * old, room)
        if turn.raised or new <= old:
            raise ReplyError("truncated", f"Not done after {old} tokens: …{answer.text[-100:]}")
        turn.raised = True
        turn.question = replace(turn.question, max_tokens=new)

    def _check_silence(self, server: Server, outcome: Outcome) -> None:
        silent_s = server.limiter.silent_s
        if silent_s > SILENT_S:
            outcome = replace(outcome, detail=f"Every request was turned away for {silent_s:.0f} s ({outcome.detail})")
            raise self._fleet.refusal(server, outcome)

    async def _on_trouble(self, server: Server, turn: _Turn, outcome: Outcome) -> None:
        turn.tries += 1
        if turn.tries >= self._endpoint.attempts:
            self._give_up(server, outcome)
        pause_s = min(BACKOFF_FIRST_S * 2.0 ** (turn.tries - 1), BACKOFF_MOST_S)
        spread = draw(turn.tries, turn.request.id) / 2**64  # rows that failed together do not come back together
        await asyncio.sleep(pause_s * (0.5 + spread / 2))

    def _give_up(self, server: Server, outcome: Outcome) -> NoReturn:
        """End a row; or the run, when rows do nothing but fail."""
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            detail = f"{self._failures} requests in a row failed, the last: {outcome.word} ({outcome.detail})"
            raise self._fleet.refusal(server, Outcome("server_error", detail=detail))
        raise ReplyError(outcome.word, self._fleet.scrubbed(outcome.detail))


def _fixed(request: Request, sampling: Sampling) -> bool:
    return bool(request.labels) or not sampling.extend


def _verdict(outcome: Outcome) -> Verdict:
    if outcome.word == "turned_away":
        return Verdict.TURNED_AWAY
    if outcome.word in ("server_error", "timed_out", "connection_lost", "unreachable"):
        return Verdict.TROUBLED
    return Verdict.ANSWERED
