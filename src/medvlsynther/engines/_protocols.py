"""What a wire form is, and what all of them share; each stands in a file of `_wires`.

A protocol writes a question as plain JSON values in which a mark stands for each image, and reads a reply back. The
mark is replaced by the encoded image on the wire, so that no image ever passes through a JSON encoder. In all of them
the static text is the system message, and images, material and task follow in that order.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol

import orjson

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines._servers import Form, Kind
from medvlsynther.engines.base import Bytes, Rendered, Request, Usage, render
from medvlsynther.errors import InputError, MissingInput, ReplyError

IMAGE_MARK = secrets.token_hex(24)
"""Stands for the Base64 text of the next image; drawn anew by each process, so that no prompt can contain it."""

LABEL_TOKENS = 8
"""Longest reply that is one word of a closed choice."""
_PORTABLE = frozenset(
    (
        "type",
        "enum",
        "const",
        "anyOf",
        "required",
        "properties",
        "items",
        "additionalProperties",
        "description",
        "title",
    )
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a question."""

    sha256: str
    """Its name."""
    media_type: str
    """"image/png", …"""
    held: bool = False
    """The server has it under its name already: no bytes are sent."""


@dataclass(frozen=True, slots=True)
class Question:
    """All that a request says, before a protocol writes it."""

    model: str
    """Name of the model on the server."""
    words: Rendered
    """The words."""
    pictures: tuple[Picture, ...]
    """Images in order."""
    schema: bytes | None
    """JSON schema of the reply, as JSON."""
    form: Form | None
    """How the schema is handed over; None: not at all."""
    max_tokens: int
    """Longest reply."""
    temperature: float
    """0 is greedy."""
    top_p: float
    """Nucleus."""
    seed: int | None
    """Seed, for servers that take one."""
    labels: tuple[str, ...] = ()
    """The words that the reply is to be one of; empty: any reply."""
    weighed: bool = True
    """Whether the chances of the labels are asked for; not where the server has refused to give them."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields added to the body; None takes one away."""

    def showing(self, images: Sequence[bytes]) -> "Question":
        """The question with the types of its images, all of which are sent."""
        pictures = zip(self.pictures, images, strict=True)
        return replace(self, pictures=tuple(replace(one, media_type=media_type(data)) for one, data in pictures))


def file_of(sha256: str | None, images: Bytes) -> bytes:
    """The bytes of an image that a request names.

    Raises: ReplyError image_missing, also for an image that was not prepared.
    """
    try:
        return images(sha256 or "")
    except (InputError, MissingInput, OSError) as error:
        raise ReplyError("image_missing", str(error)) from None


def asked(request: Request, sampling: Sampling, card: Model, *, model: str, form: Form | None) -> Question:
    """What a request asks the model of that name; the types of its images are not known yet.

    Raises: ReplyError (image_missing) when an image was not prepared.
    """
    if any(image.sha256 is None for image in request.images):
        raise ReplyError("image_missing", "An image was not prepared")
    return Question(
        model=model,
        words=render(request),
        pictures=tuple(Picture(image.sha256 or "", "") for image in request.images),
        schema=None if request.schema is None else orjson.dumps(dict(request.schema)),
        form=form,
        max_tokens=min(sampling.max_tokens, LABEL_TOKENS) if request.labels else sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        seed=None if sampling.seed is None else sampling.seed + request.sample,
        labels=request.labels,
        extra=card.extra_body,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    text: str
    """The final text, without thoughts."""
    reasoning: str
    """The thoughts, where the server or the text kept them apart."""
    finish: str
    """"stop", "length", "content_filter", or the server's own word."""
    usage: Usage
    """Tokens."""
    first: tuple[tuple[str, float], ...] = ()
    """What the first word could have been, each with its probability, where that was asked for and given."""


class Wire(Protocol):
    """One wire form."""

    path: str
    """Path of a request below the base URL; "{model}" stands for the model's name."""

    def headers(self, key: str | None) -> dict[str, str]:
        """Headers of every request."""
        ...

    def body(self, question: Question, kind: Kind) -> dict[str, Any]:
        """The request as JSON values, `IMAGE_MARK` standing for each image that is sent."""
        ...

    def read(self, payload: Any) -> Answer:
        """A reply's meaning.

        Raises: ReplyError (empty_reply) when nothing in it is an answer.
        """
        ...


def media_type(image: bytes) -> str:
    """The media type of an image, by its first bytes."""
    if image.startswith(b"\xff\xd8"):
        return "image/jpeg"
    if image.startswith(b"GIF8"):
        return "image/gif"
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    return "image/png"


@lru_cache(maxsize=64)
def portable(schema: bytes) -> orjson.Fragment:
    """A schema in the subset that all servers understand alike.

    Length bounds above all are left out: a widely used grammar backend then writes text that is not JSON. Whoever
    reads the reply checks them.
    """
    return orjson.Fragment(orjson.dumps(_reduced(orjson.loads(schema))))


def _reduced(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key in _PORTABLE}
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {name: _reduced(value) for name, value in kept["properties"].items()}
    if isinstance(kept.get("anyOf"), list):
        kept["anyOf"] = [_reduced(branch) for branch in kept["anyOf"]]
    for key in ("items", "additionalProperties"):
        if key in kept:
            kept[key] = _reduced(kept[key])
    return kept


def joined(words: Rendered) -> str:
    """Material and task as one text: chat templates differ in what they put between two."""
    return "\n\n".join(part for part in (words.material, words.task) if part)


def with_extra(body: dict[str, Any], question: Question, kind: Kind) -> dict[str, Any]:
    if not question.extra:
        return body
    extra = {
        key: value for key, value in question.extra.items() if kind.template_kwargs or key != "chat_template_kwargs"
    }
    return {key: value for key, value in (body | extra).items() if value is not None}
