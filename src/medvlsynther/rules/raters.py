"""How well reviewers answer, how far they agree with each other, and how far with the verifier."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

import numpy as np

from medvlsynther.fingerprint import draw
from medvlsynther.records import Decision
from medvlsynther.rules.reviews import by_item
from medvlsynther.rules.stats import Interval, cohen_kappa, gwet_ac1, krippendorff_alpha, wilson

REPLICATES = 300
"""Bootstrap samples of items: enough for two digits, few enough for a page that is asked for often."""

KEPT = {"accept": "keep", "edit": "keep", "reject": "reject", "unsure": None}
"""What a decision says of the item as it was written: an edited one is kept."""

Unit = tuple[Hashable | None, ...]
Statistic = Callable[[Sequence[Unit]], float | None]


@dataclass(frozen=True)
class Share:
    """A share with its interval."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """0..1; None where nothing was counted."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> Interval:
        """Wilson's, 95 %."""
        return wilson(self.part, self.whole)


@dataclass(frozen=True)
class Estimate:
    """A measure of agreement with a bootstrap interval over items."""

    name: str
    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Rater:
    """One reviewer."""

    name: str
    decided: int
    kept: Share
    right: Share
    """Blind answers that were the key."""
    seconds: float | None
    """Median time to an answer."""


@dataclass(frozen=True)
class Agreement:
    """How far some reviewers agree."""

    raters: tuple[str, ...]
    items: int
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class Against:
    """The rubric's marks on one criterion against the reviewers', where "not met" is what is looked for."""

    criterion: str
    items: int
    agreed: Share
    precision: Share
    """Of what the rubric finds not met: what the reviewers find not met."""
    recall: Share
    """Of what the reviewers find not met: what the rubric finds not met."""
    ac1: float | None


def raters(decisions: Iterable[Decision]) -> list[Rater]:
    """Each reviewer, by name."""
    found: dict[str, list[Decision]] = {}
    for decision in decisions:
        found.setdefault(decision.rater, []).append(decision)
    return [_rater(name, found[name]) for name in sorted(found)]


def _rater(name: str, decisions: list[Decision]) -> Rater:
    said = [KEPT[each.decision] for each in decisions if KEPT[each.decision]]
    answers = [each.correct for each in decisions if each.correct is not None]
    times = [each.seconds for each in decisions if each.seconds is not None]
    return Rater(
        name,
        len(decisions),
        Share(said.count("keep"), len(said)),
        Share(answers.count(True), len(answers)),
        median(times) if times else None,
    )


def agreements(decisions: Sequence[Decision]) -> list[Agreement]:
    """Every two reviewers who share items, then all of them where they are more than two."""
    names = sorted({each.rater for each in decisions})
    groups: list[tuple[str, ...]] = list(combinations(names, 2))
    if len(names) > 2:
        groups.append(tuple(names))
    found = []
    for group in groups:
        units = _units(decisions, group)
        if units:
            measures = MEASURES if len(group) == 2 else MEASURES[-1:]
            found.append(Agreement(group, len(units), tuple(_estimate(name, of, units) for name, of in measures)))
    return found


def _units(decisions: Sequence[Decision], names: Sequence[str]) -> list[Unit]:
    """What each of these reviewers said of the items that at least two of them judged."""
    units: list[Unit] = []
    for said in by_item(decisions).values():
        by_rater = {each.rater: KEPT[each.decision] for each in said}
        unit = tuple(by_rater.get(name) for name in names)
        if sum(label is not None for label in unit) > 1:
            units.append(unit)
    return units


def _estimate(name: str, statistic: Statistic, units: Sequence[Unit]) -> Estimate:
    """The measure with the percentiles of a bootstrap over items, drawn from the items' number alone."""
    chance = np.random.Generator(np.random.PCG64(draw(len(units), "agreement", name)))
    samples = (
        statistic([units[place] for place in chance.integers(0, len(units), len(units))]) for _ in range(REPLICATES)
    )
    values = [value for value in samples if value is not None]
    if len(values) < REPLICATES // 2:
        return Estimate(name, statistic(units), None)
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(name, statistic(units), Interval(float(low), float(high)))


def _raw(units: Sequence[Unit]) -> float | None:
    return sum(unit[0] == unit[1] for unit in units) / len(units) if units else None


def _kappa(units: Sequence[Unit]) -> float | None:
    return cohen_kappa([unit[0] for unit in units], [unit[1] for unit in units])


def _ac1(units: Sequence[Unit]) -> float | None:
    return gwet_ac1([unit[0] for unit in units], [unit[1] for unit in units])


MEASURES: tuple[tuple[str, Statistic], ...] = (
    ("agreement", _raw),
    ("Cohen's kappa", _kappa),
    ("Gwet's AC1", _ac1),
    ("Krippendorff's alpha", krippendorff_alpha),
)


def against_rubric(decisions: Iterable[Decision]) -> list[Against]:
    """Each criterion that reviewers ruled on."""
    pairs: dict[str, list[tuple[bool, bool]]] = {}
    for decision in decisions:
        for ruling in decision.rulings:
            human = ruling.marked if ruling.agrees else not ruling.marked
            pairs.setdefault(ruling.criterion, []).append((ruling.marked, human))
    return [_against(criterion, seen) for criterion, seen in pairs.items()]


def _against(criterion: str, seen: list[tuple[bool, bool]]) -> Against:
    both = seen.count((False, False))
    flagged = sum(not mark for mark, _ in seen)
    flawed = sum(not human for _, human in seen)
    return Against(
        criterion,
        len(seen),
        Share(sum(mark == human for mark, human in seen), len(seen)),
        Share(both, flagged),
        Share(both, flawed),
        gwet_ac1([mark for mark, _ in seen], [human for _, human in seen]),
    )


def against_verdicts(decisions: Iterable[Decision], passed: Callable[[str], bool | None]) -> Against:
    """The verifier's word on whole items against the reviewers'; `passed` gives the former by item id."""
    seen = []
    for decision in decisions:
        human, machine = KEPT[decision.decision], passed(decision.item_id)
        if human is not None and machine is not None:
            seen.append((machine, human == "keep"))
    return _against("the item as a whole", seen)
