"""What reviewers did, entry by entry, and what it amounts to: decisions in force, and what becomes of each item."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from pydantic import Field

from medvlsynther.fingerprint import text_hash
from medvlsynther.records import LETTERS, Decision, Item, Overlap, Record, Ruling

TAGS: Mapping[str, str] = {
    "wrong_key": "the key is wrong",
    "several_keys": "more than one option is right",
    "not_from_image": "cannot be answered from the image",
    "no_image_needed": "can be answered without the image",
    "wrong_panel": "asks about another panel or mark",
    "weak_distractors": "a wrong option can be struck out unseen",
    "not_supported": "the source does not say so",
    "unclear": "the stem is unclear",
    "clinically_wrong": "clinically wrong or outdated",
    "identifiable": "shows who the patient is",
    "bad_image": "the image is unusable",
    "licence": "the licence does not allow it",
}
"""What can be wrong with an item, and how it reads."""

Sameness = Literal["same", "different", "unsure"]
"""What a reviewer says of a pair of images."""


class Entry(Record):
    """One line of a reviewer's log. Nothing is ever changed in a log: an undo is a further line."""

    kind: Literal["answer", "decision", "undo", "pair"]
    """What happened."""
    item_id: str
    """The item; for a pair, "<left id> | <right id>"."""
    at: float = 0.0
    """When, in seconds since 1970: for people, no result depends on it."""
    letter: str | None = None
    """Of an answer."""
    correct: bool | None = None
    """Of an answer: whether it was the key."""
    seconds: float | None = None
    """Of an answer: how long it took."""
    decision: Literal["accept", "edit", "reject", "unsure"] | None = None
    """Of a decision."""
    tags: tuple[str, ...] = ()
    """Of a decision."""
    note: str = Field(default="", max_length=20_000)
    """Of a decision."""
    rulings: tuple[Ruling, ...] = ()
    """Of a decision."""
    seen: str = ""
    """Hash of the wording that was looked at."""
    question: str | None = None
    """Of an edit."""
    options: tuple[str, ...] = ()
    """Of an edit."""
    key: str | None = None
    """Of an edit."""
    same: Sameness | None = None
    """Of a pair: whether the two images are the same."""


@dataclass
class Sheet:
    """A reviewer's log, folded."""

    rater: str
    answers: dict[str, Entry] = field(default_factory=dict)
    """Item to the first answer: later ones were given with the key in sight."""
    stack: list[Entry] = field(default_factory=list)
    """Decisions and pairs that stand, oldest first."""

    def add(self, entry: Entry) -> None:
        """Take one more line into account."""
        if entry.kind == "answer":
            self.answers.setdefault(entry.item_id, entry)
        elif entry.kind == "undo":
            # What was said of this item last, even where another window of the same reviewer said more since.
            said = (place for place in reversed(range(len(self.stack))) if self.stack[place].item_id == entry.item_id)
            place = next(said, None)
            if place is not None:
                del self.stack[place]
        else:
            self.stack.append(entry)

    def latest(self, kind: str) -> dict[str, Entry]:
        """The entries of a kind in force, by item."""
        return {entry.item_id: entry for entry in self.stack if entry.kind == kind}

    def decisions(self) -> list[Decision]:
        """What stands in the end, in the order of the items' first decisions."""
        return [self._decision(entry) for entry in self.latest("decision").values()]

    def _decision(self, entry: Entry) -> Decision:
        answer = self.answers.get(entry.item_id)
        return Decision(
            item_id=entry.item_id,
            rater=self.rater,
            decision=entry.decision or "unsure",
            tags=entry.tags,
            note=entry.note,
            answer=answer.letter if answer else None,
            correct=answer.correct if answer else None,
            seconds=answer.seconds if answer else None,
            rulings=entry.rulings,
            seen=entry.seen,
            question=entry.question,
            options=entry.options,
            key=entry.key,
        )


def wording(item: Item) -> str:
    """Hash of what an item says: stem, options in any order, and which of them is the key."""
    return text_hash("\x1f".join((item.question, *sorted(item.options), "", item.key)))[:16]


@dataclass(frozen=True)
class Outcome:
    """What becomes of an item."""

    kept: bool
    reason: str = ""
    """Of an item that leaves: counted code in snake_case."""
    detail: str = ""
    edited: Decision | None = None
    """The decision whose words replace the item's."""


def settle(decisions: Sequence[Decision]) -> Outcome | None:
    """What reviewers together make of an item; None where none of them could tell.

    It leaves where at least as many reject it as keep it, for the gravest tag of the first who rejects it; different
    edits by two reviewers cannot both hold, so it leaves as well.
    """
    against = [each for each in decisions if each.decision == "reject"]
    keeping = [each for each in decisions if each.decision in ("accept", "edit")]
    if not against and not keeping:
        return None
    if len(against) >= max(1, len(keeping)):
        tag = next((tag for each in against for tag in each.tags), "rejected")
        return Outcome(False, f"review_{tag}", "; ".join(map(_told, against)))
    edits = [each for each in keeping if each.decision == "edit"]
    if len({(each.question, each.options, each.key) for each in edits}) > 1:
        return Outcome(False, "review_conflict", "; ".join(map(_told, edits)))
    return Outcome(True, edited=edits[0] if edits else None)


def _told(decision: Decision) -> str:
    words = ", ".join(decision.tags)
    return f"{decision.rater}: {words}{': ' if words and decision.note else ''}{decision.note}"


def pair_id(pair: Overlap) -> str:
    """Name of a pair of images in logs."""
    left = f"{pair.train_set}:{pair.train_id}[{pair.train_image}]"
    return f"{left} | {pair.test_set}:{pair.test_id}[{pair.test_image}]"


def edited(item: Item, decision: Decision, taken: Collection[str]) -> Item:
    """The item in a reviewer's words, with the next number that is not `taken`, and its parent named.

    Thoughts, counts and lint notes were about the old words, so they go.
    """
    stem, _, number = item.item_id.rpartition("#")
    following = count(int(number) + 1) if stem and number.isdecimal() else count(1)
    names = (f"{stem or item.item_id}#{each}" for each in following)
    return item.model_copy(
        update={
            "item_id": next(name for name in names if name not in taken),
            "parent": item.item_id,
            "question": decision.question if decision.question is not None else item.question,
            "options": decision.options or item.options,
            "answer": decision.key or item.answer,
            "reasoning": None,
            "notes": (),
            "trials": (),
        }
    )


def sound(question: str, options: Sequence[str], key: str) -> bool:
    """Whether an edit is still a question with 2 to 10 options and a key."""
    return (
        bool(question.strip())
        and 2 <= len(options) <= len(LETTERS)
        and all(option.strip() for option in options)
        and len(key) == 1
        and key in LETTERS[: len(options)]
    )


def by_item(decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
    """The decisions on each item, in order."""
    found: dict[str, list[Decision]] = {}
    for decision in decisions:
        found.setdefault(decision.item_id, []).append(decision)
    return found
