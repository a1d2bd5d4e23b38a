"""A smaller data set with keys spread evenly over the letters."""

from collections.abc import Iterator, Mapping
from typing import Any

from medvlsynther.context import Context
from medvlsynther.records import Item
from medvlsynther.rules.rebalance import balanced_subset
from medvlsynther.store.table import Table

VERSION = 1


def run(ctx: Context, items: Table[Item], *, size: int, seed: int = 42) -> Iterator[Item]:
    """`size` items in input order, as many of each letter as there can be; all of them when there are fewer.

    Source: the published subsets (1K to 10K). Rejects: not_in_subset.
    """
    chosen = balanced_subset(((item.item_id, item.answer) for item in items), size, seed)
    for item in items:
        if item.item_id in chosen:
            yield item
        else:
            ctx.reject(item.item_id, "not_in_subset")


def expect(rows: int | None, settings: Mapping[str, Any]) -> int | None:
    """At most `size` rows."""
    return int(settings["size"]) if rows is None else min(rows, int(settings["size"]))
