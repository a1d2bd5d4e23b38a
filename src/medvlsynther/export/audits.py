"""What audits found, in the shape in which a card tells it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass

from medvlsynther.records import Item, Overlap
from medvlsynther.rules.probes import Probe
from medvlsynther.store.table import Table

Shared = list[tuple[tuple[str, str], tuple[int, int]]]
"""(other set, what is shared) to rows of this set and pairs."""


@dataclass(frozen=True)
class Audits:
    """What a recipe looked for beside making items."""

    probes: tuple[Probe, ...] = ()
    """Shortcut probes, stage by stage."""
    shared: Shared | None = None
    """Overlaps with other sets; None where nobody compared."""


NONE = Audits()


def audits(probes: Iterable[Probe] | None, overlaps: Table[Overlap] | None, items: Table[Item]) -> Audits:
    """The findings about these items, from the tables that a recipe wrote, where it wrote them.

    Holds the ids of items that stand in a pair, and of no others.
    """
    if overlaps is None:
        return Audits(tuple(probes or ()))
    paired = {train_id for (train_id,) in overlaps.columns("train_id")}
    kept = {item_id for (item_id,) in items.columns("item_id") if item_id in paired}
    return Audits(tuple(probes or ()), _shared(overlaps, kept))


def _shared(overlaps: Iterable[Overlap], kept: Set[str]) -> Shared:
    """Pairs by other set and class; by layer and measure where nobody judged the pair."""
    pairs: Counter[tuple[str, str]] = Counter()
    rows: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for overlap in overlaps:
        if overlap.train_id not in kept:
            continue
        about = (overlap.test_set, overlap.kind or f"{overlap.layer}: {overlap.measure}")
        pairs[about] += 1
        rows[about].add(overlap.train_id)
    return [(about, (len(rows[about]), pairs[about])) for about in sorted(pairs)]
