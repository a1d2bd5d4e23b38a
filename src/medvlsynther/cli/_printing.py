"""What verbs share: options, and how things look on a terminal.

Captions, replies and names come from outside: they are printed as plain text, never as markup.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from medvlsynther.pipeline.recipe import Recipe, load_recipe
from medvlsynther.pipeline.rounds import planned
from medvlsynther.pipeline.site import Site, load_site
from medvlsynther.store.finished import Run, finished
from medvlsynther.store.layout import Store

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="STAGE.KEY=VALUE", help="Change one setting; may be given several times."),
]
SiteFile = Annotated[
    str | None, typer.Option("--site", metavar="FILE", help="Site file (default: medvlsynther.yaml, if it is there).")
]
StoreFolder = Annotated[str | None, typer.Option("--store", metavar="DIR", help="Store folder (default: the site's).")]
After = Annotated[
    str | None, typer.Option("--after", metavar="RECIPE", help="Recipe that runs first and whose tables are read.")
]
Ref = Annotated[str, typer.Argument(metavar="RECIPE", help="Name, name@variant, or the path of a .yaml file.")]

# A file or a pipe is given every line whole, since a folded word is lost to a search.
out = Console(width=None if sys.stdout.isatty() else 100_000)
err = Console(stderr=True)


def complain(message: str) -> None:
    """One line on standard error."""
    err.print(Text(f"error: {message}"), soft_wrap=True)


def say(line: str = "", style: str = "") -> None:
    """One line of plain text."""
    out.print(Text(line, style=style), soft_wrap=True)


def grid(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "", numbers: Sequence[str] = ()) -> None:
    """A table without its empty columns; those of `numbers` stand to the right; they and the first are never broken."""
    lines = [["" if cell is None else str(cell) for cell in row] for row in rows]
    shown = [place for place in range(len(columns)) if not lines or any(line[place] for line in lines)]
    table = Grid(
        title=Text(title) if title else None, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in (columns[place] for place in shown):
        whole = column in numbers or column == columns[0]
        side: Literal["left", "right"] = "right" if column in numbers else "left"
        table.add_column(column, justify=side, header_style="bold", overflow="fold", no_wrap=whole)
    for line in lines:
        table.add_row(*(Text(line[place]) for place in shown))
    out.print(table)


def site_of(site: str | None, store: str | None) -> Site:
    """The site file's settings with the command line's store."""
    settings = load_site(site)
    return (settings.model_copy(update={"store": store}) if store else settings).located()


def store_of(site: str | None, store: str | None) -> Store:
    """The store that a verb looks into."""
    return Store(Path(site_of(site, store).store))


def recipe_of(ref: str, sets: list[str] | None, after: str | None) -> Recipe:
    """The recipe with the command line's settings."""
    return load_recipe(ref, after=after, sets=sets or ())


def run_of(where: Site, ref: str, sets: list[str] | None, after: str | None) -> Run:
    """What is finished of a recipe in the site's store.

    Raises: MissingInput where nothing is.
    """
    store = Store(Path(where.store))
    steps = planned(recipe_of(ref, sets, after), store)
    return finished(store, ref, [(step.name, step.id) for step in steps])
