"""What the evaluation of a run says: its tables as they were written, its plots, and one line a model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson
from markupsafe import Markup

from medvlsynther.evaluation.files import grids_of
from medvlsynther.evaluation.grids import Grid
from medvlsynther.evaluation.plots import plots
from medvlsynther.rules.scoring.scores import ITEMS, MACRO, Score
from medvlsynther.store.finished import Done, Run

OPEN_ROWS = 24
"""Rows up to which a table is open when the page is."""


@dataclass(frozen=True)
class Results:
    """An evaluation."""

    headlines: tuple[Score, ...]
    """Accuracy of each model: over the only set, or the mean over sets."""
    grids: tuple[Grid, ...]
    plots: tuple[Markup, ...]


def results(run: Run) -> Results | None:
    """The evaluation of a run; None where nothing was scored."""
    step = next(run.holding(Score), None)
    scores = list(run.last(Score) or ())
    if step is None or not scores:
        return None
    drawn = tuple(Markup(svg[svg.index("<svg") :]) for svg in plots(scores).values())
    return Results(tuple(_headlines(scores)), tuple(_grids(step, scores)), drawn)


def _headlines(scores: Sequence[Score]) -> Iterator[Score]:
    whole = [score for score in scores if score.measure == "accuracy" and not score.group]
    several = any(score.dataset == MACRO for score in whole)
    for score in whole:
        if score.dataset == MACRO or (not several and score.dataset != ITEMS):
            yield score


def _grids(step: Done, scores: Sequence[Score]) -> list[Grid]:
    """The tables of the step's report, with its notes on the sets; from the scores alone where it is gone."""
    try:
        written = orjson.loads((step.folder / "report.json").read_bytes())["tables"]
        return [Grid(t["title"], tuple(t["columns"]), tuple(map(tuple, t["rows"])), tuple(t["notes"])) for t in written]
    except (OSError, ValueError, KeyError, TypeError):
        return grids_of(scores)
