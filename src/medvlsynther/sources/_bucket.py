"""A public object store over plain HTTPS: listings, small objects, resumable downloads with their digests checked.

Politeness: few connections at once, a pause that doubles after every failure, and the server's own `Retry-After`.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from lxml import etree
from yarl import URL

from medvlsynther.errors import InputError, StoreTrouble
from medvlsynther.sources import _xml

T = TypeVar("T")

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP states after which the same request may succeed."""
_LONGEST_PAUSE_S = 60.0
_CHUNK = 2**18


class _Later(Exception):
    """A failure that may pass; `pause_s` is what the server asks for."""

    def __init__(self, why: str, pause_s: float = 0.0) -> None:
        super().__init__(why)
        self.pause_s = pause_s


class Bucket:
    """One object store."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession, *, attempts: int, pause_s: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._attempts = attempts
        self._pause_s = pause_s

    @classmethod
    @asynccontextmanager
    async def open(cls, base_url: str, *, connections: int, attempts: int, pause_s: float) -> AsyncIterator[Self]:
        """A bucket with its own connections."""
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60),
            headers={"Accept-Encoding": "identity", "User-Agent": "medvlsynther"},
            auto_decompress=False,
        )
        async with session:
            yield cls(base_url, session, attempts=attempts, pause_s=pause_s)

    async def folders(self, prefix: str) -> list[str]:
        """The names right below a prefix, each with its slash, as the listing pages give them.

        Raises: InputError with unreachable, absent or listing_unreadable.
        """
        found: list[str] = []
        token = ""
        while True:
            query = {"list-type": "2", "prefix": prefix, "delimiter": "/"} | (
                {"continuation-token": token} if token else {}
            )
            page = await self._retrying(lambda: self._get(f"/?{urlencode(query)}", _xml.LARGEST))  # noqa: B023
            root = _listing(page)
            found += [
                name.text or "" for group in _xml.named(root, "CommonPrefixes") for name in _xml.named(group, "Prefix")
            ]
            following = _xml.first(root, "NextContinuationToken")
            if following is None or not following.text or following.text == token:
                return found
            token = following.text

    async def read(self, key: str, most: int) -> bytes:
        """A small object.

        Raises: InputError with unreachable, absent or object_too_large.
        """
        return await self._retrying(lambda: self._get(f"/{quote(key)}", most))

    async def download(self, key: str, path: Path, md5: str | None, most: int) -> int:
        """Brings an object to a file and gives the bytes that had to be fetched; a file already there stays.

        What an interrupted download left is continued. The file appears under its name only when it is whole.
        Raises: InputError with unreachable, absent, object_too_large or md5_mismatch; StoreTrouble.
        """
        if path.is_file() and (md5 is None or await asyncio.to_thread(_digest, path) == md5):
            return 0
        part = path.with_name(f"{path.name}.part")
        fetched = await self._retrying(lambda: self._fetch(key, part, md5, most))
        await asyncio.to_thread(os.replace, part, path)
        return fetched

    async def _retrying(self, work: Callable[[], Awaitable[T]]) -> T:
        pause_s = self._pause_s
        for attempt in range(1, self._attempts + 1):
            try:
                return await work()
            except (_Later, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
                if attempt == self._attempts:
                    wrong = "md5_mismatch" if str(error) == "md5_mismatch" else "unreachable"
                    raise InputError(wrong, f"{type(error).__name__}: {error}") from None
                asked_s = error.pause_s if isinstance(error, _Later) else 0.0
                await asyncio.sleep(min(max(pause_s, asked_s), _LONGEST_PAUSE_S))
                pause_s *= 2
        raise AssertionError("attempts are at least one")

    def _url(self, path: str) -> URL:
        return URL(self._base_url + path, encoded=True)

    async def _get(self, path: str, most: int) -> bytes:
        async with self._session.get(self._url(path)) as response:
            _check(response, path)
            data = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK):
                data += chunk
                _bounded(len(data), most, path)
            return bytes(data)

    async def _fetch(self, key: str, part: Path, md5: str | None, most: int) -> int:
        have = part.stat().st_size if part.is_file() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        async with self._session.get(self._url(f"/{quote(key)}"), headers=headers) as response:
            if response.status == 416:  # what is there is longer than the object, or all of it
                if md5 and await asyncio.to_thread(_digest, part) == md5:
                    return 0
                part.unlink()
                raise _Later("the part does not fit")
            _check(response, key)
            have = have if response.status == 206 else 0
            fetched = await _write(response, part, have, most, key)
        if md5 and await asyncio.to_thread(_digest, part) != md5:
            part.unlink()
            raise _Later("md5_mismatch")
        return fetched


def _check(response: aiohttp.ClientResponse, what: str) -> None:
    if response.status in _AGAIN:
        asked = response.headers.get("Retry-After", "")
        raise _Later(f"HTTP {response.status}", float(asked) if asked.isdecimal() else 0.0)
    if response.status >= 300:
        raise InputError("absent", f"HTTP {response.status} for {what}")


def _bounded(size: int, most: int, what: str) -> None:
    if size > most:
        raise InputError("object_too_large", f"{what} has more than {most} bytes")


async def _write(response: aiohttp.ClientResponse, part: Path, have: int, most: int, key: str) -> int:
    """Appends a response to a part of `have` bytes.

    Raises: StoreTrouble where the disk does not take it.
    """
    fetched = 0
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab" if have else "wb") as file:
            async for chunk in response.content.iter_chunked(_CHUNK):
                fetched += len(chunk)
                _bounded(have + fetched, most, key)
                file.write(chunk)
    except OSError as error:
        if isinstance(error, aiohttp.ClientError):
            raise
        raise StoreTrouble(
            error.strerror or str(error), where=str(part), mend="Free some space or give another folder"
        ) from None
    return fetched


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _listing(page: bytes) -> etree._Element:
    try:
        return _xml.parse(page)
    except InputError as error:
        raise InputError("listing_unreadable", error.detail or error.reason) from None
