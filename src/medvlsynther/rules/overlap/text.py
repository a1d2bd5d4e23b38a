"""Views of an item's text under which two items may be the same: case, punctuation, option order and numbers apart.

Chinese, Japanese and Korean characters are words of their own, so that a text without blanks has words too.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

NUMBER = "0"
"""What every number becomes in a masked view."""

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|\d+(?:[.,]\d+)*|[^\W_{_IDEOGRAPHS}]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class View(NamedTuple):
    """One way to look at an item's text."""

    name: str
    """"stem", "key", "options" (as a set), "item" (stem and options); with "#" behind it where numbers are masked."""
    text: str
    """Words as compared, a blank between them; never empty."""


def words(text: str) -> list[str]:
    """The words of a text as compared: Unicode compatibility forms made one, case folded, punctuation gone."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def normal(text: str) -> str:
    """A text as compared: its words with a blank between them; "" for one without any."""
    return " ".join(words(text))


def masked(text: str) -> str:
    """A normal text with every number made the same."""
    return _NUMBER.sub(NUMBER, text)


def views(stem: str, options: Sequence[str], key: str) -> Iterator[View]:
    """All views of one item that say anything; a masked view only where there is a number to mask.

    An item without options (an open question) is its stem and its answer.
    """
    question, right = normal(stem), normal(key)
    choices = " ".join(sorted(filter(None, map(normal, options))))
    whole = " ".join(filter(None, (question, choices or right)))
    for name, text in (("stem", question), ("key", right), ("options", choices), ("item", whole)):
        if not text:
            continue
        yield View(name, text)
        blind = masked(text)
        if blind != text:
            yield View(f"{name}#", blind)
