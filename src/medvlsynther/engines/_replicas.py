"""Replicas of the asking engine on the nodes of a Ray cluster: images are read and encoded there, near the data.

The ledger stays with the driver: one writer, and nothing is asked twice. A request in flight at a replica that dies is
asked again at another; Ray starts the dead one anew, elsewhere if its node is gone. Replicas stay from step to step.
"""

import asyncio
import os
import pickle
import socket
import time
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines import openai
from medvlsynther.engines.base import Bytes, Endpoint, Reply, ReplyError, Request, render
from medvlsynther.errors import EngineRefused, UserError
from medvlsynther.executors import _nodes
from medvlsynther.executors.cluster import CLUSTERS, Wanted
from medvlsynther.keeping import Kept

LOSSES = 8
"""So often may replicas die under one request."""
REST_S = 2.0
"""A replica that has died is left in peace for so long: it is being started anew."""
Told = tuple[str, Reply | ReplyError | UserError]
"""The host of a replica, and what it has to say."""


@dataclass(frozen=True)
class Wish:
    """Replicas of one model at one endpoint."""

    name: str
    """Tells one wish from another."""
    model: Model = field(compare=False)
    endpoint: Endpoint = field(compare=False)
    images: bytes = field(compare=False)
    """What gives the bytes of images, as it travels."""
    home: str = ""
    """Working folder: a relative path of the store means the same everywhere."""

    @classmethod
    def of(cls, model: Model, endpoint: Endpoint, images: Bytes) -> "Wish":
        """The wish of an engine."""
        packed = pickle.dumps(images)
        name = sha256(f"{model.hash} {endpoint.model_dump_json()}".encode() + packed).hexdigest()
        return cls(name, model, endpoint, packed, str(Path.cwd()))

    @property
    def share(self) -> Endpoint:
        """The endpoint as one of the replicas sees it: limits are divided among them."""
        end, parts = self.endpoint, self.endpoint.replicas
        return end.model_copy(
            update={
                "concurrency": -(-end.concurrency // parts),
                "requests_per_minute": end.requests_per_minute and end.requests_per_minute / parts,
                "tokens_per_minute": end.tokens_per_minute and end.tokens_per_minute / parts,
                "cluster": None,
            }
        )


class Replica:
    """The asking engine in a process on some node."""

    def __init__(self, wish: Wish, key: str | None) -> None:
        os.chdir(wish.home)
        endpoint = wish.share
        if endpoint.key_env is not None and key is not None:
            os.environ[endpoint.key_env] = key
        self._engine = openai.connect(wish.model, endpoint, pickle.loads(wish.images))

    async def answer(self, request: Request, sampling: Sampling) -> Told:
        """The reply, or the error that ends the row or the run."""
        try:
            reply: Reply | ReplyError | UserError = await self._engine.generate(request, sampling)
        except (ReplyError, UserError) as error:
            reply = error
        return socket.gethostname(), reply

    async def probe(self) -> UserError | None:
        """What is wrong with the servers as this node sees them."""
        try:
            await self._engine.probe()
        except UserError as error:
            return error
        return None


@dataclass(slots=True)
class _Seat:
    """One replica, as the driver sees it."""

    actor: Any
    in_flight: int = 0
    resting_until_s: float = 0.0


class Replicas:
    """All of them."""

    def __init__(self, wish: Wish) -> None:
        """Start them, spread over the nodes.

        Raises: MissingExtra, ClusterTrouble.
        """
        self._wanted = wish.endpoint.cluster or Wanted()
        self._cluster = CLUSTERS.take(self._wanted)
        self.errors: Any = self._cluster.ray.exceptions
        try:
            if not self._cluster.ours:
                self._cluster.check(_nodes.common())
            share = wish.share
            key = os.environ.get(share.key_env or "")
            make = self._cluster.ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy="SPREAD")(Replica)
            made = make.options(max_concurrency=share.concurrency + 1)
            self._seats = [_Seat(made.remote(wish, key)) for _ in range(wish.endpoint.replicas)]
        except BaseException:
            CLUSTERS.leave(self._wanted)
            raise

    @property
    def usable(self) -> bool:
        """Whether the cluster is still joined."""
        return self._cluster.usable

    def close(self) -> None:
        """End them."""
        if self._cluster.usable:
            for seat in self._seats:
                self._cluster.ray.kill(seat.actor)
        CLUSTERS.leave(self._wanted)

    async def answer(self, request: Request, sampling: Sampling) -> Told:
        """What the least busy replica says.

        Raises: EngineRefused when replicas keep dying under it.
        """
        light = replace(request, slots={}, about=None)
        light._words.append(render(request))
        why = ""
        for _ in range(LOSSES):
            seat = await self._free()
            seat.in_flight += 1
            try:
                # One that is no longer wanted runs out: a call that is cancelled may end the driver with it.
                told: Told = await seat.actor.answer.remote(light, sampling)
                return told
            except self.errors.RayTaskError as error:
                raise EngineRefused(f"A replica failed: {error.cause!r}", mend="Please report it") from None
            except self.errors.RayError as error:
                seat.resting_until_s = time.monotonic() + REST_S
                why = " ".join(str(error).split())[:200]
            finally:
                seat.in_flight -= 1
        raise EngineRefused(f"Replicas died {LOSSES} times under one request: {why}", mend="Look at the nodes' memory")

    async def probe(self) -> None:
        """Have every replica look the servers up.

        Raises: EngineRefused.
        """
        for error in await asyncio.gather(*(seat.actor.probe.remote() for seat in self._seats)):
            if error is not None:
                raise error

    async def _free(self) -> _Seat:
        while True:
            now_s = time.monotonic()
            awake = [seat for seat in self._seats if seat.resting_until_s <= now_s]
            if awake:
                return min(awake, key=lambda seat: seat.in_flight)
            await asyncio.sleep(REST_S / 4)


REPLICAS: Kept[Wish, Replicas] = Kept(Replicas)
"""The replicas that this process has started."""
