"""vLLM inside the processes of a Ray cluster, through Ray Data LLM: one stream of rows through one running data set.

Ray Data is made for whole tables; requests come one by one, and some only because others were answered. So the table
is a queue that does not end: rows are taken from it as they come, and while none comes, an empty row pushes out the
last one, which Ray Data would hold back. Empty rows bear the mark of a failed row, and so pass by the model.

Source: `vLLMEngineProcessorConfig` of Ray 2.60, which brings vLLM 0.29. It does not tell why a reply ended; one of the
greatest length counts as cut off.
"""

import asyncio
import logging
import os
import pickle
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import count
from typing import Any

import orjson

from medvlsynther.cards import Sampling
from medvlsynther.engines._protocols import file_of, joined, media_type
from medvlsynther.engines._reading import settled
from medvlsynther.engines._replicas import Told, Wish
from medvlsynther.engines.base import Reply, ReplyError, Request, Usage, render
from medvlsynther.errors import EngineRefused, MissingExtra
from medvlsynther.executors import _nodes
from medvlsynther.executors.cluster import CLUSTERS, Wanted
from medvlsynther.keeping import Kept

ERROR = "__inference_error__"
"""Ray Data LLM's column for what went wrong with a row; rows with it pass by all stages."""
EMPTY = -1
"""Number of an empty row."""
IDLE_S = 0.2
"""After so long without a request, the last one is pushed out."""
CLOSE_S = 60.0
MISSING = "image_missing"


def config(wish: Wish) -> Any:
    """The processor's configuration: replicas, tensor parallelism, images and constrained replies.

    Raises: MissingExtra.
    """
    try:
        from ray.data.llm import vLLMEngineProcessorConfig
    except ImportError:
        raise MissingExtra("ray[llm]", "ray-llm", where=f"site endpoint of {wish.model.repo}") from None
    model, end = wish.model, wish.endpoint
    pool = (end.replicas, end.replicas)
    engine: dict[str, Any] = {
        "tensor_parallel_size": end.tensor_parallel,
        "max_model_len": model.context_tokens,
        "limit_mm_per_prompt": {"image": model.max_images, "video": 0},
        "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
        "enable_prefix_caching": True,
    }
    return vLLMEngineProcessorConfig(
        model_source=end.served_as or model.repo,
        engine_kwargs=engine | ({"revision": model.revision} if model.revision else {}),
        concurrency=pool,
        batch_size=1,  # a larger one would wait for rows that come only after this one's answer
        max_concurrent_batches=wish.share.concurrency,
        should_continue_on_error=True,
        log_engine_metrics=False,
        prepare_multimodal_stage={"enabled": True, "chat_template_content_format": "openai"},
        chat_template_stage={"enabled": True, "chat_template_kwargs": model.extra_body.get("chat_template_kwargs")},
        tokenize_stage=False,
        detokenize_stage=False,
    )


def processor(wish: Wish) -> Callable[[Any], Any]:
    """From a data set of asked rows to one of answered rows.

    Raises: MissingExtra.
    """
    given = config(wish)
    from ray.data.llm import build_processor

    try:
        built: Callable[[Any], Any] = build_processor(
            given, preprocess=partial(prepared, wish.home, wish.images), postprocess=answered
        )
    except ImportError as error:
        raise MissingExtra(error.name or "vllm", "ray-llm", where=f"site endpoint of {wish.model.repo}") from None
    return built


def asked(number: int, request: Request, sampling: Sampling) -> dict[str, Any]:
    """A request as a row; images travel by name."""
    words = render(request)
    params: dict[str, Any] = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    if sampling.seed is not None:
        params["seed"] = sampling.seed + request.sample
    if request.schema is not None:
        params["structured_outputs"] = {"json": orjson.dumps(dict(request.schema)).decode()}
    elif request.labels:
        params["structured_outputs"] = {"choice": list(request.labels)}
    plain = (words.system, joined(words), tuple(image.sha256 or "" for image in request.images), params)
    return {"number": number, "asked": pickle.dumps(plain)}


def prepared(home: str, images: bytes, row: dict[str, Any]) -> dict[str, Any]:
    """A row with its messages; runs on a node, where the images are read and encoded."""
    if row["number"] == EMPTY:
        return {ERROR: "empty"}
    system, text, digests, params = pickle.loads(row["asked"])
    os.chdir(home)
    read = pickle.loads(images)
    try:
        parts = [_picture(file_of(digest, read)) for digest in digests]
    except ReplyError as error:
        return {ERROR: f"{MISSING}: {error}"}
    first = [{"role": "system", "content": system}] if system else []
    user = {"role": "user", "content": [*parts, {"type": "text", "text": text}]}
    return {"messages": [*first, user], "sampling_params": params}


def _picture(data: bytes) -> dict[str, Any]:
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{media_type(data)};base64,{b64encode(data).decode('ascii')}"},
    }


def answered(row: dict[str, Any]) -> dict[str, Any]:
    """What is kept of an answered row."""
    return {
        "number": row["number"],
        "text": row["generated_text"],
        "prompt_tokens": row["num_input_tokens"],
        "reply_tokens": row["num_generated_tokens"],
    }


