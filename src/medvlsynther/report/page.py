"""A run, or several side by side, as one offline page or as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jinja2
import orjson
from markupsafe import Markup

from medvlsynther import __version__
from medvlsynther.catalog import ASSETS
from medvlsynther.errors import MissingInput
from medvlsynther.records import Overlap
from medvlsynther.report import plots, samples
from medvlsynther.report.facts import Facts, Price, gather
from medvlsynther.rules.overlap.classes import KINDS
from medvlsynther.store.finished import Run

CURVES = "curves.jsonl"
"""Lines that a training step leaves in its folder: {"step": 1, "reward": 0.25, …}."""

CURVE_POINTS = 400
"""Points drawn of one curve; a longer one is thinned."""


@dataclass(frozen=True)
class Column:
    """Everything drawn of one run."""

    facts: Facts
    funnel: Markup
    scores: Markup | None
    criteria: Markup | None
    breakdowns: tuple[Markup, ...]
    probes: tuple[tuple[str, Markup], ...]
    """Where in the recipe, and the plot."""
    accepted: Sequence[samples.Sample] = ()
    rejected: Sequence[samples.Sample] = ()
    pairs: Sequence[samples.Pair] = ()
    audited: bool = False
    """Whether the run was compared with anything."""
    notes: tuple[str, ...] = field(default=())
    """What a reader has to know before reading on."""


def html(runs: Sequence[Run], price: Price) -> str:
    """One page that needs nothing else: styles, plots and pictures are inside it.

    Raises: MissingExtra without matplotlib; MissingInput where a run has no item yet.
    """
    columns = [_column(run, price) for run in runs]
    lines = [Markup(svg) for svg in _curves(runs)]
    return _PAGE.get_template("page.html.jinja").render(
        columns=columns,
        curves=lines,
        version=__version__,
        kinds=KINDS,
        title=" and ".join(run.name for run in runs),
        style=Markup((ASSETS / "report" / "page.css").read_text(encoding="utf-8")),
    )


def markdown(runs: Sequence[Run], price: Price) -> str:
    """The numbers of the page, without plots and pictures."""
    return _TEXT.get_template("page.md.jinja").render(facts=[gather(run, price) for run in runs], version=__version__)


def _column(run: Run, price: Price) -> Column:
    facts = gather(run, price)
    if not facts.funnel:
        raise MissingInput("There is nothing to report yet", where=run.name, mend=f"medvlsynther run {run.name}")
    accepted, rejected = samples.accepted(run), samples.rejected(run)
    places = dict.fromkeys(probe.at for probe in facts.probes)
    return Column(
        facts=facts,
        funnel=Markup(plots.funnel(facts.funnel)),
        scores=Markup(plots.scores(facts.scores, facts.threshold)) if facts.scores else None,
        criteria=Markup(plots.criteria(facts.criteria)) if facts.criteria else None,
        breakdowns=tuple(Markup(plots.breakdown(title, counts)) for title, counts in facts.breakdowns.items()),
        probes=tuple((at, Markup(plots.probes([p for p in facts.probes if p.at == at]))) for at in places),
        accepted=accepted,
        rejected=rejected,
        pairs=samples.pairs(run),
        audited=run.last(Overlap) is not None,
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


def _curves(runs: Sequence[Run]) -> list[str]:
    """A plot for each quantity that a training step noted, with a line for each run."""
    quantities: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for run in runs:
        for step in run.steps:
            file = step.folder / CURVES
            if not file.is_file():
                continue
            for line in file.read_bytes().splitlines():
                _note(quantities, f"{run.name} {step.name}", orjson.loads(line))
    return [plots.curve(name, {k: _thinned(v) for k, v in lines.items()}) for name, lines in sorted(quantities.items())]


def _note(quantities: dict[str, dict[str, list[tuple[float, float]]]], line: str, point: Mapping[str, object]) -> None:
    step = point.get("step")
    for name, value in point.items():
        if name != "step" and isinstance(value, (int, float)) and isinstance(step, (int, float)):
            quantities.setdefault(name, {}).setdefault(line, []).append((step, value))


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return points[:: 1 + len(points) // CURVE_POINTS]


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").replace("<", "&lt;").split())


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
    made.filters.update(cell=_cell, percent=_percent, count="{:,}".format)
    return made


_PAGE = _environment(autoescape=True)
_TEXT = _environment(autoescape=False)
