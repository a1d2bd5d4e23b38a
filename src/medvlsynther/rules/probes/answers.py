"""What models' answers say about a set: answers without the image, and the analysis of items from rollouts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medvlsynther.records import LETTERS, Item, Record
from medvlsynther.rules.probes._core import Measure, Probe, Table
from medvlsynther.rules.stats import paired_bootstrap

Condition = Literal["real", "blind", "choices_only", "caption_only", "shuffled_image", "blank_image", "circular"]
_GATED: frozenset[Condition] = frozenset({"blind", "choices_only", "shuffled_image", "blank_image"})
"""Conditions without the image: a right answer needs another way. A caption is no flaw: it holds the facts."""
_FUNCTIONAL = 0.05
_EXTREME = 0.27
_GOOD_DIFFICULTY, _GOOD_DISCRIMINATION = (0.30, 0.70), 0.2


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of one model to one item."""

    item_id: str
    examinee: str
    """Model, or model and rollout: "glm-4.5v/3"."""
    condition: Condition
    letter: str | None
    """As graded, in the letters of the item as stored; None where no answer could be read."""


class ItemStatistics(Record):
    """How one item behaved."""

    item_id: str
    """The item."""
    answers: int
    """Answers given to it, unreadable ones included."""
    difficulty: float
    """Share of right answers, 0..1: the p-value of item analysis."""
    discrimination: float | None
    """Share right in the best 27 % of examinees (by their other items) less that in the worst; None below four."""
    point_biserial: float | None
    """Correlation of right with the rest score; None where either does not vary."""
    functional_distractors: int
    """Distractors that 5 % of the answers or more chose."""
    distractors: int
    """Distractors there are."""


_Sheets = Mapping[tuple[str, str], list[str | None]]
"""Letters by item and examinee."""


def _sheets(responses: Iterable[Response], condition: Condition) -> _Sheets:
    sheets: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    for response in responses:
        if response.condition == condition:
            sheets[response.item_id, response.examinee].append(response.letter)
    return sheets


def _right(table: Table) -> dict[str, str]:
    return {row.item.item_id: row.item.answer for row in table.rows}


def _credit(sheets: _Sheets, right: Mapping[str, str], *, all_of_them: bool) -> dict[str, float]:
    """For each item the mean over examinees of the share right; with `all_of_them`, of having every answer right."""
    found: dict[str, list[float]] = defaultdict(list)
    for (item, _), letters in sheets.items():
        if item in right:
            hits = [letter == right[item] for letter in letters]
            found[item].append(float(all(hits)) if all_of_them else fmean(hits))
    return {item: fmean(shares) for item, shares in found.items()}


def _condition(table: Table, sheets: _Sheets, condition: Condition) -> Probe | None:
    credit = _credit(sheets, _right(table), all_of_them=condition == "circular")
    rows = [row for row in table.rows if row.item.item_id in credit]
    if not rows:
        return None
    asked = Table(rows, table.setting)
    values = np.array([credit[row.item.item_id] for row in rows])
    name = "every rotation right" if condition == "circular" else f"models, {condition.replace('_', ' ')}"
    return asked.judge("P14", name, values, gated=condition in _GATED)


def _reliance(table: Table, real: _Sheets, shuffled: _Sheets) -> Probe | None:
    """Accuracy with the image less that with another one, and the share of answers that changed."""
    right = _right(table)
    both = [pair for pair in real if pair in shuffled]
    with_image = _credit({pair: real[pair] for pair in both}, right, all_of_them=False)
    without = _credit({pair: shuffled[pair] for pair in both}, right, all_of_them=False)
    rows = [row for row in table.rows if row.item.item_id in with_image]
    if not rows:
        return None
    names = [row.item.item_id for row in rows]
    gap = paired_bootstrap(
        [with_image[name] for name in names],
        [without[name] for name in names],
        [row.article_id for row in rows],
        seed=table.setting.seed,
    )
    changed = fmean(Counter(real[pair]) != Counter(shuffled[pair]) for pair in both if pair[0] in right)
    return Probe(
        probe="P14",
        name="reliance on the image",
        value=gap.value,
        chance=None,
        low=gap.low,
        high=gap.high,
        items=len(rows),
        gated=False,
        failed=False,
        measures=(Measure(name="answers_changed", value=changed),),
    )


def conditions(table: Table, responses: Sequence[Response]) -> Iterator[Probe]:
    """P14: accuracy of models under each condition that was tried; gated where they saw no image, or not the right one.

    An unreadable answer is wrong. With the real and a shuffled image also the difference, and the share of answers
    that change.
    """
    tried: tuple[Condition, ...] = tuple(dict.fromkeys(response.condition for response in responses))
    sheets = {condition: _sheets(responses, condition) for condition in sorted(tried)}
    for condition, found in sheets.items():
        probe = _condition(table, found, condition)
        if probe:
            yield probe
    if "real" in sheets and "shuffled_image" in sheets:
        probe = _reliance(table, sheets["real"], sheets["shuffled_image"])
        if probe:
            yield probe


