"""The three wire forms: OpenAI's chat completions, Anthropic's messages, Gemini's generateContent.

A protocol writes a question as plain JSON values in which a mark stands for each image, and reads a reply back. The
mark is replaced by the encoded image on the wire, so that no image ever passes through a JSON encoder. In all three
the static text is the system message, and images, material and task follow in that order.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol

import orjson

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines._servers import Form, Kind
from medvlsynther.engines.base import Rendered, Request, Usage, render
from medvlsynther.errors import ReplyError

IMAGE_MARK = secrets.token_hex(24)
"""Stands for the Base64 text of the next image; drawn anew by each process, so that no prompt can contain it."""

_THOUGHT = re.compile(r"\A\s*(?:<think>)?(.*?)</think>", re.DOTALL)
_BOX = re.compile(r"<\|(?:begin|end)_of_box\|>")
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
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields added to the body; None takes one away."""

    def showing(self, images: Sequence[bytes]) -> "Question":
        """The question with the types of its images, all of which are sent."""
        pictures = zip(self.pictures, images, strict=True)
        return replace(self, pictures=tuple(replace(one, media_type=media_type(data)) for one, data in pictures))


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
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        seed=None if sampling.seed is None else sampling.seed + request.sample,
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


class OpenAI:
    """Chat completions, as spoken by nearly everybody."""

    path = "chat/completions"

    def headers(self, key: str | None) -> dict[str, str]:
        """A bearer token."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def body(self, question: Question, kind: Kind) -> dict[str, Any]:
        """System message, then one user message; plain text where there are no images, since some servers insist."""
        text = _joined(question.words)
        content: Any = text
        if question.pictures:
            content = [self._picture(picture, kind) for picture in question.pictures]
            content.append({"type": "text", "text": text})
        system = [{"role": "system", "content": question.words.system}] if question.words.system else []
        body = {
            "model": question.model,
            "messages": [*system, {"role": "user", "content": content}],
            kind.limit_key: question.max_tokens,
            "temperature": question.temperature,
            "top_p": question.top_p,
        }
        if kind.seed and question.seed is not None:
            body["seed"] = question.seed
        return _with_extra(body | self._schema(question), question, kind)

    def _picture(self, picture: Picture, kind: Kind) -> dict[str, Any]:
        if picture.held:
            return {"type": "image_url", "image_url": None, "uuid": picture.sha256}
        part = {"type": "image_url", "image_url": {"url": f"data:{picture.media_type};base64,{IMAGE_MARK}"}}
        return part | {"uuid": picture.sha256} if kind.uuid else part

    def _schema(self, question: Question) -> dict[str, Any]:
        if question.schema is None or question.form is None:
            return {}
        schema = portable(question.schema)
        if question.form == "structured_outputs":
            return {"structured_outputs": {"json": schema}}
        named = {"name": "reply", "strict": True, "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": named}}

    def read(self, payload: Any) -> Answer:
        """The first choice."""
        message = _at(payload, "choices", 0, "message")
        reasoning = _at(message, "reasoning") or _at(message, "reasoning_content")
        prompt = _at(payload, "usage", "prompt_tokens_details")
        usage = Usage(
            prompt_tokens=_count(payload, "usage", "prompt_tokens"),
            cached_tokens=_count(prompt, "cached_tokens"),
            image_tokens=_count(prompt, "multimodal_tokens", "image") or _count(prompt, "image_tokens"),
            reply_tokens=_count(payload, "usage", "completion_tokens"),
        )
        text = _text(_at(message, "content")) or _text(_at(message, "refusal"))
        return settled(text, _text(reasoning), _at(payload, "choices", 0, "finish_reason"), usage)


class Anthropic:
    """The messages protocol."""

    path = "messages"

    def headers(self, key: str | None) -> dict[str, str]:
        """The key in a header of its own, and the protocol's version."""
        return {"anthropic-version": "2023-06-01"} | ({"x-api-key": key} if key else {})

    def body(self, question: Question, kind: Kind) -> dict[str, Any]:
        """The static text is marked for the cache; a default nucleus is left out, as newer models take only one."""
        content: list[dict[str, Any]] = [
            {"type": "image", "source": {"type": "base64", "media_type": picture.media_type, "data": IMAGE_MARK}}
            for picture in question.pictures
        ]
        content.append({"type": "text", "text": _joined(question.words)})
        body: dict[str, Any] = {
            "model": question.model,
            "max_tokens": question.max_tokens,
            "messages": [{"role": "user", "content": content}],
            "temperature": question.temperature,
        }
        if question.top_p != 1.0:
            body["top_p"] = question.top_p
        if question.words.system:
            cached = {"type": "text", "text": question.words.system, "cache_control": {"type": "ephemeral"}}
            body["system"] = [cached]
        if question.schema is not None and question.form is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": portable(question.schema)}}
        return _with_extra(body, question, kind)

    def read(self, payload: Any) -> Answer:
        """All text blocks; all thinking blocks."""
        blocks = _at(payload, "content")
        blocks = blocks if isinstance(blocks, list) else []
        text = "".join(_text(_at(block, "text")) for block in blocks if _at(block, "type") == "text")
        reasoning = "".join(_text(_at(block, "thinking")) for block in blocks if _at(block, "type") == "thinking")
        cached = _count(payload, "usage", "cache_read_input_tokens")
        written = _count(payload, "usage", "cache_creation_input_tokens")
        usage = Usage(
            prompt_tokens=_count(payload, "usage", "input_tokens") + cached + written,
            cached_tokens=cached,
            reply_tokens=_count(payload, "usage", "output_tokens"),
        )
        return settled(text, reasoning, _at(payload, "stop_reason"), usage)


