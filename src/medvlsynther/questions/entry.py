"""One question as a set has it, open ones included, and the reading of what sets write in different ways.

An entry with faults is still an entry: an audit has to look at it, while an evaluation turns it away under the fault's
name. A row of which nothing can be read raises InputError.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple, Protocol

import orjson

from medvlsynther.errors import InputError
from medvlsynther.records import LETTERS, ImageRef

TEXT_LIMIT = 100_000
"""Characters of the longest text that is read: a row beyond it is not a question."""

YES_NO = ("Yes", "No")
"""Options of a yes/no question, in the order of the published evaluation set."""

_PREFIX = re.compile(r"\s*\(?([A-Ja-j])\s*[:.)]\s*(?=\S)")


class Row(NamedTuple):
    """One row of one file."""

    file: str
    """Path below the set's folder, "/" between folders."""
    number: int
    """Row in the file, from 0."""
    values: Mapping[str, Any]
    """Column or key to value; of image columns only the places."""

    def text(self, *names: str) -> str:
        """The first of these columns that holds text or a number, stripped; "" where none does."""
        for name in names:
            value = self.values.get(name)
            if isinstance(value, (str, int)) and not isinstance(value, bool):
                return str(value).strip()
        return ""


class Finder(Protocol):
    """Finds image files by the names that rows give them."""

    def __call__(self, name: str) -> str:
        """Path of the file below the set's folder; the name itself where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One question of a set."""

    id: str
    """The set's own id of it, unique in the set once read; "" where it has none."""
    question: str
    """The stem."""
    options: tuple[str, ...] = ()
    """Option texts in order; none for an open question."""
    answer: str = ""
    """Text of the right answer; "" where it is held back."""
    letter: str | None = None
    """Letter of the right option."""
    images: tuple[ImageRef, ...] = ()
    """Its images: `member` says where each lies in the set's folder."""
    language: str = "en"
    """Language of the question."""
    keys: tuple[str, ...] = ()
    """Who it is elsewhere: "pmcid:PMC1", "doi:10.1/x", "case:<url>", "item:<set>/<id>"."""
    image_keys: tuple[tuple[str, ...], ...] = ()
    """The same for each image: "figure:PMC1/2", "file:<set>/<name>", "sha256:…"."""
    faults: tuple[str, ...] = ()
    """Why it cannot be asked: no_question, no_options, gold_outside_options, …"""


class Gold(NamedTuple):
    """Options and key as read, and what is wrong with them."""

    options: tuple[str, ...]
    answer: str
    letter: str | None
    faults: tuple[str, ...]


def gold(options: tuple[str, ...], answer: str, label: str) -> Gold:
    """The key of a question from its letter, or from its text where the set gives no letter."""
    if not options:
        return Gold((), answer, None, ("no_options",))
    if len(options) > len(LETTERS):
        return Gold(options, answer, None, ("too_many_options",))
    same = [place for place, option in enumerate(options) if _level(option) == _level(answer)]
    letters = LETTERS[: len(options)]
    if len(label) == 1 and label.upper() in letters:
        place = letters.index(label.upper())
        if answer and same and place not in same:
            return Gold(options, answer, None, ("gold_contradicts_itself",))
        return Gold(options, options[place], letters[place], ())
    if not answer and not label:
        return Gold(options, "", None, ("gold_held_back",))
    if len(same) != 1:
        return Gold(options, answer, None, ("gold_outside_options" if not same else "gold_several",))
    return Gold(options, options[same[0]], letters[same[0]], ())


def yes_no(answer: str, answer_is_closed: bool = True) -> Gold:
    """The key of a question that is answered by yes or no; of any other, that it has no options."""
    if answer_is_closed and _level(answer) in ("yes", "no"):
        return gold(YES_NO, answer, "")
    return Gold((), answer, None, ("no_options",))


def read_options(value: object) -> tuple[str, ...]:
    """Options from a mapping of letters, a list, or either written as text (JSON or a Python literal).

    Raises: InputError(options_unreadable) for anything else; InputError(option_letters) for letters with gaps;
    InputError(option_empty).
    """
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, Mapping):
        given = {str(letter).strip().upper(): text for letter, text in value.items() if text is not None}
        if sorted(given) != list(LETTERS[: len(given)]):
            raise InputError("option_letters", f"letters {', '.join(sorted(given))[:100]}")
        value = [given[letter] for letter in sorted(given)]
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise InputError("options_unreadable", f"{type(value).__name__} is no list of options")
    texts = tuple(_option(text) for text in value)
    if not all(texts):
        raise InputError("option_empty", "an option without text")
    return texts


def _option(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError("options_unreadable", f"an option is {type(value).__name__}")
    return clean(str(value))


def _parsed(text: str) -> object:
    text = clean(text)
    if not text:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        raise InputError("options_unreadable", text[:100]) from None


def without_letter(option: str, letter: str) -> str:
    """An option without its own letter in front ("B: lung")."""
    found = _PREFIX.match(option)
    return option[found.end() :].strip() if found and found[1].upper() == letter else option


def clean(text: str) -> str:
    """A text that tables can hold, without blanks around it.

    Raises: InputError(text_too_long).
    """
    if len(text) > TEXT_LIMIT:
        raise InputError("text_too_long", f"{len(text)} characters")
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()


def _level(text: str) -> str:
    return " ".join(text.casefold().split())


def image(name: str, member: str) -> ImageRef:
    """A reference to an image in the set's folder; the corpus is filled in by the reader."""
    return ImageRef(name=PurePosixPath(name).name or "image", member=member)
