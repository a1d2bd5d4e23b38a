"""OpenAI's chat completions, as nearly everybody speaks them."""

import math
import re
from typing import Any

import orjson

from medvlsynther.engines._protocols import IMAGE_MARK, Answer, Picture, Question, joined, portable, with_extra
from medvlsynther.engines._reading import at, count, settled, text_of
from medvlsynther.engines._servers import Kind
from medvlsynther.engines.base import Usage

LIKELIEST = 20
"""Words told for each place: the most that servers tell."""

AFTER_GRAMMAR = {"post_sampling_probs": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0}
"""Told before its grammar, llama.cpp's likeliest words may hold no label; told after it, they are as its samplers leave
them, so that nothing may be cut off."""


class OpenAI:
    """Chat completions, as spoken by nearly everybody."""

    path = "chat/completions"

    def headers(self, key: str | None) -> dict[str, str]:
        """A bearer token."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def body(self, question: Question, kind: Kind) -> dict[str, Any]:
        """System message, then one user message; plain text where there are no images, since some servers insist."""
        text = joined(question.words)
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
        return with_extra(body | self._schema(question) | _choice(question, kind), question, kind)

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
        message = at(payload, "choices", 0, "message")
        reasoning = at(message, "reasoning") or at(message, "reasoning_content")
        prompt = at(payload, "usage", "prompt_tokens_details")
        usage = Usage(
            prompt_tokens=count(payload, "usage", "prompt_tokens"),
            cached_tokens=count(prompt, "cached_tokens"),
            image_tokens=count(prompt, "multimodal_tokens", "image") or count(prompt, "image_tokens"),
            reply_tokens=count(payload, "usage", "completion_tokens"),
        )
        text = text_of(at(message, "content")) or text_of(at(message, "refusal"))
        first = _first(at(payload, "choices", 0, "logprobs", "content"))
        return settled(text, text_of(reasoning), at(payload, "choices", 0, "finish_reason"), usage, first)


def _choice(question: Question, kind: Kind) -> dict[str, Any]:
    """What holds a reply to its labels, and asks for their chances."""
    if not (question.labels and question.weighed):
        return {}
    asked: dict[str, Any] = {"logprobs": True, "top_logprobs": LIKELIEST}
    match kind.choice:
        case "structured_outputs":
            asked["structured_outputs"] = {"choice": list(question.labels)}
        case "regex":
            asked["regex"] = f"({'|'.join(map(re.escape, question.labels))})"
        case "grammar":
            ways = (orjson.dumps(label).decode() for label in question.labels)
            asked |= {"grammar": f"root ::= {' | '.join(ways)}", **AFTER_GRAMMAR}
    return asked


def _first(places: Any) -> tuple[tuple[str, float], ...]:
    """What could have stood at the first place that is not blank, as told by `logprobs` or by `probs`."""
    places = places if isinstance(places, list) else []
    place = next((each for each in places if text_of(at(each, "token")).strip()), None)
    told = at(place, "top_logprobs") or at(place, "top_probs") or [place]
    found = ((text_of(at(each, "token")), _probability(each)) for each in told if isinstance(told, list))
    return tuple((word, chance) for word, chance in found if chance > 0.0)


def _probability(told: Any) -> float:
    for name in ("logprob", "prob"):
        value = at(told, name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            given = math.exp(min(value, 0.0)) if name == "logprob" else float(value)
            return min(given, 1.0) if given > 0.0 else 0.0  # NaN is neither
    return 0.0


WIRE = OpenAI()
