"""`medvlsynther report`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from medvlsynther.cli._printing import After, Sets, SiteFile, StoreFolder, run_of, say, site_of


def run(
    recipes: Annotated[list[str], typer.Argument(metavar="RECIPE…", help="One recipe, or several side by side.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write (default: report-<recipe>.html).")
    ] = None,
    form: Annotated[Literal["html", "md"], typer.Option("--format", help="html or md.")] = "html",
    sets: Sets = None,
    site: SiteFile = None,
    store: StoreFolder = None,
    after: After = None,
) -> None:
    """Draw a run as one self-contained page: funnel, rubric, content, lint, shortcuts, contamination, cost, samples.

    Examples:

        medvlsynther report quickstart

        medvlsynther report medsynvqa@5k medsynvqa@5k-glm-glm --out writers.html

        medvlsynther report quickstart --format md
    """
    from medvlsynther.pipeline.summary import spent
    from medvlsynther.report import page
    from medvlsynther.store.layout import write_aside

    where = site_of(site, store)
    runs = [run_of(where, recipe, sets, after) for recipe in recipes]
    draw = page.html if form == "html" else page.markdown
    text = draw(runs, lambda manifest: spent(where, manifest))
    names = "-and-".join("".join(c if c.isalnum() or c in "-_@." else "_" for c in each.name) for each in runs)
    file = out or Path(f"report-{names}.{form}")
    write_aside(file, text.encode("utf-8", "replace"))
    say(f"Report: {file} ({len(text) / 1e6:.1f} MB)", style="bold")
