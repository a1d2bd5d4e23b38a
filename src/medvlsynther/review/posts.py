"""What the pages send: bounded in length, closed to unknown fields."""

from typing import Literal

from pydantic import Field

from medvlsynther.records import Record, Ruling
from medvlsynther.rules.reviews import Sameness

SLOWEST_ANSWER_S = 24 * 3600.0
"""Seconds after which nobody is believed to have sat before a question."""


class Draft(Record):
    """An edit that is not saved yet."""

    question: str = Field(max_length=20_000)
    """The stem."""
    options: tuple[str, ...] = Field(max_length=10)
    """Option texts in order."""
    key: str = Field(max_length=1)
    """Letter of the key."""


class Answered(Record):
    """A blind answer."""

    rater: str
    """Name of the reviewer."""
    place: int
    """Place of the item in the run, from 0."""
    letter: str | None = Field(default=None, max_length=1)
    """None where the reviewer would not answer."""
    seconds: float = Field(default=0.0, ge=0, le=SLOWEST_ANSWER_S)
    """Time until the answer."""


class Decided(Record):
    """A decision."""

    rater: str
    """Name of the reviewer."""
    place: int
    """Place of the item in the run, from 0."""
    decision: Literal["accept", "edit", "reject", "unsure"]
    """What is to become of the item."""
    tags: tuple[str, ...] = ()
    """What is wrong with the item, gravest first."""
    note: str = Field(default="", max_length=20_000)
    """In the reviewer's own words."""
    rulings: tuple[Ruling, ...] = Field(default=(), max_length=200)
    """Agreement with the verifier's marks."""
    seen: str = Field(max_length=64)
    """Hash of the wording that was shown."""
    draft: Draft | None = None
    """The words of an edit; nothing else has any."""


class Paired(Record):
    """A word on a pair of images."""

    rater: str
    """Name of the reviewer."""
    place: int
    """Place of the pair, from 0."""
    same: Sameness
    """Whether both show the same."""


class Tried(Record):
    """An edit to be linted."""

    place: int
    """Place of the item in the run, from 0."""
    draft: Draft
    """The words to be linted."""


class Undone(Record):
    """Whose last decision is taken back."""

    rater: str
    """Name of the reviewer."""
