"""Tables as text, Markdown and LaTeX."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tabulate import tabulate


class Grid(NamedTuple):
    """A table ready to be printed."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    """Lines below it."""


def as_text(grids: Iterable[Grid]) -> str:
    """Plain text for a terminal."""
    return "\n\n".join(
        "\n".join((grid.title, *_drawn(grid, "simple"), *(f"  {note}" for note in grid.notes))) for grid in grids
    )


def as_markdown(grids: Iterable[Grid]) -> str:
    """GitHub's Markdown."""
    return "\n\n".join(
        "\n\n".join((f"## {_plain(grid.title)}", *_drawn(_escaped(grid), "github"), *map(_plain, grid.notes)))
        for grid in grids
    )


def as_latex(grids: Iterable[Grid]) -> str:
    """LaTeX with the booktabs package."""
    return "\n\n".join(
        "\n".join((f"% {grid.title}", *_drawn(grid, "latex_booktabs"), *(f"% {note}" for note in grid.notes)))
        for grid in grids
    )


def _drawn(grid: Grid, form: str) -> tuple[str, ...]:
    if not grid.rows:
        return ()
    align = ["left", *["right"] * (len(grid.columns) - 1)]
    return (tabulate(_rows(grid), grid.columns, tablefmt=form, disable_numparse=True, colalign=align),)


def _rows(grid: Grid) -> Sequence[Sequence[str]]:
    return [[" ".join(cell.split()) for cell in row] for row in grid.rows]


def _escaped(grid: Grid) -> Grid:
    return grid._replace(
        columns=tuple(map(_plain, grid.columns)), rows=tuple(tuple(map(_plain, row)) for row in grid.rows)
    )


def _plain(text: str) -> str:
    """Text that Markdown takes for text: names come from files of others."""
    for mark in "\\`*_<|":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.replace("](", "]\\(").split())
