"""A report as files: the same tables as text, Markdown, LaTeX and JSON, and plots beside them."""

from collections.abc import Sequence
from pathlib import Path

import orjson

from medvlsynther.cards import PublishedScores
from medvlsynther.evaluation.grids import Grid, as_latex, as_markdown, as_text
from medvlsynther.evaluation.plots import plots
from medvlsynther.evaluation.tables import breakdowns, tables
from medvlsynther.records import Graded
from medvlsynther.rules.scoring.scores import Score

TEXT = "report.txt"


def write_report(
    folder: Path,
    scores: Sequence[Score],
    *,
    published: Sequence[PublishedScores] = (),
    more: Sequence[Grid] = (),
    grades: Sequence[Graded] = (),
) -> None:
    """Write report.txt, report.md, report.tex, report.json and the plots; `more` stands before the breakdowns.

    `grades` are written one a line, where they stand in no table of a store.
    """
    folder.mkdir(parents=True, exist_ok=True)
    grids = grids_of(scores, published, more)
    texts = {
        TEXT: as_text(grids),
        "report.md": as_markdown(grids),
        "report.tex": as_latex(grids),
        **plots(scores),
    }
    for name, text in texts.items():
        (folder / name).write_text(f"{text}\n", encoding="utf-8")
    content = {
        "scores": [score.model_dump() for score in scores],
        "published": [{"card": card.name, **card.model_dump()} for card in published],
        "tables": [grid._asdict() for grid in grids],
    }
    if grades:
        lines = b"".join(orjson.dumps(grade.model_dump()) + b"\n" for grade in grades)
        (folder / "grades.jsonl").write_bytes(lines)
    (folder / "report.json").write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def grids_of(
    scores: Sequence[Score], published: Sequence[PublishedScores] = (), more: Sequence[Grid] = ()
) -> list[Grid]:
    """All tables of a report in order; `more` stands before the breakdowns."""
    return [*tables(scores, published), *(grid for grid in more if grid.rows), *breakdowns(scores)]
