"""Takes out the items that an audit speaks against, each with the pair that does."""

import json
from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.errors import BadSetting
from medvlsynther.records import Item, Overlap
from medvlsynther.rules.overlap.classes import FLAGGED, KINDS, Kind
from medvlsynther.store.scratch import Scratch
from medvlsynther.store.table import Table

VERSION = 1


def run(
    ctx: Context, items: Table[Item], overlaps: Table[Overlap], *, classes: tuple[Kind, ...] = FLAGGED
) -> Iterator[Item]:
    """The items that stand in no pair of these classes; the others are rejected as overlap_<class> with the worst pair.

    Raises: BadSetting where the audit was not judged, since then nothing would be taken out.
    """
    order = {str(kind): place for place, kind in enumerate(KINDS)}
    with Scratch(ctx.folder) as scratch:
        flagged = scratch.lists()
        judged = False
        for overlap in overlaps:
            judged = judged or overlap.kind is not None
            if overlap.kind in classes and overlap.test_set != overlap.train_set:
                told = f"{overlap.test_set} {overlap.test_id}: {overlap.evidence}"
                flagged.add(overlap.train_id, json.dumps((overlap.kind, told)))
        if not judged and len(overlaps):
            raise BadSetting("The pairs have no class yet", mend="Put audit.joint before decontaminate")
        for item in items:
            pairs = map(json.loads, flagged.of(item.item_id))
            kind, told = min(pairs, key=lambda pair: order[pair[0]], default=(None, ""))
            if kind is None:
                yield item
            else:
                ctx.reject(item.item_id, f"overlap_{kind}", told)
