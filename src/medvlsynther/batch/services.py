"""The batch services: how a file of requests becomes a job, what the job says of itself, and where its replies are.

Source: the services' own documentation and client libraries: OpenAI's batches (files in, files out; also of a batch
that expired or was cancelled), Anthropic's message batches, Gemini's batches over the files service; and the files of
`vllm run-batch`, which reports failures by status code alone.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from yarl import URL

from medvlsynther.batch._calls import Calls, pieces
from medvlsynther.engines.batch import REQUESTS
from medvlsynther.errors import EngineRefused

RESULTS = "results.jsonl"


@dataclass(frozen=True, slots=True)
class Job:
    """How far a job is."""

    word: str
    """The service's own word for it."""
    ended: bool
    """Nothing more will be computed."""
    files: tuple[str, ...] = ()
    """Paths from which replies can be fetched now; partial ones too."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a service's results."""

    key: str
    """Name of the request."""
    payload: Any
    """The reply in the wire form of its protocol; None for a request that failed."""
    fault: str = ""
    """Why it failed, in the service's words."""


class Service(Protocol):
    """One kind of batch service."""

    async def submit(self, calls: Calls, folder: Path) -> str:
        """Hand a folder's requests over; gives the job's id."""
        ...

    async def look(self, calls: Calls, job: str) -> Job:
        """How far a job is."""
        ...

    def read(self, line: Mapping[str, Any]) -> Row:
        """One line of results.

        Raises: KeyError, TypeError for a line of another kind.
        """
        ...


class OpenAI:
    """Batches of chat completions."""

    ENDED = frozenset({"completed", "failed", "expired", "cancelled"})

    async def submit(self, calls: Calls, folder: Path) -> str:
        """The file first, then the batch on it."""

        def form() -> aiohttp.FormData:
            data = aiohttp.FormData()
            data.add_field("purpose", "batch")
            requests = (folder / REQUESTS).open("rb")
            data.add_field("file", requests, filename=f"{folder.name}.jsonl", content_type="application/jsonl")
            return data

        file, _ = await calls.upload(calls.url("files"), form)
        wish = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        return str((await calls.json("POST", "batches", wish))["id"])

    async def look(self, calls: Calls, job: str) -> Job:
        """Replies of a batch that expired or was cancelled are there as well."""
        found = await calls.json("GET", f"batches/{job}")
        files = [found.get(name) for name in ("output_file_id", "error_file_id")]
        word = str(found.get("status"))
        return Job(word, word in self.ENDED, tuple(f"files/{file}/content" for file in files if file))

    def read(self, line: Mapping[str, Any]) -> Row:
        """A line may say that it failed by its error, or by its status code alone."""
        response = line.get("response") or {}
        if line.get("error") or response.get("status_code") != 200:
            return Row(line["custom_id"], None, str(line.get("error") or response.get("body"))[:300])
        return Row(line["custom_id"], response["body"])


class Anthropic:
    """Message batches: the requests travel in the body, the results are one stream."""

    async def submit(self, calls: Calls, folder: Path) -> str:
        """The body is written while it is sent."""

        async def body() -> AsyncIterator[bytes]:
            yield b'{"requests":['
            with (folder / REQUESTS).open("rb") as file:
                for number, line in enumerate(file):
                    yield (b"," if number else b"") + line.rstrip()
            yield b"]}"

        kind = {"Content-Type": "application/json"}
        made, _ = await calls.upload(calls.url("messages/batches"), body, kind)
        return str(made["id"])

    async def look(self, calls: Calls, job: str) -> Job:
        """Results are there once the batch has ended, whatever ended it."""
        found = await calls.json("GET", f"messages/batches/{job}")
        word = str(found.get("processing_status"))
        ended = word == "ended"
        return Job(word, ended, (f"messages/batches/{job}/results",) if ended else ())

    def read(self, line: Mapping[str, Any]) -> Row:
        """succeeded, errored, canceled or expired."""
        result = line["result"]
        if result["type"] != "succeeded":
            return Row(line["custom_id"], None, str(result.get("error") or result["type"])[:300])
        return Row(line["custom_id"], result["message"])


class Gemini:
    """Batches over an uploaded file."""

    async def submit(self, calls: Calls, folder: Path) -> str:
        """A resumable upload of one piece, then the batch on it."""
        source = folder / REQUESTS
        size = str(source.stat().st_size)
        begin = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": size,
            "X-Goog-Upload-Header-Content-Type": "application/jsonl",
            "Content-Type": "application/json",
        }
        named = b'{"file":{"displayName":"%b"}}' % folder.name.encode()
        _, headers = await calls.upload(calls.url("/upload/v1beta/files"), lambda: named, begin)
        place = calls.url("/").join(URL(headers.get("X-Goog-Upload-URL", "/")))
        if place.origin() != calls.url("/").origin():  # the key travels along: only to the host that it is for
            raise EngineRefused("The upload was sent to another host", where=str(calls.url("/")), mend="Mend base_url")
        end = {"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize", "Content-Length": size}
        made, _ = await calls.upload(place, partial(pieces, source), end)
        wish = {"batch": {"displayName": folder.name, "inputConfig": {"fileName": made["file"]["name"]}}}
        model = calls.model.removeprefix("models/")
        return str((await calls.json("POST", f"models/{model}:batchGenerateContent", wish))["name"])

    async def look(self, calls: Calls, job: str) -> Job:
        """The job's name holds its path."""
        found = await calls.json("GET", job)
        about = found.get("metadata") or {}
        word = str(about.get("state"))
        output = (about.get("output") or found.get("response") or {}).get("responsesFile")
        ended = word.endswith(("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"))
        return Job(word, ended, (f"/download/v1beta/{output}:download?alt=media",) if output else ())

    def read(self, line: Mapping[str, Any]) -> Row:
        """A reply or an error."""
        if "response" not in line:
            return Row(line["key"], None, str(line.get("error"))[:300])
        return Row(line["key"], line["response"])


SERVICES: Mapping[str, Service] = {"openai": OpenAI(), "anthropic": Anthropic(), "gemini": Gemini()}
"""Services by the name of their protocol."""

Reader = Callable[[Mapping[str, Any]], Row]
