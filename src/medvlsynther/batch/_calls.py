"""Calls to a batch service: small JSON both ways, files up and down as streams, a few tries each."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from yarl import URL

from medvlsynther.engines._fleet import Fleet
from medvlsynther.engines._http import Outcome, judged
from medvlsynther.engines._wires import wire
from medvlsynther.engines.base import Endpoint
from medvlsynther.engines.batch import kind_of
from medvlsynther.errors import EngineRefused

TRIES = 4
PAUSE_S = 1.0
"""Pause before the second try; each further one is twice as long."""
CONNECT_S = 20.0
SILENT_S = 300.0
"""Longest silence in the middle of a file."""
WORTH_ANOTHER_TRY = frozenset({"turned_away", "server_error", "timed_out", "connection_lost", "unreachable"})


class Calls:
    """The calls to one service. An asynchronous context manager."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self.model = model
        self._fleet = Fleet(endpoint, model)
        self._server = self._fleet.servers[0]
        headers = wire(kind_of(endpoint).protocol).headers(self._fleet.key())
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENT_S)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)

    async def __aenter__(self) -> "Calls":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    def url(self, path: str) -> URL:
        """A URL below the base URL; a path that begins with "/" is taken from the host's root."""
        return URL(self._server.base_url).origin().join(URL(path)) if path.startswith("/") else self._server.url(path)

    async def json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a small request.

        Raises: EngineRefused.
        """
        data = None if body is None else orjson.dumps(body)
        kind = {"Content-Type": "application/json"}
        return dict((await self._call(method, self.url(path), lambda: data, kind))[0].payload)

    async def upload(
        self, url: URL, make: Any, headers: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """Send what `make` makes for each try; gives the answer's JSON and headers.

        Raises: EngineRefused.
        """
        outcome, answered = await self._call("POST", url, make, headers or {})
        return dict(outcome.payload), answered

    async def download(self, path: str, target: Path) -> None:
        """Bring a file home, whole or not at all.

        Raises: EngineRefused.
        """
        part = target.with_suffix(".part")
        for attempt in range(TRIES):
            try:
                async with self._session.get(self.url(path)) as response:
                    if response.status == 200:
                        with part.open("wb") as file:
                            async for chunk in response.content.iter_chunked(1 << 16):
                                file.write(chunk)
                        part.replace(target)
                        return
                    outcome = judged(response.status, response.headers, await response.content.read(1 << 16))
            except (aiohttp.ClientError, TimeoutError) as error:
                outcome = Outcome("connection_lost", detail=f"{type(error).__name__}: {error}"[:300])
            await self._rest(outcome, attempt)

    async def _call(
        self, method: str, url: URL, make: Any, headers: Mapping[str, str]
    ) -> tuple[Outcome, Mapping[str, str]]:
        for attempt in range(TRIES):
            try:
                async with self._session.request(
                    method, url, data=make(), headers=headers, allow_redirects=False
                ) as response:
                    data = await response.content.read() or b"{}"
                    outcome = judged(response.status, response.headers, data)
                    if outcome.word == "answered":
                        return outcome, response.headers
            except (aiohttp.ClientError, TimeoutError) as error:
                outcome = Outcome("unreachable", detail=f"{type(error).__name__}: {error}"[:300])
            await self._rest(outcome, attempt)
        raise AssertionError("the last try ends in a refusal")

    async def _rest(self, outcome: Outcome, attempt: int) -> None:
        """Wait before the next try.

        Raises: EngineRefused when another one is of no use.
        """
        if outcome.word not in WORTH_ANOTHER_TRY or attempt == TRIES - 1:
            raise self.refusal(outcome)
        await asyncio.sleep(outcome.wait_s or PAUSE_S * 2.0**attempt)

    def refusal(self, outcome: Outcome) -> EngineRefused:
        """Why the service does not serve, and the mend."""
        return self._fleet.refusal(self._server, outcome)


async def pieces(path: Path) -> AsyncIterator[bytes]:
    """A file, piece by piece."""
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece
