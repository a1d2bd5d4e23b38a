"""Runs side by side: the same numbers of each in one table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from medvlsynther.report.facts import Facts
from medvlsynther.report.results import Results

NONE = "–"


@dataclass(frozen=True)
class Row:
    """One number of every run."""

    label: str
    cells: tuple[str, ...]
    heading: str = ""
    """Of the group that begins here."""

    @property
    def differs(self) -> bool:
        """Whether the runs differ in it."""
        return len(set(self.cells)) > 1


def beside(facts: Sequence[Facts], results: Sequence[Results | None]) -> list[Row]:
    """Every number that at least one run has, run by run."""
    rows = [*_totals(facts), *_criteria(facts), *_probes(facts), *_accuracies(results)]
    return [row for row in rows if any(cell != NONE for cell in row.cells)]


def _totals(facts: Sequence[Facts]) -> Iterator[Row]:
    def row(label: str, told: Callable[[Facts], str], heading: str = "") -> Row:
        return Row(label, tuple(map(told, facts)), heading)

    yield row("items at the end", lambda f: f"{f.items:,}" if f.items else NONE, "In short")
    yield row("judged", lambda f: f"{f.judged:,}" if f.judged else NONE)
    yield row("passed the rubric", lambda f: _interval(f) if f.judged else NONE)
    yield row("mean score", lambda f: f"{sum(f.scores) / len(f.scores):.4f}" if f.scores else NONE)
    yield row("prompt tokens", lambda f: _sum(f, "prompt_tokens"))
    yield row("reply tokens", lambda f: _sum(f, "reply_tokens"))
    yield row("spent", lambda f: f"{f.price:,.2f}" if f.price else NONE)
    yield row("an accepted item", lambda f: f"{f.price / f.items:,.4f}" if f.price and f.items else NONE)


def _interval(facts: Facts) -> str:
    low, high = facts.accepted.low, facts.accepted.high
    return f"{100 * facts.passed / facts.judged:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _sum(facts: Facts, name: str) -> str:
    total = sum(getattr(spent, name) for spent in facts.spent)
    return f"{total:,}" if total else NONE


def _criteria(facts: Sequence[Facts]) -> Iterator[Row]:
    known = [{worth.criterion: worth for worth in each.criteria} for each in facts]
    names = dict.fromkeys(name for each in known for name in each)
    for number, name in enumerate(names):
        worths = [each.get(name) for each in known]
        title = next(worth.title for worth in worths if worth)
        cells = tuple(f"{100 * worth.share:.1f} %" if worth else NONE for worth in worths)
        yield Row(title, cells, "" if number else "Judged items that meet a criterion")


def _probes(facts: Sequence[Facts]) -> Iterator[Row]:
    known = [{(probe.at, f"{probe.probe} {probe.name}"): probe for probe in each.probes} for each in facts]
    names = dict.fromkeys(name for each in known for name in each)
    for number, name in enumerate(names):
        probes = [each.get(name) for each in known]
        cells = tuple(
            f"{probe.value:.3f}{' above chance' if probe.failed else ''}" if probe else NONE for probe in probes
        )
        yield Row(" ".join(filter(None, reversed(name))), cells, "" if number else "Guessed by a shortcut")


def _accuracies(results: Sequence[Results | None]) -> Iterator[Row]:
    known = [{score.model: score for score in each.headlines} if each else {} for each in results]
    models = dict.fromkeys(model for each in known for model in each)
    for number, model in enumerate(models):
        scores = [each.get(model) for each in known]
        cells = tuple(f"{100 * s.value:.2f} %" if s and s.value is not None else NONE for s in scores)
        yield Row(model, cells, "" if number else "Right answers")
