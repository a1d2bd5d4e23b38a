"""Numbers in text, with their units brought to one per kind of measure."""

import re
from typing import NamedTuple

from medvlsynther.rules.lint._text import words_of

_UNITS: dict[str, tuple[str, float]] = {
    "nm": ("length", 1e-6),
    "µm": ("length", 1e-3),
    "μm": ("length", 1e-3),
    "um": ("length", 1e-3),
    "micron": ("length", 1e-3),
    "microns": ("length", 1e-3),
    "mm": ("length", 1.0),
    "cm": ("length", 10.0),
    "m": ("length", 1e3),
    "µl": ("volume", 1e-3),
    "ml": ("volume", 1.0),
    "cc": ("volume", 1.0),
    "dl": ("volume", 1e2),
    "l": ("volume", 1e3),
    "µg": ("mass", 1e-3),
    "mg": ("mass", 1.0),
    "g": ("mass", 1e3),
    "kg": ("mass", 1e6),
}
_NUMBER = re.compile(
    r"([0-9](?<![\w.#][0-9])(?<!\w[-–][0-9])(?:[0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]*(?:[.·][0-9]+)?))"
    r"(?:\s*[-–]?\s*(nm|µm|μm|um|microns?|mm|cm|m|µl|ml|cc|dl|l|µg|mg|kg|g)(?![\w²³])|\s?[x×%°]|(?!\w))",
    re.IGNORECASE,
)
"""Begins with a digit and looks back afterwards, so that a search skips from digit to digit; ASCII digits only."""
_TIGHT = re.compile(r"([0-9])\s*[-–—/:x×*]\s*(?=[0-9])")
_WORDS = {
    word: float(value)
    for value, word in enumerate(
        words_of(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen twenty"
        )
    )
} | {"single": 1.0, "solitary": 1.0, "pair": 2.0, "both": 2.0, "bilateral": 2.0, "double": 2.0, "triple": 3.0}


class Quantity(NamedTuple):
    """A number in a text."""

    text: str
    """As written."""
    value: float
    """The bare number."""
    measure: tuple[str, float] | None
    """Kind of measure and value in its base unit (mm, ml, mg), where there is such a unit."""


def quantities(text: str) -> tuple[Quantity, ...]:
    """The numbers of a text that stand alone or with a unit; "T2", "C5" and "CD20" are names.

    Ranges and products ("5-7", "3 x 4 cm") give each of their numbers.
    """
    found = []
    for match in _NUMBER.finditer(_TIGHT.sub(r"\1 ; ", text)):
        # A float keeps seventeen digits, and a number with more is no measure: forty are enough to tell two apart.
        value = float(match[1].replace(",", "").replace("·", ".")[:40])
        unit = _UNITS.get((match[2] or "").lower())
        measure = (unit[0], round(value * unit[1], 6)) if unit else None
        found.append(Quantity(match.group().strip(), value, measure))
    return tuple(found)


def number_words(tokens: frozenset[str]) -> set[float]:
    """The numbers among levelled words: "three", "solitary", "both"."""
    return {_WORDS[token] for token in tokens & _WORDS.keys()}
