"""Published sets of questions, and the published tables about them."""

from typing import ClassVar

from pydantic import Field

from medvlsynther.cards._base import Card
from medvlsynther.records import Record


class Benchmark(Card):
    """A published set of questions: where it is, how its own files are read, and what is known to be wrong with it."""

    FOLDER: ClassVar[str] = "benchmarks"

    title: str
    """As its authors call it."""
    repo: str
    """Hub id of the authors' own files."""
    revision: str | None = None
    """Commit of those files, where fixed."""
    split: str = "test"
    """Split that is evaluated."""
    format: str
    """Module of `questions/formats` that reads the authors' own files."""
    served_as: str
    """`dataset_name` of its rows in the joint evaluation set."""
    served_repo: str = "UCSC-VLAA/MedVLThinker-Eval"
    """Hub id of that joint set."""
    count: int
    """Questions of the evaluated part."""
    select: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Which of the authors' own rows are evaluated: column to values, as text, case-blind."""
    files: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Split to patterns of the authors' own files, where their names do not tell it."""
    licence: str
    """SPDX identifier, or "unknown"."""
    faults: tuple[str, ...] = ()
    """What a reader of a score has to know."""


class PublishedRow(Record):
    """One model's row of a published table."""

    model: str
    """As the table names it."""
    percent: dict[str, float]
    """Benchmark card to accuracy in percent."""
    average: float | None = None
    """The mean over data sets as printed."""
    protocol: str = ""
    """How it was asked and graded, where that differs from the other rows."""


class PublishedScores(Card):
    """A published table, to stand beside our own rows."""

    FOLDER: ClassVar[str] = "published"

    protocol: str
    """How its rows came about, and what a reader has to know before comparing."""
    rows: tuple[PublishedRow, ...]
    """Its rows, in its order."""
