"""A run, or several side by side, as one offline page or as Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import jinja2
from markupsafe import Markup

from medvlsynther import __version__
from medvlsynther.catalog import ASSETS
from medvlsynther.evaluation.grids import as_markdown
from medvlsynther.report import plots, samples
from medvlsynther.report.beside import beside
from medvlsynther.report.contamination import Contamination, contamination
from medvlsynther.report.facts import TOKENS, Facts, Price, gather
from medvlsynther.report.results import OPEN_ROWS, Results, results
from medvlsynther.report.training import Curves, curves
from medvlsynther.rules.overlap.classes import KINDS
from medvlsynther.store.finished import Run


@dataclass(frozen=True)
class Column:
    """Everything drawn of one run."""

    facts: Facts
    funnel: Markup | None
    scores: Markup | None
    criteria: Markup | None
    breakdowns: tuple[Markup, ...]
    probes: tuple[tuple[str, Markup], ...]
    """Where in the recipe, and the plot."""
    results: Results | None = None
    overlap: Contamination | None = None
    """None where the run was not compared with anything."""
    accepted: Sequence[samples.Sample] = ()
    rejected: Sequence[samples.Sample] = ()
    notes: tuple[str, ...] = field(default=())
    """What a reader has to know before reading on."""


SECTIONS = {
    "beside": "Side by side",
    "results": "Evaluation",
    "curves": "Training",
    "funnel": "Funnel",
    "rubric": "Rubric",
    "content": "Content",
    "lint": "Lint",
    "probes": "Shortcuts",
    "overlap": "Contamination",
    "cost": "Cost",
    "accepted": "Accepted",
    "rejected": "Rejected",
}
"""Anchor of a section to its name in the list at the top."""

OF_ITEMS = ("rubric", "content", "lint", "probes", "overlap", "accepted", "rejected")
"""Sections that say so where a run with items has nothing for them; other runs go without."""


def html(runs: Sequence[Run], price: Price) -> str:
    """One page that needs nothing else: styles, plots and pictures are inside it.

    Raises: MissingExtra without matplotlib.
    """
    columns = [_column(run, price) for run in runs]
    trained = curves(runs)
    rows = beside([column.facts for column in columns], [column.results for column in columns])
    return _PAGE.get_template("page.html.jinja").render(
        columns=columns,
        sections={name: SECTIONS[name] for name in _sections(columns, trained)},
        rows=rows,
        curves=[Markup(plots.curve(title, lines)) for title, lines in trained.titled],
        unread=trained.unread,
        open_rows=OPEN_ROWS,
        version=__version__,
        kinds=KINDS,
        tokens=TOKENS,
        title=" and ".join(run.name for run in runs),
        style=Markup((ASSETS / "report" / "page.css").read_text(encoding="utf-8")),
    )


def _sections(columns: Sequence[Column], trained: Curves) -> Iterator[str]:
    """The sections that have something to say."""
    items = any(column.facts.items for column in columns)
    said = {
        "beside": len(columns) > 1,
        "funnel": any(column.funnel for column in columns),
        "rubric": any(column.criteria for column in columns),
        "content": any(column.breakdowns for column in columns),
        "lint": any(column.facts.lint for column in columns),
        "probes": any(column.probes for column in columns),
        "overlap": any(column.overlap for column in columns),
        "results": any(column.results for column in columns),
        "curves": bool(trained.lines or trained.unread),
        "cost": True,
        "accepted": any(column.accepted for column in columns),
        "rejected": any(column.rejected for column in columns),
    }
    return (name for name in SECTIONS if said[name] or (items and name in OF_ITEMS))


def markdown(runs: Sequence[Run], price: Price) -> str:
    """The numbers of the page, without plots and pictures."""
    facts = [gather(run, price) for run in runs]
    scored = [results(run) for run in runs]
    return _TEXT.get_template("page.md.jinja").render(
        runs=list(zip(facts, scored, (contamination(run) for run in runs), strict=True)),
        rows=beside(facts, scored) if len(runs) > 1 else (),
        version=__version__,
    )


def _column(run: Run, price: Price) -> Column:
    facts = gather(run, price)
    accepted, rejected = samples.accepted(run), samples.rejected(run)
    places = dict.fromkeys(probe.at for probe in facts.probes)
    return Column(
        facts=facts,
        funnel=Markup(plots.funnel(facts.funnel)) if facts.funnel else None,
        scores=Markup(plots.scores(facts.scores, facts.threshold)) if facts.scores else None,
        criteria=Markup(plots.criteria(facts.criteria)) if facts.criteria else None,
        breakdowns=tuple(Markup(plots.breakdown(title, counts)) for title, counts in facts.breakdowns.items()),
        probes=tuple((at, Markup(plots.probes([p for p in facts.probes if p.at == at]))) for at in places),
        results=results(run),
        overlap=contamination(run),
        accepted=accepted,
        rejected=rejected,
        notes=tuple(_notes(facts, [*accepted, *rejected])),
    )


def _notes(facts: Facts, shown: Sequence[samples.Sample]) -> list[str]:
    found = []
    if facts.run.to_do:
        found.append(f"This run is not finished. Still to do: {', '.join(facts.run.to_do)}.")
    if any(sample.figure and sample.figure.synthetic for sample in shown):
        found.append("Figures of this run are drawings made by a program: no patient, no finding.")
    if any(sample.item.origin.model == "lexical" for sample in shown):
        found.append("Questions were written by fixed rules over vocabulary lists (the lexical engine), by no model.")
    missing = sum(bool(picture.fault) for sample in shown for picture in sample.pictures)
    if missing:
        found.append(f"{missing} of the images shown here cannot be had from the store.")
    return found


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").replace("<", "&lt;").split())


def _words(code: str) -> str:
    """A code as people read it: "same_article" as "same article"."""
    return code.replace("_", " ")


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _environment(*, autoescape: bool) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS / "report"),
        undefined=jinja2.StrictUndefined,
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(cell=_cell, percent=_percent, count="{:,}".format, words=_words, grids=as_markdown)
    return made


_PAGE = _environment(autoescape=True)
_TEXT = _environment(autoescape=False)