class Queue:
    """The rows that wait, in a process that the driver and the reading task reach."""

    def __init__(self) -> None:
        self._rows: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def put(self, row: dict[str, Any] | None) -> None:
        """A row, or None for the end."""
        await self._rows.put(row)

    async def take(self, idle_s: float | None) -> dict[str, Any] | None:
        """The next row; an empty one when none comes in time."""
        try:
            return await asyncio.wait_for(self._rows.get(), idle_s)
        except TimeoutError:
            return {"number": EMPTY, "asked": b""}


def _blocks(queue: Any) -> Iterator[Any]:
    """The rows as they come, one a block; after each pause one empty row."""
    import pyarrow as pa
    import ray

    idle_s: float | None = None
    while (row := ray.get(queue.take.remote(idle_s))) is not None:
        idle_s = None if row["number"] == EMPTY else IDLE_S
        yield pa.Table.from_pylist([row])


def _table(queue: Any) -> Any:
    """The data set that does not end."""
    from ray import data
    from ray.data.block import BlockMetadata

    class Waiting(data.Datasource):
        """One reading task."""

        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, *_: Any, **__: Any) -> list[Any]:
            about = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
            return [data.ReadTask(partial(_blocks, queue), about)]

    context = data.DataContext.get_current()
    context.target_max_block_size = context.target_min_block_size = 1
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return data.read_datasource(Waiting(), override_num_blocks=1)  # type: ignore[no-untyped-call]


class Offline:
    """A model in the processes of a cluster."""

    def __init__(self, wish: Wish) -> None:
        """Join the cluster and let the rows run; weights are loaded when the first comes.

        Raises: MissingExtra, ClusterTrouble.
        """
        self._name = wish.model.repo
        self._wanted = wish.endpoint.cluster or Wanted()
        self._numbers = count()
        self._waiting: dict[int, tuple[Request, Sampling, Future[Told]]] = {}
        self._trouble: EngineRefused | None = None
        self._cluster = CLUSTERS.take(self._wanted)
        try:
            if not self._cluster.ours:
                self._cluster.check(_nodes.common())
            made = processor(wish)
            self._queue = self._cluster.ray.remote(num_cpus=0)(Queue).remote()
            self._rows = made(_table(self._queue))
        except BaseException:
            CLUSTERS.leave(self._wanted)
            raise
        self._thread = threading.Thread(target=self._read, name="offline", daemon=True)
        self._thread.start()

    @property
    def usable(self) -> bool:
        """Whether rows still run."""
        return self._trouble is None and self._cluster.usable

    def close(self) -> None:
        """End the stream, and with it the processes that hold the weights."""
        if self._cluster.usable:
            self._queue.put.remote(None)
            self._thread.join(CLOSE_S)
        CLUSTERS.leave(self._wanted)

    async def probe(self) -> None:
        """The configuration was understood; weights are looked for when the first row comes."""

    async def answer(self, request: Request, sampling: Sampling) -> Told:
        """What the model says.

        Raises: EngineRefused when the stream has ended.
        """
        number, answer = next(self._numbers), Future[Told]()
        self._waiting[number] = (request, sampling, answer)
        await self._queue.put.remote(asked(number, request, sampling))
        if self._trouble is not None:
            raise self._trouble
        return await asyncio.wrap_future(answer)

    def _read(self) -> None:
        why = "the stream of replies ended"
        try:
            for row in self._rows.iter_rows():
                if row["number"] != EMPTY:
                    request, sampling, answer = self._waiting.pop(row["number"])
                    if answer.set_running_or_notify_cancel():
                        answer.set_result(("", told(row, request, sampling)))
        except Exception as error:  # noqa: BLE001 - the engine door: whatever ends the stream ends the run
            why = f"{type(error).__name__}: {' '.join(str(error).split())[-300:]}"
        self._trouble = EngineRefused(why, where=self._name, mend="Mend the endpoint in the site file")
        while self._waiting:
            _, _, answer = self._waiting.popitem()[1]
            if answer.set_running_or_notify_cancel():
                answer.set_exception(self._trouble)


def told(row: dict[str, Any], request: Request, sampling: Sampling) -> Reply | ReplyError:
    """The meaning of an answered row."""
    if error := row.get(ERROR):
        reason = MISSING if error.startswith(MISSING) else "server_error"
        return ReplyError(reason, error.removeprefix(f"{MISSING}: "))
    usage = Usage(prompt_tokens=int(row["prompt_tokens"]), reply_tokens=int(row["reply_tokens"]))
    finish = "length" if usage.reply_tokens >= sampling.max_tokens else "stop"
    try:
        answer = settled(row["text"], "", finish, usage)
    except ReplyError as fault:
        return fault
    if finish == "length":
        return ReplyError("truncated", f"Not done after {sampling.max_tokens} tokens: …{answer.text[-100:]}")
    return Reply(request, answer.text, answer.reasoning, answer.finish, usage)


OFFLINE: Kept[Wish, Offline] = Kept(Offline)
"""The models that this process keeps on a cluster."""
