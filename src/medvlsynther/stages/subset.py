"""A smaller data set, spread evenly over the letters of the key, or over what the items are about."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from medvlsynther.context import Context
from medvlsynther.errors import BadSetting
from medvlsynther.records import Item, Label
from medvlsynther.rules.rebalance import Members, Subset
from medvlsynther.store.scratch import Lists, Scratch
from medvlsynther.store.table import Table

VERSION = 1


def run(
    ctx: Context,
    items: Table[Item],
    labels: Table[Label] | None,
    *,
    size: int,
    by: Literal["letter", "question_type", "modality", "anatomy"] = "letter",
    seed: int = 42,
) -> Iterator[Item]:
    """`size` items in input order, as even over the groups as they allow; all of them when there are fewer.

    Source: the published subsets (1K to 10K), even over letters. Rejects: not_in_subset.
    """
    if by == "letter":
        yield from _chosen(ctx, items, lambda: items.columns("answer", "item_id"), size, seed)
        return
    if labels is None:
        raise BadSetting(f"by: {by} needs labels", where="subset.by", mend="Put `label` before it")
    with Scratch(ctx.folder) as scratch:
        groups = scratch.lists()
        for item_id, group in labels.columns("item_id", by):
            groups.add(item_id, group)
        yield from _chosen(ctx, items, lambda: _grouped(items, groups), size, seed)


def _grouped(items: Table[Item], groups: Lists) -> Iterator[tuple[str, str]]:
    """Group and id of every item; "other" for one without a label."""
    for (item_id,) in items.columns("item_id"):
        yield (groups.of(item_id) or ["other"])[-1], item_id


def _chosen(ctx: Context, items: Table[Item], members: Members, size: int, seed: int) -> Iterator[Item]:
    subset = Subset(members, size, seed)
    for item, (group, _) in zip(items, members(), strict=True):
        if subset.takes(group, item.item_id):
            yield item
        else:
            ctx.reject(item.item_id, "not_in_subset")


def expect(rows: int | None, settings: Mapping[str, Any]) -> int | None:
    """At most `size` rows."""
    return int(settings["size"]) if rows is None else min(rows, int(settings["size"]))
