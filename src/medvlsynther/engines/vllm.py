"""vLLM servers that this process starts, probes and stops: one for each replica, over as many GPUs as it needs.

The requests go the way of the `openai` engine, to the replica with the least in flight. A server that ends under way is
started anew, a few times. Servers stay for the next step, until another model is asked for or the process ends. Where
servers run already, use `openai` with their URLs. With `serve: false` vLLM computes in this process, without a server.
Needs the extra `vllm`, or any command that takes the same options.
"""

import asyncio
import contextlib
import shutil

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines import _vllm_inside, openai
from medvlsynther.engines._children import GIVE_UP, LOOK_S, Children, Wanted
from medvlsynther.engines._vllm_options import options
from medvlsynther.engines.base import Bytes, Endpoint, Engine, Reply, Request
from medvlsynther.errors import EngineRefused, MissingExtra
from medvlsynther.keeping import Kept

SERVERS: Kept[Wanted, Children] = Kept(Children)
"""The servers that this process has started."""


def connect(model: Model, endpoint: Endpoint, images: Bytes) -> Engine:
    """The engine; servers are started, or weights read, when the first request comes."""
    return (_Served if endpoint.serve else _vllm_inside.connect)(model, endpoint, images)


def wanted(model: Model, endpoint: Endpoint) -> Wanted:
    """The servers of a model card at an endpoint."""
    command = (
        *endpoint.command,
        endpoint.served_as or model.repo,
        *("--served-model-name", model.repo),
        *options(model, endpoint),
        "--enable-prompt-tokens-details",
        *endpoint.options,
    )
    return Wanted(command, endpoint.replicas, endpoint.tensor_parallel)


class _Served:
    """The engine."""

    remembers = False

    def __init__(self, model: Model, endpoint: Endpoint, images: Bytes) -> None:
        self.concurrency = endpoint.concurrency
        self._card = model
        self._endpoint = endpoint
        self._images = images
        self._wanted = wanted(model, endpoint)
        self._starting: asyncio.Task[tuple[Children, Engine]] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def generate(self, request: Request, sampling: Sampling) -> Reply:
        """The reply to one request. Servers that end meanwhile are started anew, and the request waits for them.

        Raises: as the `openai` engine does; EngineRefused when the servers do not start, or end again and again;
        MissingExtra.
        """
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        servers, asker = await asyncio.shield(self._starting)
        refused = False
        while True:
            try:
                return await asker.generate(request, sampling)
            except EngineRefused:
                servers.mend()
                if not await asyncio.to_thread(lambda: servers.starting):
                    if refused:
                        raise
                    refused = True  # once may have been the moment before it was up again
            await asyncio.sleep(LOOK_S)

    async def _start(self) -> tuple[Children, Engine]:
        await self.probe()
        servers = await asyncio.to_thread(SERVERS.take, self._wanted)
        self._watching = asyncio.create_task(_watch(servers))
        news = {"base_url": servers.base_urls, "server": "vllm", "served_as": None, "key_env": None}
        return servers, openai.connect(self._card, self._endpoint.model_copy(update=news), self._images)

    async def probe(self) -> None:
        """Look for the command; no server is started.

        Raises: MissingExtra.
        """
        command = self._endpoint.command[0] if self._endpoint.command else "vllm"
        if shutil.which(command) is None:
            raise MissingExtra(command, "vllm", where=f"site endpoint of {self._card.repo}")

    async def close(self) -> None:
        """Close the connections; the servers stay for whoever asks next."""
        starting, self._starting = self._starting, None
        if starting is None:
            return
        GIVE_UP.set()  # no matter to servers that have started
        (started,) = await asyncio.gather(starting, return_exceptions=True)
        GIVE_UP.clear()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        if not isinstance(started, BaseException):
            SERVERS.leave(self._wanted)
            await started[1].close()


async def _watch(servers: Children) -> None:
    """Mend servers as long as somebody asks them; the last end is told to whoever asks then."""
    with contextlib.suppress(EngineRefused):
        while True:
            servers.mend()
            await asyncio.sleep(LOOK_S)
