"""Criteria that code decides: what a verifier is never paid for.

Each is decided from the item alone, by the id under which rubric cards name it.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from medvlsynther.records import LETTERS, Item
from medvlsynther.rules._words import tokens

_FORBIDDEN = re.compile(r"\b(?:captions?|contexts?|figure legends?|legends?)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.?!](?:\s|$)")
_MOST_WORDS = 35
_MOST_SENTENCES = 2
_MOST_UNEVEN = 6

Fault = str
"""What is wrong, in a few words; "" where nothing is."""


def _schema(item: Item) -> Fault:
    if not item.question.strip():
        return "empty stem"
    if not 2 <= len(item.options) <= len(LETTERS):
        return f"{len(item.options)} options"
    return "" if all(option.strip() for option in item.options) else "empty option"


def _answer_field(item: Item) -> Fault:
    """The key is one of the letters, and no two options are equal to a reader."""
    if len(item.answer) != 1 or item.answer not in LETTERS[: len(item.options)]:
        return f"key is {item.answer!r:.20}"
    forms = [tokens(option) or (option.strip(),) for option in item.options]
    return "" if len(set(forms)) == len(forms) else "two options are equal"


def _forbidden_terms(item: Item) -> Fault:
    found = _FORBIDDEN.search(item.question)
    return f"stem says {found[0]!r}" if found else ""


def _concise(item: Item) -> Fault:
    words, sentences = len(item.question.split()), len(_SENTENCE_END.findall(item.question))
    return f"{words} words, {sentences} sentences" if words > _MOST_WORDS or sentences > _MOST_SENTENCES else ""


def _parallel(item: Item) -> Fault:
    texts = [option.strip() for option in item.options if option.strip()]
    if len({text.endswith(".") for text in texts}) > 1:
        return "some options end in a period"
    if len({text[0].islower() for text in texts if text[0].isalpha()}) > 1:
        return "some options begin with a small letter"
    lengths = [len(text.split()) for text in texts] or [0]
    return "options differ in length" if max(lengths) - min(lengths) > _MOST_UNEVEN else ""


DECIDERS: Mapping[str, Callable[[Item], Fault]] = MappingProxyType(
    {
        "json_schema_compliance": _schema,
        "answer_field_validity": _answer_field,
        "forbidden_terms": _forbidden_terms,
        "stem_concision": _concise,
        "parallel_options": _parallel,
    }
)
"""What each criterion finds wrong with an item."""
