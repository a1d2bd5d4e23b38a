"""`medvlsynther show`."""

from typing import Annotated, Any

import orjson
import typer

from medvlsynther.cli._printing import After, Ref, Sets, SiteFile, StoreFolder, grid, recipe_of, say, store_of
from medvlsynther.errors import MissingInput, UnknownName
from medvlsynther.pipeline.desk import REJECTS
from medvlsynther.pipeline.lineage import head
from medvlsynther.pipeline.rounds import planned


def run(
    recipe: Ref,
    stage: Annotated[
        str | None, typer.Argument(help="Stage to look into (default: the last one that is done).")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Rows to print.")] = 5,
    rejects: Annotated[bool, typer.Option("--rejects", help="Print rejects instead of rows.")] = False,
    sets: Sets = None,
    site: SiteFile = None,
    store: StoreFolder = None,
    after: After = None,
) -> None:
    """Print rows of a step and its reject reasons with counts.

    Examples:

        medvlsynther show quickstart generate

        medvlsynther show quickstart lint --rejects --limit 20
    """
    place = store_of(site, store)
    steps = planned(recipe_of(recipe, sets, after), place)
    known = [step.name for step in steps]
    if stage is not None and stage not in known:
        raise UnknownName(stage, f"stages of {recipe}", known)
    done = [step for step in steps if place.manifest(step.id) and stage in (None, step.name)]
    if not done:
        raise MissingInput(f"{stage or 'No step'} is not done yet", where=recipe, mend=f"medvlsynther run {recipe}")
    step = done[-1]
    manifest = place.manifest(step.id) or {}
    say(f"{step.id}: {manifest['rows']:,} rows in {place.step(step.id) / step.table}", style="bold")
    _reasons(manifest)
    table = REJECTS if rejects else step.table
    for row in head(place.step(step.id) / table, limit):
        say(orjson.dumps(row, option=orjson.OPT_INDENT_2).decode())


def _reasons(manifest: dict[str, Any]) -> None:
    if manifest["rejects"]:
        ordered = sorted(manifest["rejects"].items(), key=lambda pair: (-pair[1], pair[0]))
        grid(("rejected because", "count"), ordered, numbers=("count",))
