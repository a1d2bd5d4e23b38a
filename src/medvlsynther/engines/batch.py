"""Requests are written into files for a batch service instead of being asked; `medvlsynther batch` does the rest.

Each file is a folder below the endpoint's `folder`: `requests.jsonl` in the words of the service, `rows.jsonl` with
what the ledger's entries will say of each and how its reply is read, and `batch.json`. The ledger's key is the name of
a request, so that a reply finds its place whenever it comes. Requests that a batch under way holds already are not
written again.
"""

import secrets
from pathlib import Path
from typing import Any

import orjson

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines import _servers
from medvlsynther.engines._entries import about
from medvlsynther.engines._http import spliced
from medvlsynther.engines._protocols import asked, file_of
from medvlsynther.engines._wires import wire
from medvlsynther.engines.base import Bytes, Endpoint, Engine, Reply, ReplyError, Request, ledger_key
from medvlsynther.errors import BadSetting, BatchWaits
from medvlsynther.fingerprint import fingerprint

MOST_BYTES = 190_000_000
MOST_ROWS = 50_000
"""Bounds of one file: the smallest that a service sets (200 MB, 50,000 requests), with room to spare."""
REQUESTS, ROWS, STATE = "requests.jsonl", "rows.jsonl", "batch.json"
READING = "reading"
"""In a row: what reading the reply takes of its request."""
COLLECTED = "collected"
"""State of a batch from which nothing more will come."""


def connect(model: Model, endpoint: Endpoint, images: Bytes) -> Engine:
    """The engine.

    Raises: BadSetting without a folder; UnknownName for a kind of server that is not known.
    """
    if endpoint.folder is None:
        raise BadSetting("The batch engine has no folder", where=model.name, mend="Use `medvlsynther batch submit`")
    return _Writer(model, endpoint, images)


def kind_of(endpoint: Endpoint) -> _servers.Kind:
    """The kind of service behind an endpoint; without a base URL: files for `vllm run-batch`.

    Raises: UnknownName.
    """
    if endpoint.server is not None:
        return _servers.named(endpoint.server, where="site endpoint")
    urls = (endpoint.base_url,) if isinstance(endpoint.base_url, str) else endpoint.base_url
    if not urls:
        return _servers.KINDS["vllm"]
    return _servers.by_host(urls[0]) or _servers.KINDS["other"]


def under_way(folder: Path) -> set[str]:
    """Keys of all requests in batches from which replies may still come."""
    keys: set[str] = set()
    for state in folder.glob(f"*/{STATE}"):
        if orjson.loads(state.read_bytes())["state"] != COLLECTED:
            keys.update(orjson.loads(line)["key"] for line in (state.parent / ROWS).read_bytes().splitlines())
    return keys


class _Writer:
    """Writes one file after the other."""

    concurrency = 64
    remembers = False

    def __init__(self, model: Model, endpoint: Endpoint, images: Bytes) -> None:
        self._card = model
        self._model = endpoint.served_as or model.repo
        self._images = images
        self._kind = kind_of(endpoint)
        self._wire = wire(self._kind.protocol)
        self._folder = Path(endpoint.folder or "")
        self._part = self._folder / f".writing-{secrets.token_hex(8)}"
        self._waiting = under_way(self._folder)
        self._asked = 0
        self._keys: list[str] = []
        self._bytes = 0

    async def generate(self, request: Request, sampling: Sampling) -> Reply:
        """No reply: the request is written.

        Raises: ReplyError (in_batch; image_missing for a request that cannot be written).
        """
        key = ledger_key(request, self._card, sampling)
        if key not in self._waiting:
            self._write(key, self._line(key, request, sampling), _row(request, sampling, self._card))
        self._asked += 1
        raise ReplyError("in_batch", "The request waits for its batch")

    async def probe(self) -> None:
        """Files can always be written."""

    async def close(self) -> None:
        """Finish the last file.

        Raises: BatchWaits when anything was asked: there are no replies to go on with.
        """
        self._finish()
        asked_for, self._asked = self._asked, 0
        if asked_for:
            raise BatchWaits(f"{asked_for:,} requests wait for their batch", where=self._card.name)

    def _line(self, key: str, request: Request, sampling: Sampling) -> bytes:
        question = asked(request, sampling, self._card, model=self._model, form=self._kind.forms[0])
        images = [file_of(picture.sha256, self._images) for picture in question.pictures]
        body = self._wire.body(question.showing(images), self._kind)
        return spliced(_envelope(self._kind.protocol, key, body), images).decode().encode() + b"\n"

    def _write(self, key: str, line: bytes, row: dict[str, Any]) -> None:
        if self._keys and (self._bytes + len(line) > MOST_BYTES or len(self._keys) >= MOST_ROWS):
            self._finish()
        part = self._part
        part.mkdir(parents=True, exist_ok=True)
        mode = "ab" if self._keys else "wb"
        with (part / REQUESTS).open(mode) as requests, (part / ROWS).open(mode) as rows:
            requests.write(line)
            rows.write(orjson.dumps({"key": key, **row}) + b"\n")
        self._keys.append(key)
        self._waiting.add(key)
        self._bytes += len(line)

    def _finish(self) -> None:
        if not self._keys:
            return
        card = {"name": self._card.name, "repo": self._card.repo, "revision": self._card.revision}
        state = {
            "state": "written",
            "model": {**card, "extra_body": self._card.extra_body},
            "requests": len(self._keys),
            "job": None,
        }
        part = self._part
        (part / STATE).write_bytes(orjson.dumps(state, option=orjson.OPT_INDENT_2))
        part.rename(self._folder / f"{self._card.name or 'model'}-{fingerprint(self._keys)}")
        self._keys, self._bytes = [], 0


def _row(request: Request, sampling: Sampling, card: Model) -> dict[str, Any]:
    """What is noted of a request: how to read its reply, and what the ledger's entry will say."""
    reading = {"labels": list(request.labels), "fixed": bool(request.labels) or not sampling.extend}
    return {READING: reading, **about(request, card)}


def _envelope(protocol: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """A request as a line of the service's input."""
    if protocol == "anthropic":
        return {"custom_id": key, "params": body}
    if protocol == "gemini":
        return {"key": key, "request": body}
    return {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}