# ------------------------------------------------------------------------------------------------ item analysis


def _matrix(sheets: _Sheets, items: Sequence[str], right: Mapping[str, str]) -> NDArray[np.float64]:
    """Share right by item and examinee; NaN where one did not sit an item."""
    examinees = {name: column for column, name in enumerate(sorted({examinee for _, examinee in sheets}))}
    places = {name: place for place, name in enumerate(items)}
    matrix = np.full((len(items), len(examinees)), np.nan)
    for (item, examinee), letters in sheets.items():
        if item in places:
            matrix[places[item], examinees[examinee]] = fmean(letter == right[item] for letter in letters)
    return matrix


def _discrimination(own: NDArray[np.float64], rest: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """D of the extreme groups, and the correlation, of an item's results with the rest scores."""
    if len(own) < 4:
        return None, None
    order = np.argsort(rest, kind="stable")
    size = max(1, round(_EXTREME * len(own)))
    spread = float(own.std() * rest.std())
    # Rounding leaves a trace of deviation where there is none.
    related = float(((own - own.mean()) * (rest - rest.mean())).mean() / spread) if spread > 1e-12 else None
    return float(own[order[-size:]].mean() - own[order[:size]].mean()), related


def item_statistics(table: Table, responses: Sequence[Response]) -> tuple[ItemStatistics, ...]:
    """Classical item analysis of the answers given with the real image, for the items that have any, in order.

    Source: the bands and the 5 % rule for distractors as used in BMC Medical Education 2024.
    """
    sheets, right = _sheets(responses, "real"), _right(table)
    sat = {item for item, _ in sheets}
    rows = [row for row in table.rows if row.item.item_id in sat]
    matrix = _matrix(sheets, [row.item.item_id for row in rows], right)
    totals, counts = np.nansum(matrix, axis=0), (~np.isnan(matrix)).sum(axis=0)
    votes: dict[str, Counter[str | None]] = defaultdict(Counter)
    for (name, _), letters in sheets.items():
        votes[name].update(letters)
    found = []
    for row, results in zip(rows, matrix, strict=True):
        there = ~np.isnan(results) & (counts > 1)
        rest = (totals[there] - results[there]) / (counts[there] - 1)
        found.append(_statistics(row.item, votes[row.item.item_id], *_discrimination(results[there], rest)))
    return tuple(found)


def _statistics(
    item: Item, votes: Counter[str | None], discrimination: float | None, related: float | None
) -> ItemStatistics:
    others = [letter for letter in LETTERS[: len(item.options)] if letter != item.answer]
    return ItemStatistics(
        item_id=item.item_id,
        answers=votes.total(),
        difficulty=votes[item.answer] / votes.total(),
        discrimination=discrimination,
        point_biserial=related,
        functional_distractors=sum(votes[letter] >= _FUNCTIONAL * votes.total() for letter in others),
        distractors=len(others),
    )


def _kr20(matrix: NDArray[np.float64]) -> float | None:
    """Reliability of the examinees' total scores over items that all of them sat; None where totals do not vary."""
    whole = matrix[~np.isnan(matrix).any(axis=1)]
    items = len(whole)
    spread = float(whole.sum(axis=0).var()) if items > 1 else 0.0
    if spread <= 1e-12:
        return None
    share = whole.mean(axis=1)
    return items / (items - 1) * (1 - float((share * (1 - share)).sum()) / spread)


def item_analysis(table: Table, responses: Sequence[Response]) -> Iterator[Probe]:
    """P15: mean difficulty of the items; with the shares of items of good difficulty (.30 to .70) and discrimination
    (D of .2 or more), mean point-biserial, the share of distractors that work, and KR-20 over the examinees.
    """
    found = item_statistics(table, responses)
    if not found:
        return
    low, high = _GOOD_DIFFICULTY
    measures = {
        "good_difficulty_share": fmean(low <= item.difficulty <= high for item in found),
        "functional_distractor_share": sum(item.functional_distractors for item in found)
        / sum(item.distractors for item in found),
    }
    sharp = [item.discrimination for item in found if item.discrimination is not None]
    if sharp:
        measures["good_discrimination_share"] = fmean(value >= _GOOD_DISCRIMINATION for value in sharp)
    related = [item.point_biserial for item in found if item.point_biserial is not None]
    if related:
        measures["point_biserial_mean"] = fmean(related)
    names = {item.item_id for item in found}
    sat = Table([row for row in table.rows if row.item.item_id in names], table.setting)
    matrix = _matrix(_sheets(responses, "real"), [item.item_id for item in found], _right(table))
    reliability = _kr20(matrix)
    if reliability is not None:
        measures["kr20"] = reliability
    values = np.array([item.difficulty for item in found])
    yield sat.judge("P15", "difficulty for models", values, gated=False, measures=list(measures.items()))
