"""Takes out the items that an audit speaks against, each with the pair that does."""

from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.errors import BadSetting
from medvlsynther.records import Item, Overlap
from medvlsynther.rules.overlap.classes import FLAGGED, KINDS, Kind
from medvlsynther.store.table import Table

VERSION = 1


def run(
    ctx: Context, items: Table[Item], overlaps: Table[Overlap], *, classes: tuple[Kind, ...] = FLAGGED
) -> Iterator[Item]:
    """The items that stand in no pair of these classes; the others are rejected as overlap_<class> with the worst pair.

    Raises: BadSetting where the audit was not judged, since then nothing would be taken out.
    """
    order = {str(kind): place for place, kind in enumerate(KINDS)}
    worst: dict[str, Overlap] = {}
    judged = False
    for overlap in overlaps:
        judged = judged or overlap.kind is not None
        if overlap.kind in classes and overlap.test_set != overlap.train_set:
            known = worst.setdefault(overlap.train_id, overlap)
            if order[overlap.kind] < order[known.kind or overlap.kind]:
                worst[overlap.train_id] = overlap
    if not judged and len(overlaps):
        raise BadSetting("The pairs have no class yet", mend="Put audit.joint before decontaminate")
    for item in items:
        pair = worst.get(item.item_id)
        if pair is None:
            yield item
        else:
            ctx.reject(item.item_id, f"overlap_{pair.kind}", f"{pair.test_set} {pair.test_id}: {pair.evidence}")
