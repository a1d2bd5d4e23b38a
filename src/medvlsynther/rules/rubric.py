"""Rubrics: criteria, the verifier's reply in three forms, and three formulas that weigh it in code.

A reply is read into one mark a criterion whatever its form; the model only says what is met, points come from the
card. The published formula is the exception: it takes the reply's own titles, weights and scores, as the published
numbers do.

Reasons of ReplyError, besides those of the JSON reader: insufficient_evidence, refused, bad_schema, unknown_criterion.

Source: the published scores as in `released_rubric`; the bonus-only formula arXiv 2510.25867.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Literal

from pydantic import TypeAdapter

from medvlsynther.errors import ReplyError
from medvlsynther.records import Item, Mark, Origin, Record, Verdict
from medvlsynther.rules._decided import DECIDERS
from medvlsynther.rules._words import squeeze
from medvlsynther.rules.mcq import read_object, refuse_error
from medvlsynther.rules.released_rubric import effect, is_pitfall, own_full, own_title

Category = Literal["essential", "bonus", "penalty"]
By = Literal["code", "model", "missing"]
Form = Literal["keyed", "bare", "list", "label"]
"""`keyed`: {id: {note, pass}}; `bare`: {id: pass}; `list`: {"rubric": [{title, category, weight, score, notes}]};
`label`: one word a criterion, each asked for on its own (`label_reads`)."""
Formula = Literal["released", "paper", "strict"]
"""`released`: the published code. `paper`: bonus points only, over the bonus criteria that were judged. `strict`: fixed
criteria and weights."""

_MARKS = TypeAdapter(tuple[Mark, ...])

OTHER = "other:"
"""Before the title of a mark that belongs to no criterion; only the published formula keeps such marks."""

_UNJUDGED = object()
_LONGEST_NOTE = 300
_LONGEST_TITLE = 200
_NUMBERED = re.compile(r"^[\s*_#>`(\[-]*(?:[a-z]?\d{1,3}|[ivx]{1,4}(?=[.):]))[.):\]\s-]+", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[+-]?\d{1,6}(?:\.\d{1,6})?\s*")
_PASSES = {"true": True, "pass": True, "passed": True, "yes": True, "met": True}
_PASSES |= {"false": False, "fail": False, "failed": False, "no": False, "not met": False}


class Criterion(Record):
    """One thing that an item has to be."""

    id: str
    """Name in keyed replies, verdicts and reports, snake_case."""
    title: str
    """Title in published replies and in tables."""
    category: Category
    """Essential criteria gate, bonus criteria add points, penalties cost points when triggered."""
    weight: float
    """Points, positive; of a penalty: the points that it costs."""
    text: str
    """What has to hold, as the verifier reads it; of a penalty: what must not be, said positively."""
    decided_by: Literal["code", "model"] = "model"
    """Who marks it; what code can decide is never paid for."""
    aliases: tuple[str, ...] = ()
    """Other titles under which it may come back."""

    @property
    def possible(self) -> float:
        """Points that can be earned; negative for a penalty: that can be lost."""
        return -self.weight if self.category == "penalty" else self.weight

    @cached_property
    def plain(self) -> tuple[Mark, Mark]:
        """The marks that a model gives without a note: not passed, passed. Most marks are one of these two."""
        return self.mark(False, "model"), self.mark(True, "model")

    @cached_property
    def unjudged(self) -> Mark:
        """The mark of a criterion that nobody judged."""
        return self.mark(False, "missing", "not judged")

    @cached_property
    def unreadable(self) -> Mark:
        """The mark of a criterion whose mark cannot be read."""
        return self.mark(False, "missing", "unreadable mark")

    @cached_property
    def judged(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fields of the marks that a model gives, but for the note: not passed, passed."""
        return self._facts(False, "model"), self._facts(True, "model")

    def mark(self, passed: bool, by: By, note: str = "") -> Mark:
        """The mark that the card gives; nothing is lost where nothing was judged."""
        return Mark(**self._facts(passed, by), note=note)

    def _facts(self, passed: bool, by: By) -> dict[str, Any]:
        lost = self.category == "penalty" and not passed and by != "missing"
        earned = self.category != "penalty" and passed
        points = self.possible
        score = points if earned or lost else 0.0
        return {"criterion": self.id, "passed": passed, "score": score, "weight": points, "by": by}


