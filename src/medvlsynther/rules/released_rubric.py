"""What the published script says of a verified row, on the reply's own titles, weights and scores.

Source: UCSC-VLAA/MedVLSynther 9df6f3b, synthesis/anotate_rubric_score.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from medvlsynther.errors import ReplyError
from medvlsynther.records import Record


class Released(Record):
    """What the published script says of a verified row."""

    evaluable: bool
    """False where the row holds an error or no rubric; nothing else is said then."""
    weight: int = 0
    """Points that could be earned, on the reply's own scale."""
    earned: int = 0
    """Points earned."""
    penalty: int = 0
    """Points lost; a penalty given with a positive sign is passed over."""
    normalized: float | None = None
    """0..1; None where no points could be earned."""
    passed: bool | None = None
    """All seven essentials stand there with full marks; None where not evaluable."""
    reasons: tuple[str, ...] = ()
    """Why it did not pass, in the script's words."""

    @property
    def final(self) -> int:
        """Points earned less points lost."""
        return self.earned - self.penalty


def released_weigh(row: Mapping[str, Any], essentials: Sequence[str]) -> Released:
    """A row as the published script weighs it; `essentials` are the titles that it asks for.

    Raises: ReplyError bad_schema where the script would have crashed (an item that is no object).
    """
    verification = row.get("rubric_verification")
    nested = verification if isinstance(verification, dict) else {}
    items = row.get("rubric") if isinstance(row.get("rubric"), list) else nested.get("rubric")
    if "error" in nested or not isinstance(items, list) or not items:
        return Released(evaluable=False)
    if not all(isinstance(item, dict) for item in items):
        raise ReplyError("bad_schema", "an item of the rubric is no object")
    effects = [effect(item) for item in items]
    weight = sum(weight for weight, _ in effects if weight > 0)
    earned = sum(score for _, score in effects if score > 0)
    penalty = -sum(score for _, score in effects if score < 0)
    reasons = _reasons(items, essentials)
    normalized = None if weight <= 0 else max(0.0, min(1.0, (earned - penalty) / weight))
    return Released(
        evaluable=True,
        weight=weight,
        earned=earned,
        penalty=penalty,
        normalized=normalized,
        passed=not reasons,
        reasons=reasons,
    )


def _reasons(items: Sequence[Mapping[str, Any]], essentials: Sequence[str]) -> tuple[str, ...]:
    by_title = {title.lower(): item for item in items if (title := own_title(item))}
    missing = [title for title in essentials if title.lower() not in by_title]
    short = [title for title in essentials if title not in missing and not own_full(by_title[title.lower()])]
    named = (("missing_titles", missing), ("essential_not_full", short))
    return tuple(f"{reason}:{';'.join(titles)}" for reason, titles in named if titles)


def own_title(item: Mapping[str, Any]) -> str:
    """The title of an item of a reply."""
    return str(item.get("title", "")).strip()


def _whole(value: Any) -> int:
    """What `int()` makes of anything, 0 where it makes nothing."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def is_pitfall(item: Mapping[str, Any]) -> bool:
    """Whether an item can only cost points."""
    return str(item.get("category", "")).strip().lower() == "pitfall"


def own_full(item: Mapping[str, Any]) -> bool:
    """Whether an item has exactly its own weight."""
    weight = _whole(item.get("weight", 0))
    return weight > 0 and _whole(item.get("score", 0)) == weight


def effect(item: Mapping[str, Any]) -> tuple[int, int]:
    """What an item adds to the points possible and to the points earned (negative: lost)."""
    weight, score = _whole(item.get("weight", 0)), _whole(item.get("score", 0))
    if is_pitfall(item):
        return 0, min(score, 0)
    return (weight, max(0, min(score, weight))) if weight > 0 else (0, 0)
