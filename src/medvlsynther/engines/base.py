"""What every engine is: one request in, its reply out.

An engine module offers `connect(model, endpoint, images) -> Engine`. Engines do not know the ledger, the stage or the
order of requests; they know one server (or one process) and how to keep it busy without drowning it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal, Protocol

import jinja2
import orjson
from pydantic import Field

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.errors import BadSetting, ReplyError
from medvlsynther.executors.cluster import Wanted
from medvlsynther.fingerprint import LENGTH
from medvlsynther.records import ImageRef, Record


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to ask a model."""

    id: str
    """Id of the record asked about; rejects are counted under it."""
    prompt: Prompt
    """The words."""
    slots: Mapping[str, Any]
    """Values for the prompt's slots: texts, numbers, lists and mappings of them. Never templates."""
    images: tuple[ImageRef, ...] = ()
    """Prepared images in order, by hash."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the reply, in the portable subset; None for free text."""
    labels: tuple[str, ...] = ()
    """The words that the reply is to be one of, where their chances are wanted; such a request has no schema."""
    sample: int = 0
    """Number of the rollout, from 0."""
    about: Record | None = None
    """The record asked about, for whoever reads the reply; no part of the ledger's key."""
    _words: "list[Rendered]" = field(init=False, default_factory=list, repr=False, compare=False)
    """The words once rendered: the ledger and the engine both need them."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply cost, in tokens."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    image_tokens: int = 0
    reply_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, with the request that it answers."""

    request: Request
    text: str
    """The final text, without thoughts."""
    reasoning: str = ""
    """Thoughts that the server gave apart from the text."""
    finish: str = "stop"
    """"stop", "length", or the server's own word."""
    usage: Usage = field(default_factory=Usage)
    attempts: int = 1
    """Requests that it took, those turned away included."""
    latency_s: float = 0.0
    """Wall time of the last attempt; not part of any result."""
    chances: Mapping[str, float] = field(default_factory=dict)
    """Chance of each label, adding up to 1; empty where there are no labels or the server does not tell."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without a usable reply: one row's end, counted by its reason."""

    request: Request
    reason: str
    """Counted code in snake_case."""
    detail: str = ""
    """What exactly, for people; bounded in length, and never with a key in it."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A request as words: `system`, then the images, then `material`, then `task`."""

    system: str
    material: str
    task: str


Event = Literal["kept", "answered", "failed"]
"""What became of a request: the ledger had it and nothing was paid; the engine gave a reply; or a Failure."""


