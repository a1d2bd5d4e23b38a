"""vLLM's engine in this process: started once, in a thread with a loop of its own, and gone with all that it started.

vLLM computes in processes that it starts itself. Their end, whatever the reason, ends the run with what they logged.

Source: `AsyncLLM`, `Renderer.render_chat_async` and `SamplingParams` of vLLM 0.32.
"""

import asyncio
import gc
import math
import multiprocessing
import re
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import resource_tracker
from typing import Any

from medvlsynther.engines._labels import beginnings, spellings
from medvlsynther.engines._vllm_log import Log, told_to_a_file
from medvlsynther.engines._vllm_options import Source
from medvlsynther.errors import BadSetting, EngineRefused, MedvlsyntherError, ReplyError
from medvlsynther.keeping import Kept

LOOK_S = 0.2
CLOSE_S = 60.0
"""After this long an engine that does not end is left to the end of the process."""
TOO_LONG = re.compile(r"context length|longer than the maximum model length|max_model_len")
CORE = ("EngineCore", "VLLM_")
"""How the names of processes begin that vLLM starts."""

_STARTING = threading.Lock()
"""Held while an engine starts: the environment is set for it, and its processes are told from another's."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One conversation to be gone on with."""

    messages: Sequence[Mapping[str, Any]]
    """System and user, as in a chat; images decoded, each with its name as `uuid`."""
    params: Mapping[str, Any]
    """How the reply is drawn, by the names of vLLM's `SamplingParams`."""
    schema: str | None = None
    """JSON schema of the reply, as JSON."""
    labels: tuple[str, ...] = ()
    """The words that the reply is to be one of."""
    template: Mapping[str, Any] = field(default_factory=dict)
    """What the chat template is told beside the words."""
    processor: Mapping[str, Any] | None = None
    """What the image processor is told beside the images."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it."""

    text: str
    """The reply."""
    finish: str
    """"stop", "length", or vLLM's own word."""
    prompt_tokens: int
    """Tokens of the prompt, those of images included."""
    cached_tokens: int
    """Those of them that had been computed before."""
    image_tokens: int
    """Those of them that stand for images."""
    reply_tokens: int
    """Tokens of the reply."""
    chances: Mapping[str, float]
    """Chance of each label, adding up to 1; empty without labels."""


class Core:
    """One engine. It starts when it is made, and nobody waits for that but those who ask."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._numbers = count()
        self._closing = False
        self._began: set[Any] | None = None
        """Processes that were there before the start; None until it is this one's turn to start."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="vllm", daemon=True)
        self._thread.start()
        self._model: Future[_Model] = asyncio.run_coroutine_threadsafe(self._start(), self._loop)

    @property
    def usable(self) -> bool:
        """Whether it starts, or runs."""
        if not self._model.done():
            return True
        return self._model.exception() is None and not self._model.result().llm.errored

    async def answer(self, ask: Ask) -> Told:
        """What the model says; may be awaited in any loop.

        Raises: ReplyError: context_overflow, bad_request, server_error. EngineRefused when the engine does not start,
        or has ended; MissingExtra, BadSetting.
        """
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._answer(ask), self._loop))

    def close(self) -> None:
        """End it and its processes, even while it starts."""
        self._closing = True
        ended = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        give_up_s = time.monotonic() + CLOSE_S
        while not wait_for([ended], timeout=LOOK_S).done and time.monotonic() < give_up_s:
            self._stop_starting()
        if ended.done():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        self._model = Future()
        self._model.set_exception(EngineRefused("vLLM was closed"))
        gc.collect()  # vLLM's objects hold each other, and what they do when they go is not for a process that ends

    def _stop_starting(self) -> None:
        """End the processes that the start under way waits for: then it fails, and the loop is free."""
        if self._began is not None and not self._model.done():
            for child in set(multiprocessing.active_children()) - self._began:
                if child.name.startswith(CORE):
                    child.kill()

    # ------------------------------------------------------------------------------ in the loop's thread

    def _run(self) -> None:
        # What this thread starts inherits this: an interrupt is for the command, which then ends its engines in order.
        resource_tracker.ensure_running()  # its start would let interrupts through again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._loop.run_forever()

    async def _start(self) -> "_Model":
        """Start the engine; nothing else goes on in this loop meanwhile."""
        with _STARTING, told_to_a_file() as log:
            self._began = set(multiprocessing.active_children())
            try:
                if self._closing:
                    raise EngineRefused("vLLM was stopped before it started")
                self._source.check()
                arguments = self._source.arguments()
                from vllm.v1.engine.async_llm import AsyncLLM

                return _Model(AsyncLLM.from_engine_args(arguments))
            except MedvlsyntherError:
                raise
            except Exception as error:  # noqa: BLE001 - the engine door: whatever it is, nothing can be asked
                raise self._refusal(log, error) from None
            finally:
                self._log = log

    async def _answer(self, ask: Ask) -> Told:
        model = await asyncio.shield(asyncio.wrap_future(self._model))
        from vllm.exceptions import VLLMError

        try:
            prompt = await model.rendered(ask)
            output = await model.finished(prompt, model.params(ask, _length(prompt)), f"{next(self._numbers)}")
        except (MedvlsyntherError, ReplyError):
            raise
        except Exception as error:  # noqa: BLE001 - the engine door: what no row is to blame for ends the run
            if model.llm.errored or not isinstance(error, VLLMError | ValueError | IndexError):
                raise self._refusal(self._log, error) from None
            raise _fault(error) from None
        return told(output, _image_tokens(prompt), model.beginnings(ask.labels))

    async def _end(self) -> None:
        with suppress(MedvlsyntherError, asyncio.CancelledError):
            (await asyncio.wrap_future(self._model)).llm.shutdown()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _refusal(self, log: Log, error: Exception) -> EngineRefused:
        what = " ".join((log.fault() or f"{type(error).__name__}: {error}").split())[-600:]
        mend = "Mend the endpoint in the site file, or the model's folder"
        return EngineRefused(f"vLLM does not run: {what}", where=self._source.repo, mend=mend)


