"""`medvlsynther batch`."""

from typing import Annotated, Literal

import typer

from medvlsynther.cli._printing import Sets, SiteFile, StoreFolder, err, grid, recipe_of, say, site_of
from medvlsynther.errors import BadSetting


def run(
    action: Annotated[Literal["submit", "poll", "collect"], typer.Argument(help="What to do.")],
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="Recipe whose requests are submitted.")] = "",
    sets: Sets = None,
    site: SiteFile = None,
    store: StoreFolder = None,
) -> None:
    """Ask models through a batch service: half the price, a day's notice, the same ledger.

    `submit` runs a recipe up to the first replies that are not there, and hands their requests over; `poll` says how
    far the batches are; `collect` takes the replies that are there. Then `submit` again, until nothing is missing. A
    model without a base_url in the site file gets files for `vllm run-batch` instead: put its output beside them as
    results.jsonl.

    Examples:

        medvlsynther batch submit medsynvqa@5k --site openai.yaml

        medvlsynther batch poll

        medvlsynther batch collect
    """
    from pathlib import Path

    from medvlsynther.batch import desk
    from medvlsynther.pipeline.batching import batch_folder, write

    where = site_of(site, store)
    folder = batch_folder(where)
    if action == "submit":
        if not recipe:
            raise BadSetting("No recipe", where="batch submit", mend="Name the recipe whose requests are submitted")
        complete = write(recipe_of(recipe, sets, None), where, console=err)
        found = list(desk.submit(folder, where.endpoint))
        if complete:
            say("Nothing is missing: the recipe is done.", style="bold")
    elif action == "poll":
        found = list(desk.poll(folder, where.endpoint))
    else:
        found = list(desk.collect(folder, Path(where.store) / "replies", where.endpoint))
    grid(
        ("batch", "requests", "state", "taken", "failed", "where"),
        (
            (b.folder.name, b.state["requests"], b.word, b.taken, desk.told(b.failed), b.state["job"] or b.folder)
            for b in found
        ),
        numbers=("requests", "taken"),
    )
