"""JSON out of a model's reply: everything that it surely says, and nothing that it does not.

Fences, thoughts, tags and prose around are left out; comments, single or typographic quotes, bare keys, trailing and
missing commas and one missing last brace are read as meant. A string is never changed, a number is finite, an object
that was cut off is refused, and of several objects none is picked by chance.

Reasons of ReplyError: empty, too_long, too_deep, no_json, refused, bad_json, not_finite, truncated, several,
duplicate_key, bad_text.
"""

import json
import math
import re
from collections.abc import Collection
from typing import Any, NoReturn

from medvlsynther.errors import ReplyError
from medvlsynther.rules._loose_json import Broken, Cut, LooseReader
from medvlsynther.rules._words import REFUSAL

LONGEST = 300_000
"""Characters of a reply that is still read: ten times the longest that a model is asked for."""

_SHAPES = (frozenset(("question", "options", "answer")), frozenset(("rubric",)))
_THOUGHT = re.compile(r"<(/?)(?:think|thinking|thought|reasoning|analysis)>", re.IGNORECASE)
_BETTER = re.compile(r"\b(?:final|corrected|revised|improved|updated|fixed|instead|actually|better)\b", re.IGNORECASE)
_WRAPPING = re.compile(
    r"[\s\ufeff\u200b`~;\"“”]|json5?\b|</?(?:answer|think|output|result|response)>|<\|[^|<>]{1,40}\|>|</?s>",
    re.IGNORECASE,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_TRIES = 200

Object = dict[str, Any]


class _Duplicate(ValueError):
    """A key that stands twice in one object."""


class _Infinite(ValueError):
    """NaN or an infinity."""


def _once(pairs: list[tuple[str, Any]]) -> Object:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Duplicate
    return found


def _refuse(name: str) -> NoReturn:
    raise _Infinite(name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Infinite(text)
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite, strict=False)


def read_object(reply: str, *, required: Collection[str] = ()) -> Object:
    """The one JSON object that a reply holds.

    An object whose last brace is missing counts only where it has all `required` keys, or, without these, those of a
    known shape: it could have lost a key as well.

    Raises: ReplyError with the reasons of this module.
    """
    if len(reply) > LONGEST:
        raise ReplyError("too_long", f"{len(reply)} characters")
    text = reply.strip()
    if not text:
        raise ReplyError("empty")
    try:
        found = _whole(text)
        if found is None:
            found = _Search(_without_thought(text), required).one()
    except _Duplicate:
        raise ReplyError("duplicate_key", text) from None
    except _Infinite as error:
        raise ReplyError("not_finite", str(error)) from None
    except RecursionError:
        raise ReplyError("too_deep") from None
    if _halved(reply, found):
        raise ReplyError("bad_text", "half of a surrogate pair")
    return found


def _halved(reply: str, found: Object) -> bool:
    """Half of a surrogate pair, raw or escaped: no text that can be stored."""
    if not reply.isascii() and _SURROGATE.search(reply):
        return True
    return "\\u" in reply and bool(_SURROGATE.search(json.dumps(found, ensure_ascii=False)))


def _whole(text: str) -> Object | None:
    """The reply where it is JSON from end to end: an object, a list of one, or JSON in a JSON string."""
    if text[0] not in '{["':
        return None
    try:
        value = _DECODER.decode(text)
        if isinstance(value, str):
            value = _DECODER.decode(value.strip())
    except (_Duplicate, _Infinite):
        raise
    except ValueError:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else None


def _without_thought(text: str) -> str:
    """The reply after its thoughts; a thought that never ends may hold the answer and stays."""
    kept: list[str] = []
    at, opened = 0, None
    for tag in _THOUGHT.finditer(text):
        if tag[1]:
            # A closing tag alone ends a thought that the chat template had opened.
            kept = [*kept, text[at:opened]] if opened is not None else []
            at, opened = tag.end(), None
        elif opened is None:
            opened = tag.start()
    return " ".join((*kept, text[at:]))


class _Search:
    """All objects of a text, in order, and the choice among them."""

    def __init__(self, text: str, required: Collection[str]) -> None:
        self.text = text
        self.shapes = (frozenset(required),) if required else _SHAPES
        self.found: list[tuple[int, int, Object]] = []

    def one(self) -> Object:
        """The object meant. Raises: ReplyError."""
        self._gather()
        full = [each for each in self.found if each[2]]
        if not full:
            return self._empty()
        shaped = [each for each in full if self._complete(each[2])] or full
        distinct = [each for at, each in enumerate(shaped) if all(each[2] != before[2] for before in shaped[:at])]
        if len(distinct) == 1:
            return distinct[0][2]
        last, before = distinct[-1], distinct[-2]
        if _BETTER.search(self.text[before[1] : last[0]]):
            return last[2]
        raise ReplyError("several", f"{len(distinct)} different objects")

    def _complete(self, value: Object) -> bool:
        return any(shape <= value.keys() for shape in self.shapes)

    def _empty(self) -> Object:
        """No object with keys: `{}` alone is one, `{}` in a sentence is none."""
        if self.found and not _WRAPPING.sub("", self.text.replace("{}", "", 1)):
            return {}
        raise ReplyError("refused" if REFUSAL.search(self.text) else "no_json", self.text)

    def _gather(self) -> None:
        at = self.text.find("{")
        for _ in range(_TRIES):
            if at < 0:
                return
            at = self.text.find("{", self._take(at))
        raise ReplyError("bad_json", "too many braces")

    def _take(self, at: int) -> int:
        """Read one object at `at`; gives where to look on."""
        try:
            value, end = _DECODER.raw_decode(self.text, at)
        except (_Duplicate, _Infinite):
            raise
        except ValueError:
            value, end = self._loosely(at)
        if value is not None:
            self.found.append((at, end, value))
        return end

    def _loosely(self, at: int) -> tuple[Object | None, int]:
        reader = LooseReader(self.text)
        try:
            read = reader.object(at)
        except Broken as broken:
            # Braces in prose hold no pair. One that does is the object, and its parts are not the object.
            if broken.pairs:
                raise ReplyError("bad_json", self.text[max(0, broken.at - 40) : broken.at + 40]) from None
            return None, at + 1
        except Cut:
            if not reader.begun:
                return None, at + 1
            raise ReplyError("truncated", self.text[-80:]) from None
        if read.duplicate:
            raise _Duplicate
        if not read.closed and not self._complete(read.value):
            raise ReplyError("truncated", self.text[-80:])
        return read.value, read.end
