"""Items out of replies: the schema that is asked for, and the reader of what comes back.

Reasons of ReplyError, besides those of the JSON reader (empty, too_long, too_deep, no_json, refused, bad_json,
not_finite, truncated, several, duplicate_key, bad_text): insufficient_evidence, bad_schema.
"""

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from medvlsynther.errors import ReplyError
from medvlsynther.records import Record
from medvlsynther.rules._json import LONGEST, read_object
from medvlsynther.rules.grading import read_choice

__all__ = ["LONGEST", "Draft", "item_schema", "read_item", "read_object", "refuse_error"]

_KEYS = ("question", "options", "answer")
_SURE = frozenset(("letter", "letter_and_text", "text"))
_LONGEST_TEXT = 20_000


class Draft(Record):
    """An item as a model wrote it, before it belongs to a figure."""

    question: str
    """The stem."""
    options: tuple[str, ...]
    """Option texts in the order of their letters."""
    answer: str
    """Letter of the key."""


def item_schema(letters: str = "ABCDE") -> dict[str, Any]:
    """The JSON schema of an item, in the subset that every guided decoder knows."""
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "question": text,
            "options": {
                "type": "object",
                "properties": dict.fromkeys(letters, text),
                "required": list(letters),
                "additionalProperties": False,
            },
            "answer": {"type": "string", "enum": list(letters)},
        },
        "required": list(_KEYS),
        "additionalProperties": False,
    }


def read_item(reply: str, letters: str = "ABCDE") -> Draft:
    """The item of a reply: exactly one option per letter, none of them empty, and a key that can mean one letter only.

    Blanks around texts go; the answer may be a letter, a letter with its text, or the text of one option. Other keys
    are passed over.

    Raises: ReplyError with the reasons of this module.
    """
    found = read_object(reply, required=() if '"error"' in reply else _KEYS)
    refuse_error(found)
    missing = [key for key in _KEYS if key not in found]
    if missing:
        _refuse(f"no {', '.join(missing)}")
    options = _options(found["options"], letters)
    question = _text(found["question"], "question")
    return Draft(question=question, options=tuple(options.values()), answer=_answer(found["answer"], options))


def refuse_error(found: Mapping[str, Any]) -> None:
    """Turn an error object, with which a model declines, into a reject.

    Raises: ReplyError insufficient_evidence or refused.
    """
    if "error" in found:
        said = str(found["error"])
        raise ReplyError("insufficient_evidence" if "insufficient" in said.lower() else "refused", said)


def _refuse(detail: str) -> NoReturn:
    raise ReplyError("bad_schema", detail)


def _text(value: object, where: str) -> str:
    """A text that says something; a whole number is a text to a reader, any other type is not."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        _refuse(f"{where} is not a text: {value!r:.60}")
    if len(value) > _LONGEST_TEXT:
        _refuse(f"{where} has {len(value)} characters")
    return value.strip()


def _options(value: object, letters: Collection[str]) -> dict[str, str]:
    if not isinstance(value, dict):
        _refuse("options are not an object")
    named = {str(key).strip().strip("().:").upper(): text for key, text in value.items()}
    if len(named) != len(value) or named.keys() != set(letters):
        _refuse(f"options are {', '.join(sorted(map(str, value)))[:80]}, not {', '.join(letters)}")
    return {letter: _text(named[letter], f"option {letter}") for letter in letters}


def _answer(value: object, options: Mapping[str, str]) -> str:
    choice = read_choice(_text(value, "answer"), options)
    if choice.letter is None or choice.rule not in _SURE:
        _refuse(f"answer is {value!r:.60}")
    return choice.letter
