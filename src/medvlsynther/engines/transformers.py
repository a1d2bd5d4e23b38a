"""Any image-text-to-text model, computed in this process by transformers: on a GPU, or on a laptop's cores.

The weights are a hub id or a folder (`served_as` in the site file, else the card's `repo`). Requests are computed in
batches, the static text of their prompts once; a reply under a schema always fits it. Needs the extra `transformers`.
"""

import asyncio
from concurrent.futures import Future
from dataclasses import replace

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines._bench import BENCHES, Bench, Job
from medvlsynther.engines._protocols import file_of
from medvlsynther.engines._weights import Source
from medvlsynther.engines.base import Bytes, Endpoint, Engine, Reply, ReplyError, Request

BATCHES_AHEAD = 2
"""Batches whose requests wait at the engine: while one is computed, the next is complete."""


def connect(model: Model, endpoint: Endpoint, images: Bytes) -> Engine:
    """The engine; weights are read when the first request comes."""
    return _InProcess(model, endpoint, images)


class _InProcess:
    """The engine."""

    remembers = False

    def __init__(self, model: Model, endpoint: Endpoint, images: Bytes) -> None:
        self.concurrency = BATCHES_AHEAD * endpoint.batch
        self._card = model
        self._batch = endpoint.batch
        self._images = images
        self._source = Source(endpoint.served_as or model.repo, model.revision, endpoint.device)
        self._bench: Bench | None = None

    async def generate(self, request: Request, sampling: Sampling) -> Reply:
        """The reply to one request; one that its limit cut is computed once more with twice the limit,
        unless the limit is fixed.

        Raises: ReplyError: truncated, empty_reply, context_overflow, image_missing, image_unreadable, bad_request,
        out_of_memory. EngineRefused when the weights cannot be had, MissingExtra.
        """
        reply = await self._computed(request, sampling)
        if reply.finish != "length" or not sampling.extend:
            return reply
        longer = sampling.model_copy(update={"max_tokens": 2 * sampling.max_tokens})
        reply = replace(await self._computed(request, longer), attempts=2)
        if reply.finish == "length":
            raise ReplyError("truncated", f"Not done after {longer.max_tokens} tokens: …{reply.text[-100:]}")
        return reply

    async def _computed(self, request: Request, sampling: Sampling) -> Reply:
        if self._bench is None:
            self._bench = BENCHES.take(self._source)
        options = self._card.extra_body.get("chat_template_kwargs", {})
        answer: Future[Reply] = Future()
        job = Job(request, sampling, options, self._read(request), self._card.context_tokens, answer)
        self._bench.put(job, self._batch)
        return await asyncio.wrap_future(answer)

    def _read(self, request: Request) -> tuple[bytes, ...]:
        return tuple(file_of(image.sha256, self._images) for image in request.images)

    async def probe(self) -> None:
        """Look for the packages and for the model, without reading its weights.

        Raises: MissingExtra, EngineRefused.
        """
        await asyncio.to_thread(self._source.check)

    async def close(self) -> None:
        """Leave the bench; the weights stay until others are asked for."""
        if self._bench is not None:
            self._bench = None
            BENCHES.leave(self._source)
