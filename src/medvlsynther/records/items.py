"""Items: what is asked about a figure, who wrote it, what it is about, and what was noted on its way."""

from typing import Literal

from medvlsynther.records._base import LETTERS, Record


class Origin(Record):
    """Which prompt and model made something: names for people, hashes for machines."""

    prompt: str
    """Name of the prompt card."""
    prompt_hash: str
    """SHA-256 of the prompt card's text."""
    model: str
    """Name of the model card."""
    model_hash: str
    """SHA-256 of the model card's text."""


class LintNote(Record):
    """One thing a lint rule found."""

    rule: str
    """Rule id, e.g. "CUE1"."""
    severity: Literal["error", "warn", "info", "quarantine"]
    """Errors reject; the others travel with the item."""
    detail: str = ""
    """What was found, in a few words."""


class Trial(Record):
    """How often a model reached the key of an item, under which view of it."""

    view: str
    """What the model saw: "stem" (stem and options, no image), "options", "caption", "image" (everything)."""
    model: str
    """Name of the model card."""
    asked: int
    """Answers that could be read or not: rotations times rollouts."""
    right: int
    """Answers that were the key."""
    unknown: int = 0
    """Calls that failed for good: never taken for a wrong or a right answer."""


class Item(Record):
    """One multiple-choice question about one figure."""

    item_id: str
    """"<figure_id>#<number>", kept from generation to the published row."""
    figure_id: str
    """The figure it asks about."""
    question: str
    """The stem."""
    options: tuple[str, ...]
    """Option texts in order; the n-th belongs to the n-th letter."""
    answer: str
    """Letter of the key."""
    reasoning: str | None = None
    """A chain of thought that ends in the key, where `explain` wrote one."""
    notes: tuple[LintNote, ...] = ()
    """Lint warnings."""
    trials: tuple[Trial, ...] = ()
    """What `blind` and `solve` counted."""
    parent: str | None = None
    """Item that this one repairs; both stay in their tables."""
    origin: Origin
    """Who wrote it."""

    @property
    def key(self) -> str:
        """Text of the right option."""
        return self.options[LETTERS.index(self.answer)]

    @property
    def lettered(self) -> dict[str, str]:
        """Letter to option text, in order."""
        return dict(zip(LETTERS, self.options, strict=False))


class Label(Record):
    """What an item is about, from the vocabulary cards."""

    item_id: str
    """The item."""
    question_type: str
    """One of the seven types, or "other"."""
    modality: str
    """One of the modalities, or "other"."""
    anatomy: str
    """One of the regions, or "other"."""
    by: str
    """"lexicon" or the name of the model card."""
