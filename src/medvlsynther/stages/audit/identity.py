"""Layer 0: the same item, figure, file, case or article by name. Certain, free, and the first thing to look at."""

from collections.abc import Iterator
from typing import NamedTuple

from medvlsynther.audit.sets import Comparison, Exhibit, Side, comparisons, sides
from medvlsynther.context import Context
from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.identity import MEASURES, measure_of
from medvlsynther.rules.overlap.pairs import grouped, joined, spread
from medvlsynther.store.table import Table

VERSION = 1
RECORD_WISE = False

_ORDER = {measure: place for place, measure in enumerate(dict.fromkeys(MEASURES.values()))}


class _Named(NamedTuple):
    """An item and its names."""

    item_id: str
    keys: tuple[tuple[str, int | None], ...]
    """Key, and the image that it is of."""


class _Owner(NamedTuple):
    item_id: str
    image: int | None


def run(ctx: Context, exhibits: Table[Exhibit]) -> Iterator[Overlap]:
    """Pairs of items that bear the same name for an item, an image or an article; for each pair the strongest.

    A set without any names is counted as not checked (no_identity).
    """
    found = sides(exhibits, _named)
    for side in found:
        nameless = sum(not item.keys for item in side.items)
        if nameless:
            ctx.reject(side.name, "no_identity", f"{nameless} of {len(side.items)} items have no name to compare")
    for comparison in comparisons(found):
        yield from _shared(comparison)


def _named(exhibit: Exhibit) -> _Named:
    keys: list[tuple[str, int | None]] = [(key, None) for key in exhibit.keys]
    keys += [(key, number) for number, image in enumerate(exhibit.images) for key in image.keys]
    return _Named(exhibit.item_id, tuple(keys))


def _shared(comparison: Comparison[_Named]) -> Iterator[Overlap]:
    best: dict[tuple[str, str], tuple[int, str, _Owner, _Owner]] = {}
    for key, lefts, rights in joined(_owners(comparison.left), _owners(comparison.right)):
        strength = _ORDER[measure_of(key)]
        for one, other in spread(lefts, rights, same_set=comparison.same_set):
            pair = (one.item_id, other.item_id)
            if one.item_id != other.item_id or not comparison.same_set:
                best[pair] = min(best.get(pair, (strength, key, one, other)), (strength, key, one, other))
    for (train_id, test_id), (_, key, one, other) in best.items():
        yield Overlap(
            train_set=comparison.left.name,
            train_id=train_id,
            test_set=comparison.right.name,
            test_id=test_id,
            layer="identity",
            measure=measure_of(key),
            score=1.0,
            train_image=one.image,
            test_image=other.image,
            evidence=key,
        )


def _owners(side: Side[_Named]) -> dict[str, list[_Owner]]:
    return grouped((key, _Owner(item.item_id, image)) for item in side.items for key, image in item.keys)