class Gemini:
    """The generateContent protocol."""

    path = "models/{model}:generateContent"

    def headers(self, key: str | None) -> dict[str, str]:
        """The key in a header, never in the URL, where logs would keep it."""
        return {"x-goog-api-key": key} if key else {}

    def body(self, question: Question, kind: Kind) -> dict[str, Any]:
        """Images as inline data before the text."""
        parts: list[dict[str, Any]] = [
            {"inlineData": {"mimeType": picture.media_type, "data": IMAGE_MARK}} for picture in question.pictures
        ]
        parts.append({"text": _joined(question.words)})
        config: dict[str, Any] = {
            "temperature": question.temperature,
            "topP": question.top_p,
            "maxOutputTokens": question.max_tokens,
        }
        if question.seed is not None:
            config["seed"] = question.seed
        if question.schema is not None and question.form is not None:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": portable(question.schema)}
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}
        if question.words.system:
            body["systemInstruction"] = {"parts": [{"text": question.words.system}]}
        return _with_extra(body, question, kind)

    def read(self, payload: Any) -> Answer:
        """All parts of the first candidate, thoughts apart."""
        parts = _at(payload, "candidates", 0, "content", "parts")
        parts = parts if isinstance(parts, list) else []
        text = "".join(_text(_at(part, "text")) for part in parts if _at(part, "thought") is not True)
        reasoning = "".join(_text(_at(part, "text")) for part in parts if _at(part, "thought") is True)
        counts = _at(payload, "usageMetadata")
        details = _at(counts, "promptTokensDetails")
        images = [part for part in details if _at(part, "modality") == "IMAGE"] if isinstance(details, list) else []
        usage = Usage(
            prompt_tokens=_count(counts, "promptTokenCount"),
            cached_tokens=_count(counts, "cachedContentTokenCount"),
            image_tokens=sum(_count(part, "tokenCount") for part in images),
            reply_tokens=_count(counts, "candidatesTokenCount") + _count(counts, "thoughtsTokenCount"),
        )
        blocked = _at(payload, "promptFeedback", "blockReason")
        return settled(text, reasoning, _at(payload, "candidates", 0, "finishReason") or blocked, usage)


WIRES: Mapping[str, Wire] = {"openai": OpenAI(), "anthropic": Anthropic(), "gemini": Gemini()}
"""Wire forms by the name of their protocol."""

_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "safety": "content_filter",
    "prohibited_content": "content_filter",
    "blocklist": "content_filter",
    "recitation": "content_filter",
    "spii": "content_filter",
    "image_safety": "content_filter",
}


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


def _joined(words: Rendered) -> str:
    """Material and task as one text: chat templates differ in what they put between two."""
    return "\n\n".join(part for part in (words.material, words.task) if part)


def _with_extra(body: dict[str, Any], question: Question, kind: Kind) -> dict[str, Any]:
    if not question.extra:
        return body
    extra = {
        key: value for key, value in question.extra.items() if kind.template_kwargs or key != "chat_template_kwargs"
    }
    return {key: value for key, value in (body | extra).items() if value is not None}


def settled(text: str, reasoning: str, finish: object, usage: Usage) -> Answer:
    """An answer with thoughts taken out of its text, and the finish in our own words.

    Raises: ReplyError (empty_reply) when no text is left.
    """
    word = finish.lower() if isinstance(finish, str) else "stop"
    word = _FINISHES.get(word, word)[:40]
    if not reasoning and "</think>" in text and (thought := _THOUGHT.match(text)):
        reasoning, text = thought[1].strip(), text[thought.end() :]
    elif not reasoning and text.lstrip().startswith("<think>"):
        reasoning, text = text.lstrip().removeprefix("<think>").strip(), ""
    text = _BOX.sub("", text).strip()
    if not text and word not in ("length", "content_filter"):
        raise ReplyError("empty_reply", "The server answered without a text")
    return Answer(text, reasoning, word, usage)


def _at(value: Any, *path: str | int) -> Any:
    """What stands at a path, or None where the path leaves the data."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and len(value) > step:
            value = value[step]
        else:
            return None
    return value


def _count(value: Any, *path: str | int) -> int:
    found = _at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def _text(value: Any) -> str:
    """A text, or the texts of a list of parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(_at(part, "text")) for part in value)
    return ""
