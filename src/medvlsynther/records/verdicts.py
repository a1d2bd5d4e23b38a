"""What is said of items: by verifiers, criterion by criterion, and by reviewers."""

from typing import Literal

from medvlsynther.records._base import Record
from medvlsynther.records.items import Origin


class Mark(Record):
    """What one criterion of a rubric gave."""

    criterion: str
    """Id of the criterion."""
    passed: bool
    """Met; for a penalty: not triggered."""
    score: float
    """Points earned (negative for a triggered penalty)."""
    weight: float
    """Points that could be earned (or lost)."""
    by: Literal["code", "model", "missing"]
    """Who decided."""
    note: str = ""
    """The verifier's few words."""
    probability: float | None = None
    """How likely the verifier found it met, 0..1; None where its replies carry no chances."""


class Opinion(Record):
    """What a second verifier, of another family, said of an item."""

    model: str
    """Name of its model card."""
    passed: bool | None
    """Whether it found all essential criteria met; None where its reply could not be had or read."""
    score: float | None = None
    """Its score, 0..1."""
    failed: tuple[str, ...] = ()
    """Ids of the criteria that it found not met."""


class Verdict(Record):
    """A rubric weighed on one item."""

    item_id: str
    """The item."""
    marks: tuple[Mark, ...]
    """One mark a criterion, in the rubric's order."""
    passed: bool
    """All essential criteria met."""
    score: float | None
    """0..1 by the rubric's formula; None where it cannot be formed."""
    failed: tuple[str, ...] = ()
    """Ids of the criteria that were not met."""
    second: Opinion | None = None
    """The second verifier's opinion, where one was asked."""
    rubric: str
    """Name of the rubric card."""
    rubric_hash: str
    """SHA-256 of the rubric card's text."""
    origin: Origin
    """The verifier."""


class Ruling(Record):
    """Whether a reviewer agrees with one mark of a rubric."""

    criterion: str
    """Id of the criterion."""
    marked: bool
    """What the mark says: met or not."""
    agrees: bool
    """Whether the reviewer says so too."""


class Decision(Record):
    """What one reviewer said of an item in the end."""

    item_id: str
    """The item."""
    rater: str
    """Name of the reviewer."""
    decision: Literal["accept", "edit", "reject", "unsure"]
    """What is to become of it."""
    tags: tuple[str, ...] = ()
    """What is wrong with it, in snake_case, gravest first: "wrong_key", "not_from_image", …"""
    note: str = ""
    """In the reviewer's own words."""
    answer: str | None = None
    """Letter chosen before the key was shown; None where the reviewer did not answer."""
    correct: bool | None = None
    """Whether that letter was the key."""
    seconds: float | None = None
    """Time until the answer."""
    rulings: tuple[Ruling, ...] = ()
    """Agreement with the marks that the reviewer ruled on."""
    seen: str
    """Hash of the wording that was reviewed: a decision speaks about no other."""
    question: str | None = None
    """The stem as edited; None where nothing was."""
    options: tuple[str, ...] = ()
    """The options as edited."""
    key: str | None = None
    """Letter of the key as edited."""
