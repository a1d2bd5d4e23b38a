"""Anthropic's messages."""

from typing import Any

from medvlsynther.engines._protocols import IMAGE_MARK, Answer, Question, joined, portable, with_extra
from medvlsynther.engines._reading import at, count, settled, text_of
from medvlsynther.engines._servers import Kind
from medvlsynther.engines.base import Usage


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
        content.append({"type": "text", "text": joined(question.words)})
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
        return with_extra(body, question, kind)

    def read(self, payload: Any) -> Answer:
        """All text blocks; all thinking blocks."""
        blocks = at(payload, "content")
        blocks = blocks if isinstance(blocks, list) else []
        text = "".join(text_of(at(block, "text")) for block in blocks if at(block, "type") == "text")
        reasoning = "".join(text_of(at(block, "thinking")) for block in blocks if at(block, "type") == "thinking")
        cached = count(payload, "usage", "cache_read_input_tokens")
        written = count(payload, "usage", "cache_creation_input_tokens")
        usage = Usage(
            prompt_tokens=count(payload, "usage", "input_tokens") + cached + written,
            cached_tokens=cached,
            reply_tokens=count(payload, "usage", "output_tokens"),
        )
        return settled(text, reasoning, at(payload, "stop_reason"), usage)


WIRE = Anthropic()