class Endpoint(Record):
    """Where a model runs: the site file's entry for it."""

    engine: str | None = None
    """Engine module; None takes the model card's."""
    base_url: str | tuple[str, ...] = ()
    """Server or servers (least in flight first), up to and with "/v1"."""
    server: str | None = None
    """Kind of server, e.g. "vllm", "anthropic" (engines/_servers.py has the list); None: found out at the start."""
    served_as: str | None = None
    """Model name on the server, or folder of the weights; None takes the card's `repo`."""
    key_env: str | None = None
    """Environment variable that holds the key; the key itself stands nowhere."""
    concurrency: int = Field(default=64, ge=1)
    """Most requests in flight at servers."""
    batch: int = Field(default=8, ge=1)
    """Most requests computed at once in this process."""
    device: str | None = None
    """Where weights run in this process: "cpu", "cuda:1", …; None takes the fastest there is."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """Most requests sent in a minute, where the provider sets a limit."""
    tokens_per_minute: float | None = Field(default=None, gt=0)
    """Most tokens, prompts and replies together, in a minute."""
    timeout_s: float = Field(default=600.0, gt=0)
    """Longest wait for one reply."""
    attempts: int = Field(default=4, ge=1)
    """Tries for one request; a 429 does not use one up."""
    serve: bool = True
    """Whether the vllm engine starts servers; False: it computes in this process."""
    command: tuple[str, ...] = ("vllm", "serve")
    """What starts a server for the vllm engine; the model and the options follow."""
    options: tuple[str, ...] = ()
    """Further options of that command, or of vLLM in this process."""
    tensor_parallel: int = Field(default=1, ge=1)
    """GPUs that share one copy of the weights."""
    replicas: int = Field(default=1, ge=1)
    """Servers started, each with a copy of the weights."""
    function: str | None = None
    """"package.module:name" for the scripted engine."""
    folder: str | None = None
    """Where the batch engine writes requests; `medvlsynther batch` fills it in."""
    cluster: Wanted | None = None
    """The Ray cluster of the ray engine; the site fills it in."""
    price_prompt: float = 0.0
    """Currency units per million prompt tokens."""
    price_cached: float | None = None
    """The same for cached prompt tokens; None: as `price_prompt`."""
    price_reply: float = 0.0
    """The same for reply tokens."""

    def price(self, usage: "Usage") -> float:
        """What one reply costs, in currency units."""
        cached = self.price_prompt if self.price_cached is None else self.price_cached
        fresh = usage.prompt_tokens - usage.cached_tokens
        return (fresh * self.price_prompt + usage.cached_tokens * cached + usage.reply_tokens * self.price_reply) / 1e6


class Engine(Protocol):
    """The door."""

    concurrency: int
    """Requests that may be in flight at once."""
    remembers: bool
    """True where replies cost nothing and need no ledger (lexical)."""

    async def generate(self, request: Request, sampling: Sampling) -> Reply:
        """The reply to one request.

        Raises: ReplyError with a counted reason when the request failed for good (the row is rejected);
        EngineRefused when no request can succeed (the run stops, and what was answered is kept).
        """
        ...

    async def probe(self) -> None:
        """Find out whether requests can be served at all, without asking one that is paid for.

        Raises: EngineRefused with the mend when the server, the key or the model is not there.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and processes."""
        ...


LONGEST_COMPLAINT, LONGEST_REPLY = 200, 4000
"""Characters of a complaint and of the reply that it is about, when it is asked for anew."""

Bytes = Callable[[str], bytes]
"""Gives the stored bytes of an image by its SHA-256."""

_TEMPLATES = jinja2.Environment(
    undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
)


@lru_cache(maxsize=256)
def _template(text: str) -> jinja2.Template | str:
    """A compiled template, or the text itself where nothing in it varies."""
    if any(mark in text for mark in ("{{", "{%", "{#")):
        return _TEMPLATES.from_string(text)
    return text.strip()


def _fill(text: str, slots: Mapping[str, Any]) -> str:
    template = _template(text)
    filled = template if isinstance(template, str) else template.render(slots).strip()
    # Half a surrogate pair is no character: a caption may hold one, JSON on the wire may not.
    return filled if filled.isascii() else filled.encode("utf-8", "replace").decode()


def render(request: Request) -> Rendered:
    """The words of a request. Slot values are inserted as they are, never read as templates.

    Raises: BadSetting when the card uses a slot that the stage does not fill.
    """
    if request._words:
        return request._words[0]
    card = request.prompt
    try:
        words = Rendered(*(_fill(text, request.slots) for text in (card.system, card.material, card.request)))
    except jinja2.TemplateError as error:
        raise BadSetting(str(error), where=f"prompts/{card.name}", mend="Use only the slots its task fills") from None
    request._words.append(words)
    return words


def again(request: Request, reply: str, complaint: str) -> Request:
    """The same request after a reply that could not be used: the words so far, that reply, and what is wrong."""
    words = render(request)
    told = f"Your last reply could not be used ({complaint[:LONGEST_COMPLAINT]}). It was:\n{reply[:LONGEST_REPLY]}"
    repaired = replace(request)
    repaired._words.append(replace(words, task=f"{words.task}\n\n{told}\n\nReply anew, in the form asked for above."))
    return repaired


def ledger_key(request: Request, model: Model, sampling: Sampling) -> str:
    """What makes two requests the same request: never where, when or how fast it is asked, nor how many rollouts."""
    words = render(request)
    parts = {
        "model": [model.repo, model.revision, model.extra_body],
        "sampling": [sampling.temperature, sampling.top_p, sampling.max_tokens, sampling.seed],
        "words": [words.system, words.material, words.task],
        "schema": request.schema if request.schema is None else dict(request.schema),
        "images": [image.sha256 for image in request.images],
        "sample": request.sample,
    }
    # What came later stands in the key only where it is used: replies that were paid for before keep their keys.
    if request.labels:
        parts["labels"] = list(request.labels)
    if not sampling.extend:
        parts["extend"] = False
    return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:LENGTH]


__all__ = [
    "Bytes", "Endpoint", "Engine", "Event", "Failure", "Rendered", "Reply", "ReplyError", "Request", "Usage",
    "again", "ledger_key", "render",
]  # fmt: skip