class _Model:
    """A started engine, and what is worked out once."""

    def __init__(self, llm: Any) -> None:
        self.llm = llm
        self._context: int = llm.model_config.max_model_len
        self._defaults: Mapping[str, Any] = llm.model_config.get_diff_sampling_param()
        self._beginnings: dict[tuple[str, ...], Mapping[str, Sequence[int]]] = {}

    async def rendered(self, ask: Ask) -> Any:
        """The prompt as the engine takes it: chat template, tokens, images."""
        from vllm.renderers import ChatParams

        form = ChatParams(
            chat_template_kwargs={**ask.template, "add_generation_prompt": True, "continue_final_message": False},
            mm_processor_kwargs=None if ask.processor is None else dict(ask.processor),
        )
        _, (prompt,) = await self.llm.renderer.render_chat_async([list(ask.messages)], form)
        return prompt

    def params(self, ask: Ask, prompt_tokens: int) -> Any:
        """How the reply is drawn; what neither the request nor the card says is as the model's own folder has it.

        Raises: ReplyError context_overflow; BadSetting for a field that vLLM does not know.
        """
        from vllm.sampling_params import RequestOutputKind, SamplingParams, StructuredOutputsParams

        if (room := self._context - prompt_tokens) <= 0:
            raise ReplyError("context_overflow", f"{prompt_tokens} tokens leave no room within {self._context}")
        given: dict[str, Any] = {**self._defaults, **ask.params}
        if unknown := sorted(set(given) - set(SamplingParams.__struct_fields__)):
            mend = "In this process vLLM takes chat_template_kwargs, mm_processor_kwargs and its sampling parameters"
            raise BadSetting(f"Unknown fields in extra_body: {', '.join(unknown)}", where="model card", mend=mend)
        given["max_tokens"] = min(given["max_tokens"], room)
        if ask.schema is not None:
            given["structured_outputs"] = StructuredOutputsParams(json=ask.schema)
        elif ask.labels:
            given["structured_outputs"] = StructuredOutputsParams(choice=list(ask.labels))
            found = self.beginnings(ask.labels).values()
            given["logprob_token_ids"] = sorted({token for tokens in found for token in tokens})
        return SamplingParams(**given, output_kind=RequestOutputKind.FINAL_ONLY)

    async def finished(self, prompt: Any, params: Any, number: str) -> Any:
        """The finished request."""
        found = None
        async for output in self.llm.generate(prompt, params, number):
            found = output
        return found

    def beginnings(self, labels: tuple[str, ...]) -> Mapping[str, Sequence[int]]:
        """For each label the tokens that begin it and no other, in whatever spelling.

        Raises: BadSetting for labels that begin with one and the same token.
        """
        if labels not in self._beginnings:
            ways = [way for label in labels for way in spellings(label)]
            tokenizer = self.llm.renderer.get_tokenizer()
            first = {way: tokenizer.encode(way, add_special_tokens=False)[0] for way in ways}
            self._beginnings[labels] = beginnings(labels, first)
        return self._beginnings[labels]


def told(output: Any, image_tokens: int, labels: Mapping[str, Sequence[int]]) -> Told:
    """What a finished request says; `labels` gives the tokens that begin each.

    Raises: ReplyError server_error when it ended neither by itself nor by its limit.
    """
    reply = output.outputs[0]
    if reply.finish_reason not in ("stop", "length"):
        raise ReplyError("server_error", f"vLLM ended the reply: {reply.finish_reason}")
    return Told(
        text=reply.text,
        finish=reply.finish_reason,
        prompt_tokens=len(output.prompt_token_ids or ()),
        cached_tokens=output.num_cached_tokens or 0,
        image_tokens=image_tokens,
        reply_tokens=len(reply.token_ids),
        chances=_chances(reply.logprobs, labels),
    )


def _chances(places: Any, labels: Mapping[str, Sequence[int]]) -> dict[str, float]:
    if not labels or not places:
        return {}
    first = {token: math.exp(min(found.logprob, 0.0)) for token, found in places[0].items()}
    mass = {label: sum(first.get(token, 0.0) for token in tokens) for label, tokens in labels.items()}
    total = sum(mass.values())
    return {label: found / total for label, found in mass.items()} if total > 0.0 else {}


def _length(prompt: Mapping[str, Any]) -> int:
    return len(prompt["prompt_token_ids"])


def _image_tokens(prompt: Mapping[str, Any]) -> int:
    return sum(place.length for place in (prompt.get("mm_placeholders") or {}).get("image", ()))


def _fault(error: Exception) -> ReplyError:
    """What is wrong with a row, where the engine itself lives on."""
    from vllm.exceptions import VLLMServerError

    cause = error.__cause__ or error
    what = " ".join(f"{type(cause).__name__}: {cause}".split())
    if isinstance(error, VLLMServerError):
        return ReplyError("server_error", what)
    return ReplyError("context_overflow" if TOO_LONG.search(what) else "bad_request", what)


CORES: Kept[Source, Core] = Kept(Core)
"""The engines of this process."""
