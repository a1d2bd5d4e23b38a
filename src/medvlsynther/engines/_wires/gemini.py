"""Gemini's generateContent."""

import math
from typing import Any

from medvlsynther.engines._protocols import IMAGE_MARK, Answer, Question, joined, portable, with_extra
from medvlsynther.engines._reading import at, count, settled, text_of
from medvlsynther.engines._servers import Kind
from medvlsynther.engines.base import Usage

LIKELIEST = 20
"""Words told for each place: the most that the service tells."""


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
        parts.append({"text": joined(question.words)})
        config: dict[str, Any] = {
            "temperature": question.temperature,
            "topP": question.top_p,
            "maxOutputTokens": question.max_tokens,
        }
        if question.seed is not None:
            config["seed"] = question.seed
        if question.schema is not None and question.form is not None:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": portable(question.schema)}
        if question.labels and question.weighed:
            config |= {"responseLogprobs": True, "logprobs": LIKELIEST}
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}
        if question.words.system:
            body["systemInstruction"] = {"parts": [{"text": question.words.system}]}
        return with_extra(body, question, kind)

    def read(self, payload: Any) -> Answer:
        """All parts of the first candidate, thoughts apart."""
        parts = at(payload, "candidates", 0, "content", "parts")
        parts = parts if isinstance(parts, list) else []
        text = "".join(text_of(at(part, "text")) for part in parts if at(part, "thought") is not True)
        reasoning = "".join(text_of(at(part, "text")) for part in parts if at(part, "thought") is True)
        counts = at(payload, "usageMetadata")
        details = at(counts, "promptTokensDetails")
        images = [part for part in details if at(part, "modality") == "IMAGE"] if isinstance(details, list) else []
        usage = Usage(
            prompt_tokens=count(counts, "promptTokenCount"),
            cached_tokens=count(counts, "cachedContentTokenCount"),
            image_tokens=sum(count(part, "tokenCount") for part in images),
            reply_tokens=count(counts, "candidatesTokenCount") + count(counts, "thoughtsTokenCount"),
        )
        blocked = at(payload, "promptFeedback", "blockReason")
        finish = at(payload, "candidates", 0, "finishReason") or blocked
        return settled(text, reasoning, finish, usage, _first(at(payload, "candidates", 0, "logprobsResult")))


def _first(result: Any) -> tuple[tuple[str, float], ...]:
    """What could have stood at the first place that is not blank."""
    places = at(result, "topCandidates")
    for place in places if isinstance(places, list) else []:
        told = at(place, "candidates")
        told = told if isinstance(told, list) else []
        found = [(text_of(at(each, "token")), at(each, "logProbability")) for each in told]
        words = [(word, math.exp(min(chance, 0.0))) for word, chance in found if isinstance(chance, int | float)]
        if any(word.strip() for word, _ in words):
            return tuple(words)
    return ()


WIRE = Gemini()
