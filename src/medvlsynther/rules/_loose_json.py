"""A reader of almost-JSON that gives up rather than guess.

What it forgives is syntax around values; the text inside quotes is taken as it stands. A quote closes a string only
where what follows can follow a string, so that an apostrophe or an inner quotation does not cut it.
"""

import re
from dataclasses import dataclass
from typing import Any

DEEPEST = 60
"""Levels of nesting that are followed."""

_SPACE = re.compile(r"(?:[\s\ufeff\u200b]++|//[^\n]*+|#[^\n]*+|/\*.{0,2000}?\*/)*+", re.DOTALL)
_BARE_KEY = re.compile(r"([^\W\d]\w*)[\"'”’]?(?=\s*:)")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,300})(?:\.\d{1,300})?(?:[eE][+-]?\d{1,2})?(?![\w.|/+])")
_WORD = re.compile(r"[^\W\d]\w*+(?=\s*+(?:[,}\]]|$|```|~~~|</|<\|)|[^\S\n]*+\n)")
_CONSTANTS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_NOT_VALUES = frozenset(("NaN", "nan", "Infinity", "inf", "undefined"))
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "”": "”", "`": "`"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_KEY = r"(?:[\"'“‘][^\"'”’\n]{1,80}[\"'”’]|[^\W\d]\w{0,80}[\"'”’]?)\s{0,20}:"
# Possessive and bounded: what stands after each quote of a hostile text is looked at once.
_GAP = r"(?:\s|//[^\n]{0,200}\n|/\*.{0,200}?\*/|#[^\n]{0,200}\n)*+"
_AFTER_KEY = re.compile(rf"{_GAP}:", re.DOTALL)
_AFTER_MEMBER = re.compile(
    rf"{_GAP}(?:\}}|,{_GAP}(?:\}}|{_KEY})|$|```|~~~|</|<\|)|(?=\s|//|/\*|#){_GAP}{_KEY}", re.DOTALL
)  # fmt: skip
_AFTER_ELEMENT = re.compile(rf"{_GAP}[\],]", re.DOTALL)
_OVER = re.compile(r"$|```|~~~|</|<\|")


class Broken(Exception):
    """No JSON at `at`; `pairs` keys with values had been read before."""

    def __init__(self, at: int, pairs: int) -> None:
        self.at, self.pairs = at, pairs
        super().__init__()


class Cut(Exception):
    """The text ended inside a value."""


@dataclass(slots=True)
class Read:
    """An object, where it ends, and how."""

    value: dict[str, Any]
    end: int
    closed: bool
    duplicate: bool


class LooseReader:
    """Reads one object of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.pairs = 0
        self.begun = False
        self.closed = True
        self.duplicate = False

    def object(self, at: int) -> Read:
        """The object whose brace stands at `at`. Raises: Broken, Cut."""
        self.at = at
        value = self._object(depth=1)
        return Read(value, self.at, self.closed, self.duplicate)

    def _skip(self) -> str:
        """Step over blanks and comments; gives the next character, "" at the end."""
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.text[self.at : self.at + 1]

    def _broken(self) -> Broken:
        return Broken(self.at, self.pairs)

    def _object(self, depth: int) -> dict[str, Any]:
        if depth > DEEPEST:
            raise RecursionError
        self.at += 1
        found: dict[str, Any] = {}
        while self._skip() != "}":
            if _OVER.match(self.text, self.at):
                return self._unclosed(found, depth)
            key = self._key()
            value = self._value(depth)
            self.duplicate = self.duplicate or key in found
            found[key] = value
            self.pairs += 1
            if self._skip() == ",":
                self.at += 1
                if _OVER.match(self.text, self._ahead()):
                    raise Cut
        self.at += 1
        return found

    def _ahead(self) -> int:
        space = _SPACE.match(self.text, self.at)
        return space.end() if space else self.at

    def _unclosed(self, found: dict[str, Any], depth: int) -> dict[str, Any]:
        """The outermost object may lack its brace; whether it lacks more is for the caller to say."""
        if not found and self.at < len(self.text):
            raise self._broken()
        if depth > 1 or not found:
            raise Cut
        self.closed = False
        return found

    def _key(self) -> str:
        char = self._skip()
        if char in _QUOTES:
            self.begun = True
            key = self._string(_AFTER_KEY)
        else:
            bare = _BARE_KEY.match(self.text, self.at)
            if not bare:
                raise self._broken()
            self.begun = True
            key, self.at = bare[1], bare.end()
        if self._skip() != ":":
            raise self._broken()
        self.at += 1
        return key

    def _value(self, depth: int, after: re.Pattern[str] = _AFTER_MEMBER) -> Any:
        char = self._skip()
        if not char:
            raise Cut
        if char == "{":
            return self._object(depth + 1)
        if char == "[":
            return self._list(depth + 1)
        if char in _QUOTES:
            return self._string(after)
        return self._scalar()

    def _list(self, depth: int) -> list[Any]:
        if depth > DEEPEST:
            raise RecursionError
        self.at += 1
        found: list[Any] = []
        while self._skip() != "]":
            if _OVER.match(self.text, self.at):
                raise Cut
            found.append(self._value(depth, _AFTER_ELEMENT))
            char = self._skip()
            if char == ",":
                self.at += 1
            elif char != "]":
                raise Cut if not char else self._broken()
        self.at += 1
        return found

    def _scalar(self) -> Any:
        number = _NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            if _OVER.match(self.text, self._ahead()):
                raise Cut
            text = number[0]
            return int(text) if text.lstrip("-").isdigit() else float(text)
        word = _WORD.match(self.text, self.at)
        if not word or word[0] in _NOT_VALUES:
            raise self._broken()
        self.at = word.end()
        if word[0] not in _CONSTANTS and _OVER.match(self.text, self._ahead()):
            raise Cut
        return _CONSTANTS.get(word[0], word[0])

    def _string(self, after: re.Pattern[str]) -> str:
        """A quoted text up to the first closing quote after which something can go on."""
        start = self.at + 1
        close = _QUOTES[self.text[self.at]]
        at = start
        while True:
            at = self.text.find(close, at)
            if at < 0:
                raise Cut
            if not self._escaped(at, start) and after.match(self.text, at + 1):
                break
            at += 1
        self.at = at + 1
        text = _ESCAPE.sub(_unescaped, self.text[start:at])
        # Two \\u escapes may be the halves of one character.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")

    def _escaped(self, at: int, start: int) -> bool:
        slashes = 0
        while at - slashes > start and self.text[at - slashes - 1] == "\\":
            slashes += 1
        return slashes % 2 == 1


def _unescaped(match: re.Match[str]) -> str:
    """JSON's escapes as meant; of others (LaTeX) both characters stay."""
    code = match[1]
    if len(code) == 5:
        return chr(int(code[1:], 16))
    if code in "\"'\\/":
        return code
    return _ESCAPED.get(code, match[0])