def level_title(title: str) -> str:
    """A title without case, numbering, markup, dashes and blanks: what two spellings of it share."""
    return _level(title[:_LONGEST_TITLE])


@lru_cache(maxsize=2048)
def _level(title: str) -> str:
    return squeeze(_NUMBERED.sub("", title))


def asked(criteria: Sequence[Criterion]) -> tuple[Criterion, ...]:
    """The criteria that the model decides."""
    return tuple(each for each in criteria if each.decided_by == "model")


def reply_schema(criteria: Sequence[Criterion], form: Form) -> dict[str, Any]:
    """The JSON schema of the verifier's reply, in the subset that every guided decoder knows."""
    if form == "list":
        fields = {
            "title": {"type": "string", "enum": [each.title for each in asked(criteria)]},
            "category": {"type": "string", "enum": ["Essential", "Important", "Optional", "Pitfall"]},
            "weight": {"type": "integer"},
            "score": {"type": "integer"},
            "notes": {"type": "string"},
        }
        return _object({"rubric": {"type": "array", "items": _object(fields)}})
    passed: dict[str, Any] = {"type": "boolean"}
    value = passed if form == "bare" else _object({"note": {"type": "string"}, "pass": passed})
    return _object({each.id: value for each in asked(criteria)})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def code_marks(criteria: Sequence[Criterion], item: Item) -> tuple[Mark, ...]:
    """The marks of the criteria that code decides, in the card's order."""
    decided = [(each, DECIDERS[each.id](item)) for each in criteria if each.decided_by == "code"]
    return tuple(each.mark(not fault, "code", fault) for each, fault in decided)


def decidable(criterion: Criterion) -> bool:
    """Whether code knows how to decide a criterion."""
    return criterion.id in DECIDERS


# ----------------------------------------------------------------------------------------------- reading


def read_marks(reply: str, criteria: Sequence[Criterion], *, formula: Formula = "strict") -> tuple[Mark, ...]:
    """One mark for each criterion that the model decides, in the card's order, whatever the form of the reply.

    A criterion that the reply leaves out, or marks in a way that cannot be read, gets a mark that is not passed and
    says so. A keyed reply with a criterion that the card does not know is refused; a list may hold more, as published.
    For the `released` formula a list's marks keep their own titles, weights and scores.

    Raises: ReplyError with the reasons of this module.
    """
    wanted = asked(criteria)
    found = read_object(reply, required=_required(reply, wanted))
    refuse_error(found)
    if "rubric" not in found:
        return _keyed(found, wanted)
    items = found["rubric"]
    if not isinstance(items, list):
        raise ReplyError("bad_schema", "rubric is not a list")
    judged = [item for item in items if isinstance(item, dict)]
    if not judged:
        raise ReplyError("bad_schema", "no marks")
    return _as_released(judged, wanted) if formula == "released" else _listed(judged, wanted)


def _required(reply: str, wanted: Sequence[Criterion]) -> tuple[str, ...]:
    return () if '"rubric"' in reply or '"error"' in reply else tuple(each.id for each in wanted)


def _keyed(found: Mapping[str, Any], wanted: Sequence[Criterion]) -> tuple[Mark, ...]:
    if not found:
        raise ReplyError("bad_schema", "no marks")
    given: dict[str, object] = {each.id: found[each.id] for each in wanted if each.id in found}
    if len(given) < len(found):
        given = _by_other_names(found, wanted)
    return _MARKS.validate_python([_keyed_facts(each, given) for each in wanted])


def _by_other_names(found: Mapping[str, Any], wanted: Sequence[Criterion]) -> dict[str, object]:
    known = _by_title(wanted)
    given: dict[str, object] = {}
    for key, value in found.items():
        criterion = known.get(level_title(key))
        if criterion is None or criterion.id in given:
            raise ReplyError("unknown_criterion", key)
        given[criterion.id] = value
    return given


def _keyed_facts(criterion: Criterion, given: Mapping[str, object]) -> Mark | dict[str, Any]:
    """The mark that a reply gives, or its fields."""
    value = given.get(criterion.id, _UNJUDGED)
    if isinstance(value, bool):
        return criterion.plain[value]
    if value is _UNJUDGED:
        return criterion.unjudged
    note = ""
    if isinstance(value, dict):
        note, value = _note(value.get("note", value.get("notes", ""))), value.get("pass")
    if isinstance(value, str):
        value = _PASSES.get(value.strip().lower())
    if not isinstance(value, bool):
        return criterion.unreadable
    return {**criterion.judged[value], "note": note} if note else criterion.plain[value]


