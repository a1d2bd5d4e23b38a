"""`medvlsynther run`."""

from typing import Annotated

import typer

from medvlsynther.cli._printing import After, Ref, Sets, SiteFile, StoreFolder, err, grid, recipe_of, say, site_of
from medvlsynther.errors import ShareDone


def run(
    recipe: Ref,
    sets: Sets = None,
    site: SiteFile = None,
    store: StoreFolder = None,
    after: After = None,
    shard: Annotated[
        str | None, typer.Option(help="Do share i of n, as in 0/3; several processes do the rest.")
    ] = None,
    max_cost: Annotated[float | None, typer.Option(help="Stop once fresh replies cost more than this.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Stop once fresh replies used more tokens than this.")] = None,
) -> None:
    """Run a recipe: every step that is not done yet.

    Killed or interrupted, run it again: finished steps are kept and no answered request is asked twice.

    Examples:

        medvlsynther run quickstart

        medvlsynther run audited --set collect.path=articles --set generate.model=lexical --set verify.model=lexical

        medvlsynther run medsynvqa@5k --site cluster.yaml

        medvlsynther run quickstart --shard 0/3
    """
    from medvlsynther.pipeline.runner import run as run_recipe
    from medvlsynther.pipeline.summary import datasets, funnel, reports
    from medvlsynther.progress import Budget
    from medvlsynther.store.shares import Share

    where = site_of(site, store)
    budget = Budget(max_cost, max_tokens)
    share = Share.parse(shard) if shard else None
    try:
        finished = run_recipe(recipe_of(recipe, sets, after), where, budget=budget, console=err, share=share)
    except ShareDone as done:
        say(str(done))
        return
    grid(
        ("stage", "rows", "rejected", "reasons", ""),
        (
            (
                f.step.name,
                f.manifest["rows"],
                sum(f.manifest["rejects"].values()),
                funnel(f.manifest),
                "" if f.fresh else "kept",
            )
            for f in finished
        ),
        numbers=("rows", "rejected"),
    )
    for folder in datasets(where, finished):
        say(f"Data set: {folder}", style="bold")
    for folder, text in reports(where, finished):
        say()
        say(text)
        say(f"Report: {folder}", style="bold")
