"""Closed lists of terms."""

from typing import ClassVar

from medvlsynther.cards._base import Card
from medvlsynther.records import Term


class Vocabulary(Card):
    """A closed list of terms: modalities, anatomy, findings, categories, question types."""

    FOLDER: ClassVar[str] = "vocab"

    terms: tuple[Term, ...]
    """The entries, in the card's order."""