def _by_title(wanted: Sequence[Criterion]) -> dict[str, Criterion]:
    return {level_title(name): each for each in wanted for name in (each.id, each.title, *each.aliases)}


def _note(value: object) -> str:
    return value.strip()[:_LONGEST_NOTE] if isinstance(value, str) else ""


def _listed(items: Sequence[Mapping[str, Any]], wanted: Sequence[Criterion]) -> tuple[Mark, ...]:
    known = _by_title(wanted)
    given: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        title = item.get("title")
        criterion = known.get(level_title(title)) if isinstance(title, str) else None
        if criterion is not None:
            given.setdefault(criterion.id, []).append(item)
    if not given:
        raise ReplyError("unknown_criterion", ", ".join(str(item.get("title")) for item in items[:5]))
    return tuple(_listed_mark(each, given.get(each.id, ())) for each in wanted)


def _listed_mark(criterion: Criterion, items: Sequence[Mapping[str, Any]]) -> Mark:
    """Of a criterion that stands twice, every mark has to pass."""
    if not items:
        return criterion.unjudged
    judged = [_full(criterion, item) for item in items]
    note = next((note for item in items if (note := _note(item.get("notes", item.get("note", ""))))), "")
    if None in judged:
        return criterion.unreadable
    return criterion.mark(all(judged), "model", note)


def _full(criterion: Criterion, item: Mapping[str, Any]) -> bool | None:
    """Full marks on the reply's own scale; a penalty: not triggered, whatever its sign. None where unreadable."""
    score = _number(item.get("score"))
    if criterion.category == "penalty":
        return None if score is None else score == 0
    weight = _number(item.get("weight"))
    return None if score is None or weight is None else 0 < weight <= score


def _number(value: object) -> float | None:
    """A number, or a text that is nothing but one; `5/5`, "five", true and NaN are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _as_released(items: Sequence[Mapping[str, Any]], wanted: Sequence[Criterion]) -> tuple[Mark, ...]:
    """A mark an item, with the reply's own numbers; titles are compared as published, by case alone."""
    known = {each.title.lower(): each.id for each in wanted}
    marks = []
    for item in items:
        title = own_title(item)
        weight, score = effect(item)
        pitfall = is_pitfall(item)
        marks.append(
            Mark(
                criterion=known.get(title.lower()) or f"{OTHER}{title[:_LONGEST_NOTE]}",
                passed=score == 0 if pitfall else own_full(item),
                score=score,
                weight=weight,
                by="model",
                note=_note(item.get("notes", "")),
            )
        )
    return tuple(marks)


# ---------------------------------------------------------------------------------------------- weighing


def weigh(
    criteria: Sequence[Criterion],
    formula: Formula,
    marks: Sequence[Mark],
    *,
    item_id: str,
    rubric: str,
    rubric_hash: str,
    origin: Origin,
) -> Verdict:
    """The verdict on one item: a mark for every criterion (the missing ones say so), what failed, and the score."""
    given = {mark.criterion: mark for mark in marks}
    complete = [given.get(each.id) or each.unjudged for each in criteria]
    failed = [mark.criterion for mark in complete if not mark.passed]
    return Verdict(
        item_id=item_id,
        marks=(*complete, *[mark for mark in marks if mark.criterion.startswith(OTHER)]),
        passed=not failed or not any(each.id in failed for each in criteria if each.category == "essential"),
        score=_score(criteria, formula, marks if formula == "released" else complete),
        failed=tuple(failed),
        rubric=rubric,
        rubric_hash=rubric_hash,
        origin=origin,
    )


def _score(criteria: Sequence[Criterion], formula: Formula, marks: Sequence[Mark]) -> float | None:
    """Points earned less points lost over the points possible, 0..1; None where none were possible.

    `strict` counts every criterion of the card, `released` the marks that came, `paper` the bonus criteria judged.
    """
    if formula == "paper":
        essential = {each.id for each in criteria if each.category == "essential"}
        marks = [mark for mark in marks if mark.criterion not in essential and mark.by != "missing"]
    possible = sum([mark.weight for mark in marks if mark.weight > 0])
    if possible <= 0:
        return None
    return max(0.0, min(1.0, sum([mark.score for mark in marks]) / possible))
