"""The work of a model in this process: requests are collected into batches, and one thread computes them.

All engines of the process that ask for the same weights share one bench. Weights stay
in memory until others are asked for, so that two steps in a row do not read them twice.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from medvlsynther.cards import Sampling
from medvlsynther.engines._choosing import Chooser, Draw
from medvlsynther.engines._prefixes import Prefixes
from medvlsynther.engines._reading import settled
from medvlsynther.engines._weights import Source, Weights
from medvlsynther.engines.base import Rendered, Reply, ReplyError, Request, Usage, render
from medvlsynther.errors import EngineRefused, MedvlsyntherError
from medvlsynther.fingerprint import draw
from medvlsynther.keeping import Kept

GATHER_S = 0.01
"""How long a batch waits for more requests to come."""


@dataclass(frozen=True, slots=True)
class Job:
    """One request to be computed."""

    request: Request
    sampling: Sampling
    options: Mapping[str, Any]
    """What the chat template is told beside the words."""
    images: tuple[bytes, ...]
    """Encoded images in order."""
    most_tokens: int
    """Longest prompt with its reply, by the model's card."""
    answer: "Future[Reply]"
    """Where the reply goes."""

    @property
    def words(self) -> Rendered:
        """The words."""
        return render(self.request)

    def fits(self, other: "Job") -> bool:
        """Whether two jobs may be computed together: the same static text, and both with images or both without."""
        mine, theirs = (self.words.system, bool(self.images)), (other.words.system, bool(other.images))
        return mine == theirs and self.options == other.options


class Bench:
    """One model's place of work."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._loaded: tuple[Weights, Prefixes] | None = None
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._at_work: list[Job] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bench")

    def put(self, job: Job, batch: int) -> None:
        """Hand over a job, to be computed with at most `batch` at once."""
        with self._lock:
            self._waiting.append(job)
        self._thread.submit(self._round, batch).add_done_callback(self._settle)

    @property
    def usable(self) -> bool:
        """Weights do not wear out."""
        return True

    def close(self) -> None:
        """Let go of the weights once the batch under way is done."""
        self._thread.shutdown(cancel_futures=True)
        self._loaded = None

    def _round(self, batch: int) -> None:
        """Compute what waits; there may be nothing left, since each job brings a round with it."""
        if len(self._waiting) < batch:
            time.sleep(GATHER_S)
        with self._lock:
            self._at_work = self._gathered(batch)
        if not self._at_work:
            return
        if self._loaded is None:
            weights = Weights.load(self._source)
            self._loaded = weights, Prefixes(weights)
        compute(*self._loaded, self._at_work)

    def _gathered(self, most: int) -> list[Job]:
        """The next batch: those that fit the first that waits, in order; the others keep their places."""
        found: list[Job] = []
        others: list[Job] = []
        for job in self._waiting:
            fits = len(found) < most and (not found or job.fits(found[0]))
            (found if fits else others).append(job)
        self._waiting = deque(others)
        return [job for job in found if job.answer.set_running_or_notify_cancel()]

    def _settle(self, round_: "Future[None]") -> None:
        """What ended a round ends its jobs: what no row is to blame for, no row can be served with."""
        if round_.cancelled() or (error := round_.exception()) is None:
            return
        if not isinstance(error, MedvlsyntherError):
            what = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            error = EngineRefused(what, where=self._source.repo, mend="Take another device, model or release")
        for job in self._at_work:
            if not job.answer.done():
                job.answer.set_exception(error)


def compute(weights: Weights, prefixes: Prefixes, batch: Sequence[Job]) -> None:
    """Answer every job of a batch; one too large for the memory, or with a bad row in it, is computed in halves."""
    import torch

    try:
        replies = _computed(weights, prefixes, batch)
    except (ReplyError, torch.OutOfMemoryError) as error:
        half = len(batch) // 2
        if half:
            compute(weights, prefixes, batch[:half])
            compute(weights, prefixes, batch[half:])
        else:
            fault = error if isinstance(error, ReplyError) else ReplyError("out_of_memory", str(error))
            batch[0].answer.set_exception(fault)
        return
    for job, reply in zip(batch, replies, strict=True):
        if isinstance(reply, ReplyError):
            job.answer.set_exception(reply)
        else:
            job.answer.set_result(reply)


def _computed(weights: Weights, prefixes: Prefixes, batch: Sequence[Job]) -> list[Reply | ReplyError]:
    import torch
    from transformers import GenerationConfig, LogitsProcessorList

    started_s = time.monotonic()
    texts = [weights.chat(job.words, len(job.images), job.options) for job in batch]
    tensors = weights.tensors(texts, [job.images for job in batch])
    lengths = tensors["attention_mask"].sum(dim=1).tolist()
    for job, length in zip(batch, lengths, strict=True):
        _check_length(weights, job, length)
    draws = [_draw(weights, job) for job in batch]
    images = _image_tokens(weights, tensors)
    with torch.inference_mode():
        begun, cached = prefixes.begin(batch[0].words.system, batch[0].options, tensors)
        weights.forget()
        weights.model.generate(
            **begun,
            logits_processor=LogitsProcessorList([Chooser(draws, weights.ends)]),
            generation_config=GenerationConfig(
                max_new_tokens=max(1 if each.labels else each.max_tokens for each in draws) + 1,
                do_sample=False,
                eos_token_id=weights.ends,
                pad_token_id=weights.pad,
            ),
        )
    seconds = time.monotonic() - started_s
    usages = [
        Usage(prompt_tokens=length, cached_tokens=cached, image_tokens=of_images, reply_tokens=len(each.tokens))
        for length, of_images, each in zip(lengths, images, draws, strict=True)
    ]
    return [_reply(weights, *row, seconds) for row in zip(batch, draws, usages, strict=True)]


def _check_length(weights: Weights, job: Job, length: int) -> None:
    most = min(job.most_tokens, weights.context_tokens or job.most_tokens)
    reply = 1 if job.request.labels else job.sampling.max_tokens
    if length + reply > most:
        raise ReplyError("context_overflow", f"{length} tokens and {reply} of reply exceed {most}")


def _draw(weights: Weights, job: Job) -> Draw:
    request, sampling, words = job.request, job.sampling, job.words
    seed = draw(sampling.seed or 0, str(request.sample), words.system, words.material, words.task) >> 1
    guide = None if request.schema is None else weights.guides.start(request.schema)
    labels = weights.beginnings(request.labels) if request.labels else {}
    return Draw(sampling.max_tokens, sampling.temperature, sampling.top_p, seed, guide, labels)


def _image_tokens(weights: Weights, tensors: Mapping[str, Any]) -> list[int]:
    counts: list[int] = (tensors["input_ids"] == (weights.image_token or -1)).sum(dim=1).tolist()
    return counts


def _reply(weights: Weights, job: Job, drawn: Draw, usage: Usage, seconds: float) -> Reply | ReplyError:
    if drawn.chances:
        label = max(drawn.chances, key=drawn.chances.__getitem__)
        return Reply(job.request, label, chances=drawn.chances, usage=replace(usage, reply_tokens=1), latency_s=seconds)
    text = weights.tokenizer.decode(drawn.tokens, skip_special_tokens=True)
    try:
        answer = settled(text, "", drawn.finish, usage)
    except ReplyError as error:
        return error
    return Reply(job.request, answer.text, answer.reasoning, answer.finish, usage=usage, latency_s=seconds)


BENCHES: Kept[Source, Bench] = Kept(Bench)
"""The benches of this process, by their weights."""
