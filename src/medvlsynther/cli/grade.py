"""`medvlsynther grade`."""

from pathlib import Path
from typing import Annotated

import typer

from medvlsynther.cli._printing import say
from medvlsynther.rules.scoring.marking import Grader


def run(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Results: jsonl, json, tsv, csv or xlsx of any known harness.")
    ],
    grader: Annotated[Grader, typer.Option(help="Our grader, or a published one to compare with.")] = "default",
    out: Annotated[Path | None, typer.Option(help="Folder for the report, its plots and every grade.")] = None,
) -> None:
    """Grade replies that some harness wrote, or grade them anew; several files are compared question by question.

    Examples:

        medvlsynther grade outputs/Qwen2.5-VL-7B-Instruct/eval_results.jsonl

        medvlsynther grade ours.jsonl theirs.jsonl --grader released --out report
    """
    from medvlsynther.evaluation.files import write_report
    from medvlsynther.evaluation.regrading import by_model, regrade

    done = regrade(by_model(files), grader)
    say(done.text)
    if out is not None:
        write_report(out, done.scores, published=done.published, more=done.notes, grades=done.grades)
        say(f"Report: {out}", style="bold")
