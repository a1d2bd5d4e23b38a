"""The first figures of each category, so that no more are asked about than are needed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from medvlsynther.context import Context
from medvlsynther.records import Figure
from medvlsynther.store.table import Table

VERSION = 1


def run(ctx: Context, figures: Table[Figure], *, of: dict[str, int]) -> Iterator[Figure]:
    """The first `of[category]` figures of each category in input order; figures without a category stand under "".

    Where a recipe has `enough`, it is put in and its numbers are found by the runner. Rejects: not_needed.
    """
    taken: Counter[str] = Counter()
    for figure in figures:
        category = figure.category or ""
        if taken[category] < of.get(category, 0):
            taken[category] += 1
            yield figure
        else:
            ctx.reject(figure.figure_id, "not_needed")


def expect(rows: int | None, settings: Mapping[str, Any]) -> int | None:
    """At most so many figures."""
    most = sum(map(int, settings["of"].values()))
    return most if rows is None else min(rows, most)
