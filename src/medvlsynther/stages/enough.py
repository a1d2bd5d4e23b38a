"""So many accepted items a category, and no more are made than that takes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from medvlsynther.context import Context
from medvlsynther.records import Figure, Item
from medvlsynther.store.table import Table, along

VERSION = 1


def run(
    ctx: Context, items: Table[Item], figures: Table[Figure], *, each: Annotated[int, Field(ge=1)]
) -> Iterator[Item]:
    """The first `each` items of each category in input order, whichever reply came first.

    A recipe with this stage runs in rounds: the stages before it see the first figures of each category, and more of
    them, by the share that was accepted so far, until there are `each` items or no more figures. Rejects: enough.
    """
    kept: Counter[str] = Counter()
    for item, figure in along(items, figures, "figure_id"):
        category = figure.category or ""
        kept[category] += 1
        if kept[category] <= each:
            yield item
        else:
            ctx.reject(item.item_id, "enough")


def expect(rows: int | None, settings: Mapping[str, Any]) -> int | None:  # noqa: ARG001 - every stage's signature
    """At most as many as come."""
    return rows
