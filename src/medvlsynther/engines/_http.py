"""One request over HTTP, and what its outcome means: nothing here is tried twice, and nothing here raises.

A refusal (401, 404, …) concerns every request, a bad request this one alone, a rejection (429) neither; time-outs,
server errors, broken connections and garbled replies are worth another try. Replies are read up to a bound.
"""

import os
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import aiohttp
import orjson
import pybase64
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from medvlsynther.engines._protocols import IMAGE_MARK

REPLY_MOST_BYTES = 16 << 20
CONNECT_S = 10.0
DETAIL_MOST = 300

Word = Literal[
    "answered", "turned_away", "refused", "bad_request", "context_overflow", "image_unknown", "unreachable",
    "connection_lost", "timed_out", "server_error", "garbled_reply", "empty_reply",
]  # fmt: skip

_MARK = IMAGE_MARK.encode()
_NO_QUOTA = re.compile(r"insufficient_quota|billing|credit balance|exceeded your current quota", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum context|prompt is too long|too many (?:input )?tokens|max_model_len",
    re.IGNORECASE,
)
_CACHE_MISS = re.compile(r"cache miss", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_REMAINING = re.compile(r"(?:x|anthropic)-ratelimit-(?:remaining-\w+|\w+-remaining)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request."""

    word: Word
    """The outcome in one word; those that can end a row are its reject reason."""
    payload: Any = None
    """The reply's JSON, when answered."""
    detail: str = ""
    """What exactly, for people."""
    status: int = 0
    """HTTP status; 0 where there was none."""
    wait_s: float | None = None
    """What the server asked to wait before the next request."""


class Pieces(aiohttp.Payload):
    """A body in pieces that are written one after the other: no copy of them all is made."""

    _autoclose = True

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__(pieces, content_type="application/json")
        self._size = sum(map(len, pieces))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The whole body as text."""
        return b"".join(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all pieces."""
        for piece in self._value:
            await writer.write(piece)


def spliced(body: Mapping[str, Any], images: Sequence[bytes]) -> Pieces:
    """A body with the Base64 text of each image where its mark stands."""
    text = orjson.dumps(body)
    if not images:
        return Pieces([text])
    pieces = text.split(_MARK)
    encoded = [pybase64.b64encode(image) for image in images]
    return Pieces([part for pair in zip(pieces, encoded, strict=False) for part in pair] + pieces[len(encoded) :])


def open_session(headers: Mapping[str, str], timeout_s: float) -> aiohttp.ClientSession:
    """A pool of kept-alive connections; how many there are is the limiter's business, not the pool's."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0),
        headers={**headers, "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_S),
    )


async def send(session: aiohttp.ClientSession, method: str, url: URL, body: Pieces | None = None) -> Outcome:
    """One request's outcome; redirects are not followed, since the key would go along."""
    try:
        async with session.request(method, url, data=body, allow_redirects=False) as response:
            data = await _read(response)
            if data is None:
                return Outcome("garbled_reply", detail=f"More than {REPLY_MOST_BYTES} bytes", status=response.status)
            return judged(response.status, response.headers, data)
    except (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError, ssl.SSLError) as error:
        return Outcome("refused", detail=f"No trusted connection: {error}"[:DETAIL_MOST])
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        return Outcome("unreachable", detail=_reason(error))
    except TimeoutError:
        return Outcome("timed_out", detail=f"No whole reply within {session.timeout.total:g} s")
    except (aiohttp.ClientPayloadError, aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, OSError) as error:
        return Outcome("connection_lost", detail=type(error).__name__)
    except aiohttp.ClientError as error:
        return Outcome("garbled_reply", detail=f"Not HTTP: {error}"[:DETAIL_MOST])


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The body, or None if it is longer than any reply."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > REPLY_MOST_BYTES:
            return None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def judged(status: int, headers: Mapping[str, str], data: bytes) -> Outcome:
    """What a whole response means."""
    if 200 <= status < 300:
        return _answer(status, headers, data)
    detail = f"HTTP {status}: {_message(data)}"
    if status in (429, 529):
        if _NO_QUOTA.search(detail):
            return Outcome("refused", detail=detail, status=402)
        return Outcome("turned_away", detail=detail, status=status, wait_s=_wait_s(headers))
    if status in (400, 413, 422):
        return Outcome(_fault(detail), detail=detail, status=status)
    if status < 500 and status not in (408, 409, 425):
        return Outcome("refused", detail=detail, status=status)
    word: Word = "timed_out" if status in (408, 504) else "server_error"
    return Outcome(word, detail=detail, status=status, wait_s=_wait_s(headers))


def _fault(detail: str) -> Word:
    if _CACHE_MISS.search(detail):
        return "image_unknown"
    return "context_overflow" if _TOO_LONG.search(detail) else "bad_request"


def _answer(status: int, headers: Mapping[str, str], data: bytes) -> Outcome:
    try:
        payload = orjson.loads(data)
    except orjson.JSONDecodeError:
        kind = headers.get("Content-Type", "no type")
        return Outcome("garbled_reply", detail=f"Not JSON ({kind}): {_squeezed(data)}", status=status)
    if not isinstance(payload, dict):
        return Outcome("garbled_reply", detail=f"Not an object: {_squeezed(data)}", status=status)
    if isinstance(payload.get("error"), dict) and not payload.get("choices"):  # routers pass errors on with HTTP 200
        return Outcome("server_error", detail=_message(data), status=status)
    return Outcome("answered", payload, status=status, wait_s=_wait_s(headers, only_if_used_up=True))


def _message(data: bytes) -> str:
    """What an error body says, in one line."""
    try:
        payload = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _squeezed(data)
    error = payload.get("error", payload) if isinstance(payload, dict) else payload
    if isinstance(error, dict):
        words = [error.get(key) for key in ("message", "code", "type", "status", "detail")]
        error = " · ".join(str(word) for word in words if word) or error
    return _squeezed(str(error).encode("utf-8", "replace"))


def _squeezed(data: bytes) -> str:
    return " ".join(data[: 4 * DETAIL_MOST].decode("utf-8", "replace").split())[:DETAIL_MOST]


def _wait_s(headers: Mapping[str, str], *, only_if_used_up: bool = False) -> float | None:
    """Seconds to wait: `Retry-After`, else the latest reset among the limits that are used up.

    Source: RFC 9110, section 10.2.3; the rate-limit headers of OpenAI ("6m0s", "20ms") and Anthropic (RFC 3339).
    """
    if not only_if_used_up:
        for name, unit_s in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
            if (wait_s := _span_s(headers.get(name, ""), unit_s)) is not None:
                return wait_s
    waits: list[float] = []
    for name, value in headers.items():
        if value.strip() == "0" and _REMAINING.fullmatch(name):
            reset = headers.get(name.lower().replace("remaining", "reset"), "")
            if (wait_s := _span_s(reset, 1.0)) is not None:
                waits.append(wait_s)
    return max(waits, default=None)


def _span_s(text: str, unit_s: float) -> float | None:
    """Seconds in a number, in "1m30s", or until a date; None for anything else."""
    text = text.strip()[:64]
    try:
        return max(0.0, float(text) * unit_s) if text.replace(".", "", 1).isdigit() else _until_s(text)
    except (ValueError, OverflowError):
        return None


def _until_s(text: str) -> float | None:
    spans = _SPAN.findall(text)
    if spans and _SPAN.sub("", text) == "":
        return sum(float(number) * _UNITS_S[unit] for number, unit in spans)
    when = datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)
    return max(0.0, when.timestamp() - time.time())


def _reason(error: Exception) -> str:
    number = getattr(getattr(error, "os_error", None), "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return (str(error) or type(error).__name__)[:DETAIL_MOST]
