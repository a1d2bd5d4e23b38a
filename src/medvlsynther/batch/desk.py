"""The batches of a store: written, submitted, looked after, and their replies put into the ledger.

Only a reply that is there is taken, and only a request without one is ever written again: a batch that ends half done
costs half, and the next `submit` asks for the rest.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from medvlsynther.batch._calls import Calls
from medvlsynther.batch.services import RESULTS, SERVICES, Reader
from medvlsynther.cards import Model, Prompt
from medvlsynther.engines._entries import pack
from medvlsynther.engines._labels import chances
from medvlsynther.engines._protocols import Wire
from medvlsynther.engines._wires import wire
from medvlsynther.engines.base import Endpoint, Failure, Reply, Request
from medvlsynther.engines.batch import COLLECTED, READING, REQUESTS, ROWS, STATE, kind_of
from medvlsynther.errors import ReplyError
from medvlsynther.store.ledger import Ledger, ledger_folder

_NO_PROMPT = Prompt(description="a request that was written before", task="answer", system="", request="")

Endpoints = Callable[[str], Endpoint]
"""Where the model of a card's name runs."""


@dataclass
class Batch:
    """One file of requests and what became of it."""

    folder: Path
    state: dict[str, Any]
    """What `batch.json` says."""
    taken: int = 0
    """Replies put into the ledger now."""
    failed: Counter[str] = field(default_factory=Counter)
    """Requests that failed, by reason."""

    @property
    def word(self) -> str:
        """How far it is."""
        return str(self.state["state"])

    @property
    def model(self) -> Model:
        """The model that was asked, as far as it identifies replies."""
        known = self.state["model"]
        card = Model(
            description="of a batch",
            repo=known["repo"],
            revision=known["revision"],
            family="",
            extra_body=known["extra_body"],
        )
        card._name = known["name"]
        return card

    def note(self, **news: Any) -> None:
        """Change what `batch.json` says, whole or not at all."""
        self.state.update(news)
        part = self.folder / f"{STATE}.part"
        part.write_bytes(orjson.dumps(self.state, option=orjson.OPT_INDENT_2))
        part.replace(self.folder / STATE)


def batches(folder: Path) -> list[Batch]:
    """All batches of a store, by name."""
    found = sorted(folder.glob(f"*/{STATE}"))
    return [Batch(path.parent, orjson.loads(path.read_bytes())) for path in found]


def submit(folder: Path, endpoints: Endpoints) -> Iterator[Batch]:
    """Hand over every batch that is only written yet. Where no service is named, the file itself is the job.

    Raises: EngineRefused; batches handed over before stay so.
    """
    for batch in batches(folder):
        if batch.word == "written":
            endpoint = endpoints(batch.state["model"]["name"])
            job = asyncio.run(_submitted(batch, endpoint)) if endpoint.base_url else ""
            batch.note(state="submitted", job=job)
            yield batch


async def _submitted(batch: Batch, endpoint: Endpoint) -> str:
    async with Calls(endpoint, _served(batch, endpoint)) as calls:
        return await SERVICES[kind_of(endpoint).protocol].submit(calls, batch.folder)


def poll(folder: Path, endpoints: Endpoints) -> Iterator[Batch]:
    """Every batch that is under way, with the service's own word for how far it is.

    Raises: EngineRefused.
    """
    for batch in batches(folder):
        if batch.word not in ("written", COLLECTED):
            asyncio.run(_look(batch, endpoints(batch.state["model"]["name"])))
            yield batch


def collect(folder: Path, replies: Path, endpoints: Endpoints) -> Iterator[Batch]:
    """Take the replies that are there; a batch that has ended is closed, and what it lacks may be asked anew.

    Raises: EngineRefused, StoreTrouble; what was taken before is kept.
    """
    for batch in poll(folder, endpoints):
        protocol = kind_of(endpoints(batch.state["model"]["name"])).protocol
        if (batch.folder / RESULTS).is_file():
            _take(batch, replies, wire(protocol), SERVICES[protocol].read)
        if batch.state.get("ended"):
            batch.note(state=COLLECTED, taken=batch.taken, failed=dict(batch.failed))
            (batch.folder / REQUESTS).unlink(missing_ok=True)
        yield batch


async def _look(batch: Batch, endpoint: Endpoint) -> None:
    """Bring what the service has of a batch up to date here: its state, and its results so far."""
    if not endpoint.base_url:  # the file is computed by hand: its results appear beside it
        done = _lines(batch.folder / RESULTS)
        batch.note(state=f"{done} of {batch.state['requests']}", ended=done >= batch.state["requests"])
        return
    async with Calls(endpoint, _served(batch, endpoint)) as calls:
        job = await SERVICES[kind_of(endpoint).protocol].look(calls, batch.state["job"])
        batch.note(state=job.word, ended=job.ended)
        parts = [batch.folder / f"results-{number}.jsonl" for number in range(len(job.files))]
        for path, part in zip(job.files, parts, strict=True):
            await calls.download(path, part)
        if parts:
            with (batch.folder / RESULTS).open("wb") as whole:
                for part in parts:
                    whole.write(part.read_bytes())
                    part.unlink()


def _served(batch: Batch, endpoint: Endpoint) -> str:
    return endpoint.served_as or str(batch.state["model"]["repo"])


def _lines(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(line.endswith(b"\n") for line in file)


def _take(batch: Batch, replies: Path, form: Wire, read: Reader) -> None:
    rows = {row.pop("key"): row for row in map(orjson.loads, (batch.folder / ROWS).read_bytes().splitlines())}
    with Ledger(ledger_folder(replies, batch.model)) as ledger, (batch.folder / RESULTS).open("rb") as results:
        for line in results:
            key, entry, reason = _entry(line, rows, form, read)
            if entry is None or key is None:
                batch.failed[reason] += 1
            elif ledger.get(key) is None:
                ledger.put(key, entry)
                batch.taken += 1


def _entry(
    line: bytes, rows: dict[str, dict[str, Any]], form: Wire, read: Reader
) -> tuple[str | None, dict[str, Any] | None, str]:
    """A line's key and its ledger entry, or the reason why it has none."""
    try:
        row = read(orjson.loads(line))
    except (KeyError, TypeError, AttributeError, ValueError):
        return None, None, "garbled_line"
    if row.key not in rows:
        return None, None, "unknown_key"
    if row.payload is None:
        return row.key, None, "request_failed"
    about = {name: value for name, value in rows[row.key].items() if name != READING}
    reading = rows[row.key][READING]
    request = Request(about["id"], _NO_PROMPT, {})
    try:
        answer = form.read(row.payload)
    except ReplyError as error:
        return row.key, None, error.reason
    cut = answer.finish == "length" and not reading["fixed"]
    if cut or answer.finish == "content_filter":
        reason = "truncated" if cut else "content_filter"
        return row.key, pack(Failure(request, reason, answer.text[-100:]), about), reason
    weighed = chances(answer.first, reading["labels"])
    reply = Reply(request, answer.text, answer.reasoning, answer.finish, answer.usage, chances=weighed)
    return row.key, pack(reply, about), ""


def told(failed: Counter[str]) -> str:
    """Reasons and how often, the most frequent first."""
    return ", ".join(f"{reason} {count}" for reason, count in failed.most_common())
