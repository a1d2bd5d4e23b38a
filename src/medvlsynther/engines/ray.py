"""Models on a Ray cluster: asked from its nodes, or computed on them.

With `base_url`, `replicas` of the `openai` engine ask those servers from the nodes. Each reads and encodes images on
its own node and keeps its share of the limits; which of them answers reaches no result. Without, Ray Data LLM runs
`replicas` of vLLM in processes of the cluster, each over `tensor_parallel` GPUs. Needs the extra `ray`, the latter
`ray-llm`; the site's `ray` says which cluster.
"""

import asyncio
from dataclasses import replace

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines._offline import OFFLINE, Offline
from medvlsynther.engines._replicas import REPLICAS, Replicas, Wish
from medvlsynther.engines.base import Bytes, Endpoint, Engine, Reply, ReplyError, Request
from medvlsynther.errors import EngineRefused, InputError, MissingInput


def connect(model: Model, endpoint: Endpoint, images: Bytes) -> Engine:
    """The engine; replicas are started when the first request comes."""
    return _Spread(model, endpoint, images)


class _Spread:
    """The engine."""

    remembers = False

    def __init__(self, model: Model, endpoint: Endpoint, images: Bytes) -> None:
        self.concurrency = endpoint.concurrency
        self._model = model
        self._endpoint = endpoint
        self._images = images
        self._wish: Wish | None = None
        self._starting: asyncio.Task[Replicas | Offline] | None = None

    async def generate(self, request: Request, sampling: Sampling) -> Reply:
        """The reply to one request.

        Raises: as the `openai` engine does; EngineRefused when replicas keep dying or do not see the images.
        """
        host, told = await (await self._started()).answer(request, sampling)
        if isinstance(told, Reply):
            return replace(told, request=request)
        if isinstance(told, ReplyError) and told.reason == "image_missing" and self._seen(request):
            what = f"{f'The node {host}' if host else 'A node'} does not see the images of the store"
            raise EngineRefused(what, mend="Put the store where every node sees it")
        raise told

    async def probe(self) -> None:
        """Have every replica look the servers up.

        Raises: EngineRefused, MissingExtra, ClusterTrouble.
        """
        await (await self._started()).probe()

    async def close(self) -> None:
        """Let go of the replicas; they stay for whoever asks next."""
        starting, self._starting = self._starting, None
        if starting is not None and self._wish is not None:
            (started,) = await asyncio.gather(starting, return_exceptions=True)
            if not isinstance(started, BaseException):
                (REPLICAS if self._endpoint.base_url else OFFLINE).leave(self._wish)

    async def _started(self) -> Replicas | Offline:
        if self._starting is None:
            self._wish = Wish.of(self._model, self._endpoint, self._images)
            take = REPLICAS.take if self._endpoint.base_url else OFFLINE.take
            self._starting = asyncio.create_task(asyncio.to_thread(take, self._wish))
        return await asyncio.shield(self._starting)

    def _seen(self, request: Request) -> bool:
        """Whether this process sees all images of a request."""
        try:
            return all(self._images(image.sha256 or "") for image in request.images)
        except (InputError, MissingInput, OSError):
            return False
