"""What a report tells of a run, counted in one pass over each table: numbers only, nothing drawn yet."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from medvlsynther.cards import Rubric
from medvlsynther.errors import UserError
from medvlsynther.records import Figure, Item, Label, Verdict
from medvlsynther.rules.lint import RULES
from medvlsynther.rules.probes import Probe
from medvlsynther.rules.rubric import Criterion, weigh
from medvlsynther.rules.stats import Interval, wilson
from medvlsynther.store.finished import Done, Run

Price = Callable[[Mapping[str, Any]], float]
"""What the replies behind a step cost, from its manifest."""

FUNNEL = ("articles.parquet", "figures.parquet", "items.parquet", "questions.parquet", "answers.parquet")
"""Tables whose rows are what becomes an item, or an answer; the others are written beside them."""

TOKENS = ("prompt_tokens", "cached_tokens", "image_tokens", "reply_tokens")
"""Kinds of tokens that a manifest counts."""

PUBLISHED_THRESHOLD = 0.967
"""Score from which an item is accepted where the run has no `filter` that says otherwise."""


@dataclass(frozen=True)
class Level:
    """One step of the funnel."""

    step: str
    rows: int
    rejects: tuple[tuple[str, int], ...]
    """Reasons with counts, commonest first."""

    @property
    def rejected(self) -> int:
        """Inputs that ended here."""
        return sum(count for _, count in self.rejects)


@dataclass
class Worth:
    """One criterion over all verdicts."""

    criterion: str
    title: str
    category: str
    weight: float
    met: int = 0
    judged: int = 0
    missing: int = 0
    """Verdicts without a mark for it."""
    alone: int = 0
    """Items that nothing but this criterion keeps out."""
    by: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Share of the judged items that met it, 0..1."""
        return self.met / self.judged if self.judged else 0.0


@dataclass(frozen=True)
class Spent:
    """What one model was asked in one step."""

    step: str
    model: str
    prompt_tokens: int
    cached_tokens: int
    image_tokens: int
    reply_tokens: int


@dataclass(frozen=True)
class LintCount:
    """How often a rule of the linter spoke."""

    rule: str
    levels: tuple[str, ...]
    """How grave what it found was."""
    definition: str
    warned: int
    """Accepted items that carry its note."""
    rejected: int
    """Items that it turned away."""


@dataclass
class Facts:
    """Everything that is counted."""

    run: Run
    funnel: tuple[Level, ...]
    items: int
    """Items of the last table."""
    judged: int = 0
    passed: int = 0
    """Verdicts with every essential criterion met and a score from the threshold on."""
    threshold: float = PUBLISHED_THRESHOLD
    scores: list[float] = field(default_factory=list)
    unscored: int = 0
    criteria: tuple[Worth, ...] = ()
    breakdowns: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    lint: tuple[LintCount, ...] = ()
    probes: tuple[Probe, ...] = ()
    spent: tuple[Spent, ...] = ()
    price: float = 0.0
    cards: tuple[tuple[str, str], ...] = ()
    """Every card behind the run, as "folder/name", and the SHA-256 of its text."""

    @property
    def accepted(self) -> Interval:
        """Interval of the share of judged items that passed."""
        return wilson(self.passed, self.judged)


def gather(run: Run, price: Price) -> Facts:
    """The facts of a run."""
    funnel = tuple(_levels(run.steps))
    facts = Facts(run, funnel, len(run.last(Item) or ()))
    facts.spent = tuple(_spent(run.steps))
    facts.price = sum(price(step.manifest) for step in run.steps)
    facts.cards = tuple(sorted({c: h for step in run.steps for c, h in step.manifest["cards"].items()}.items()))
    facts.probes = tuple(run.last(Probe) or ())
    _judge(run, facts)
    _break_down(run, facts)
    return facts


def _levels(steps: Iterable[Done]) -> Iterator[Level]:
    for step in steps:
        if step.manifest["table"] in FUNNEL or step.manifest["rejects"]:
            reasons = sorted(step.manifest["rejects"].items(), key=lambda pair: (-pair[1], pair[0]))
            yield Level(step.name, step.manifest["rows"], tuple(reasons))


def _spent(steps: Iterable[Done]) -> Iterator[Spent]:
    for step in steps:
        for model, tokens in step.manifest["usage"].items():
            yield Spent(
                step.name, model, **{name: tokens.get(name, 0) for name in Spent.__annotations__ if "_" in name}
            )


