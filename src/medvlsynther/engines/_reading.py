"""Reading a reply's JSON without trusting it, and settling what in it is the answer."""

import re
from typing import Any

from medvlsynther.engines._protocols import Answer
from medvlsynther.engines.base import Usage
from medvlsynther.errors import ReplyError

_THOUGHT = re.compile(r"\A\s*(?:<think>)?(.*?)</think>", re.DOTALL)
_BOX = re.compile(r"<\|(?:begin|end)_of_box\|>")
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


def settled(
    text: str, reasoning: str, finish: object, usage: Usage, first: tuple[tuple[str, float], ...] = ()
) -> Answer:
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
    return Answer(text, reasoning, word, usage, first)


def at(value: Any, *path: str | int) -> Any:
    """What stands at a path, or None where the path leaves the data."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and len(value) > step:
            value = value[step]
        else:
            return None
    return value


def count(value: Any, *path: str | int) -> int:
    """The positive whole number at a path, else 0."""
    found = at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def text_of(value: Any) -> str:
    """A text, or the texts of a list of parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(text_of(at(part, "text")) for part in value)
    return ""
