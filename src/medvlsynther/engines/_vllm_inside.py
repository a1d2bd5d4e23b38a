"""The engine that asks vLLM in this process: a request as vLLM takes it, and its reply.

Everything is asked as a server would be asked over HTTP, so that it does not matter to a result which of the two is.
"""

import asyncio
import time
from typing import Any

import orjson

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines._pictures import picture
from medvlsynther.engines._protocols import LABEL_TOKENS, file_of, joined
from medvlsynther.engines._reading import settled
from medvlsynther.engines._vllm_core import CORES, Ask, Core, Told
from medvlsynther.engines._vllm_options import Source
from medvlsynther.engines.base import Bytes, Endpoint, Engine, Reply, ReplyError, Request, Usage, render


def connect(model: Model, endpoint: Endpoint, images: Bytes) -> Engine:
    """The engine; weights are read when the first request comes."""
    return _Inside(model, endpoint, images)


def asked(request: Request, sampling: Sampling, card: Model, images: list[Any], limit: int) -> Ask:
    """A request as vLLM takes it, with its images decoded and a longest reply of `limit` tokens."""
    words = render(request)
    text = joined(words)
    names = [image.sha256 for image in request.images]
    content: Any = text
    if images:
        content = [{"type": "image_pil", "image_pil": one, "uuid": name} for one, name in zip(images, names)]
        content.append({"type": "text", "text": text})
    system = [{"role": "system", "content": words.system}] if words.system else []
    params = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": None if sampling.seed is None else sampling.seed + request.sample,
        "max_tokens": limit,
    }
    extra = dict(card.extra_body)
    template, processor = extra.pop("chat_template_kwargs", None), extra.pop("mm_processor_kwargs", None)
    return Ask(
        messages=[*system, {"role": "user", "content": content}],
        params={name: value for name, value in {**params, **extra}.items() if value is not None},
        schema=None if request.schema is None else orjson.dumps(dict(request.schema)).decode(),
        labels=request.labels,
        template=template or {},
        processor=processor,
    )


def answered(request: Request, told: Told, *, attempts: int, seconds: float) -> Reply:
    """The reply, with thoughts apart from its text.

    Raises: ReplyError empty_reply.
    """
    usage = Usage(told.prompt_tokens, told.cached_tokens, told.image_tokens, told.reply_tokens)
    answer = settled(told.text, "", told.finish, usage)
    return Reply(
        request, answer.text, answer.reasoning, answer.finish, usage, attempts, latency_s=seconds, chances=told.chances
    )


class _Inside:
    """The engine."""

    remembers = False

    def __init__(self, model: Model, endpoint: Endpoint, images: Bytes) -> None:
        self.concurrency = endpoint.concurrency
        self._card = model
        self._images = images
        self._source = Source.of(model, endpoint)
        self._taking: asyncio.Task[Core] | None = None

    async def generate(self, request: Request, sampling: Sampling) -> Reply:
        """The reply to one request; one that its limit cut is computed once more with twice the limit,
        unless the limit is fixed.

        Raises: ReplyError: truncated, empty_reply, context_overflow, image_missing, image_unreadable, bad_request,
        server_error. EngineRefused when the engine does not start or ends, MissingExtra, BadSetting.
        """
        limit = min(sampling.max_tokens, LABEL_TOKENS) if request.labels else sampling.max_tokens
        fixed = bool(request.labels) or not sampling.extend
        attempts, started_s = 1, time.monotonic()
        told = await self._told(request, sampling, limit)
        room = self._card.context_tokens - told.prompt_tokens
        if told.finish == "length" and not fixed and (longer := min(2 * limit, room)) > limit:
            attempts, started_s = 2, time.monotonic()
            told = await self._told(request, sampling, longer)
        if told.finish == "length" and not fixed:
            raise ReplyError("truncated", f"Not done after {told.reply_tokens} tokens: …{told.text[-100:]}")
        return answered(request, told, attempts=attempts, seconds=time.monotonic() - started_s)

    async def probe(self) -> None:
        """Look for the package and for the model, without reading its weights.

        Raises: MissingExtra, EngineRefused, BadSetting.
        """
        await asyncio.to_thread(self._source.check)

    async def close(self) -> None:
        """Leave the engine; it stays for whoever asks next."""
        taking, self._taking = self._taking, None
        if taking is not None:
            await taking
            CORES.leave(self._source)

    async def _told(self, request: Request, sampling: Sampling, limit: int) -> Told:
        if self._taking is None:  # what nobody holds is closed first, and that may take its time
            self._taking = asyncio.create_task(asyncio.to_thread(CORES.take, self._source))
        core = await asyncio.shield(self._taking)
        images = await asyncio.to_thread(self._pictures, request) if request.images else []
        return await core.answer(asked(request, sampling, self._card, images, limit))

    def _pictures(self, request: Request) -> list[Any]:
        return [picture(file_of(image.sha256, self._images)) for image in request.images]