def _judge(run: Run, facts: Facts) -> None:
    """Scores, marks, and for each criterion what would be accepted without it."""
    settings: dict[str, Any] = next(
        (s.manifest["settings"] for s in reversed(run.steps) if s.manifest["stage"] == "filter"), {}
    )
    facts.threshold = settings.get("min_score", PUBLISHED_THRESHOLD)
    worths: dict[str, Worth] = {}
    card: Rubric | None = None
    for verdict in run.last(Verdict) or ():
        if not worths:
            card = _card(verdict)
            worths = {mark.criterion: _worth(mark.criterion, mark.weight, card) for mark in verdict.marks}
        _count(verdict, facts, worths)
        if card and not _sound(verdict, facts.threshold):
            for criterion in _lone(verdict, card, facts.threshold):
                worths[criterion].alone += 1
    facts.criteria = tuple(worths.values())


def _count(verdict: Verdict, facts: Facts, worths: dict[str, Worth]) -> None:
    facts.judged += 1
    facts.passed += _sound(verdict, facts.threshold)
    if verdict.score is None:
        facts.unscored += 1
    else:
        facts.scores.append(verdict.score)
    for mark in verdict.marks:
        worth = worths.setdefault(mark.criterion, _worth(mark.criterion, mark.weight, None))
        worth.judged += mark.by != "missing"
        worth.met += mark.passed
        worth.missing += mark.by == "missing"
        worth.by[mark.by] += 1


def _card(verdict: Verdict) -> Rubric | None:
    """The rubric's card, where it is still the one that was weighed."""
    try:
        card = Rubric.load(verdict.rubric)
    except UserError:
        return None
    return card if card.hash == verdict.rubric_hash else None


def _worth(criterion: str, weight: float, card: Rubric | None) -> Worth:
    known = next((each for each in card.criteria if each.id == criterion), None) if card else None
    return Worth(criterion, known.title if known else criterion, known.category if known else "", weight)


def _sound(verdict: Verdict, threshold: float) -> bool:
    return verdict.passed and verdict.score is not None and verdict.score >= threshold


def _lone(verdict: Verdict, card: Rubric, threshold: float) -> Iterator[str]:
    """The criteria without any one of which the item would be accepted."""
    essential = {each.id for each in card.criteria if each.category == "essential"}
    for failed in verdict.failed:
        if any(other in essential for other in verdict.failed if other != failed):
            continue
        rest: tuple[Criterion, ...] = tuple(each for each in card.criteria if each.id != failed)
        marks = [mark for mark in verdict.marks if mark.criterion != failed]
        again = weigh(
            rest,
            card.formula,
            marks,
            item_id=verdict.item_id,
            rubric=verdict.rubric,
            rubric_hash=verdict.rubric_hash,
            origin=verdict.origin,
        )
        if _sound(again, threshold):
            yield failed


def _break_down(run: Run, facts: Facts) -> None:
    """What the accepted items are about, and what the linter said."""
    figures = {f.figure_id: len(f.images) for f in run.last(Figure) or ()}
    warned: Counter[str] = Counter()
    levels: dict[str, set[str]] = defaultdict(set)
    for item in run.last(Item) or ():
        facts.breakdowns["Letter of the key"][item.answer] += 1
        facts.breakdowns["Images an item"][str(figures.get(item.figure_id, 0))] += 1
        warned.update({note.rule for note in item.notes})
        for note in item.notes:
            levels[note.rule].add(note.severity)
    for label in run.last(Label) or ():
        facts.breakdowns["Question type"][label.question_type] += 1
        facts.breakdowns["Modality"][label.modality] += 1
        facts.breakdowns["Anatomy"][label.anatomy] += 1
    stopped: Counter[str] = Counter()
    for step in run.steps:
        for reason, count in step.manifest["rejects"].items():
            if reason.startswith("lint_"):
                rule_id = reason.removeprefix("lint_").upper()
                stopped[rule_id] += count
                levels[rule_id].add("error")
    facts.lint = tuple(
        LintCount(rule.id, tuple(sorted(levels[rule.id])), rule.definition, warned[rule.id], stopped[rule.id])
        for rule in RULES.values()
        if warned[rule.id] or stopped[rule.id]
    )
