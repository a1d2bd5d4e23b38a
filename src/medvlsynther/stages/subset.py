"""A smaller data set, spread evenly over the letters of the key, or over what the items are about."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from medvlsynther.context import Context
from medvlsynther.errors import BadSetting
from medvlsynther.records import Item, Label
from medvlsynther.rules.rebalance import balanced_subset
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
    groups: dict[str, str] = {}
    if by != "letter":
        if labels is None:
            raise BadSetting(f"by: {by} needs labels", where="subset.by", mend="Put `label` before it")
        groups = {label.item_id: getattr(label, by) for label in labels}
    grouped = ((item.item_id, item.answer if by == "letter" else groups.get(item.item_id, "other")) for item in items)
    chosen = balanced_subset(grouped, size, seed)
    for item in items:
        if item.item_id in chosen:
            yield item
        else:
            ctx.reject(item.item_id, "not_in_subset")


def expect(rows: int | None, settings: Mapping[str, Any]) -> int | None:
    """At most `size` rows."""
    return int(settings["size"]) if rows is None else min(rows, int(settings["size"]))
