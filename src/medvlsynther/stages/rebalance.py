"""Which letter the key gets: nothing about an item or its place in the table may predict it."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from medvlsynther.context import Context
from medvlsynther.records import Item
from medvlsynther.rules.rebalance import released, shuffle
from medvlsynther.store.table import Table

VERSION = 1


def run(
    ctx: Context,  # noqa: ARG001 - every stage takes it
    items: Table[Item],
    *,
    method: Literal["shuffle", "released"] = "shuffle",
    seed: int = 42,
) -> Iterator[Item]:
    """The items in order, options in another one.

    `shuffle` draws a permutation from the item's id; items that name letters keep theirs. `released` deals letters in
    turn as the published script does, which makes the key a function of the row number.
    """
    if method == "released":
        return released(items, Counter(len(options) for (options,) in items.columns("options")))
    return (shuffle(item, seed) for item in items)
