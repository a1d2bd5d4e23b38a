"""Layers 1 and 2: the same bytes, the same pixels, and the same picture after whatever is usually done to one."""

import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from medvlsynther.audit.search import Index, Limits, Match, searched
from medvlsynther.audit.sets import Comparison, Exhibit, Print, Side, comparisons, sides
from medvlsynther.context import Context
from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.pairs import grouped, joined, spread
from medvlsynther.store.images import ImageStore
from medvlsynther.store.table import Table

VERSION = 1
RECORD_WISE = False

DEFAULT = Limits()

SHARD = 16
"""Images that are searched for together."""


class _Place(NamedTuple):
    """An image of an item."""

    item_id: str
    number: int


class _Shown(NamedTuple):
    """An item and its images."""

    item_id: str
    images: tuple[Print, ...]


def run(
    ctx: Context, exhibits: Table[Exhibit], overlaps: Table[Overlap] | None, *, limits: Limits = DEFAULT
) -> Iterator[Overlap]:
    """The pairs found so far, and every pair of items that have an image in common; all images of an item count.

    An image that could not be opened or decoded is counted under its reason: it was not checked.
    """
    yield from overlaps or ()
    found = sides(exhibits, lambda exhibit: _Shown(exhibit.item_id, exhibit.images))
    for side in found:
        for item in side.items:
            for number, image in enumerate(item.images):
                if image.fault:
                    ctx.reject(f"{item.item_id}:{number}", image.fault, image.name)
    for comparison in comparisons(found):
        yield from _compared(ctx, comparison, limits)


class _Units(NamedTuple):
    """The distinct images of a set, and where each stands."""

    prints: list[Print]
    places: list[list[_Place]]


def _units(side: Side[_Shown]) -> _Units:
    groups: dict[str, list[_Place]] = {}
    prints: dict[str, Print] = {}
    for item in side.items:
        for number, image in enumerate(item.images):
            if image.fault is None and image.unit:
                groups.setdefault(image.unit, []).append(_Place(item.item_id, number))
                prints.setdefault(image.unit, image)
    return _Units(list(prints.values()), list(groups.values()))


def _compared(ctx: Context, comparison: Comparison[_Shown], limits: Limits) -> Iterator[Overlap]:
    left = _units(comparison.left)
    right = left if comparison.same_set else _units(comparison.right)
    certain: dict[tuple[int, int], Match] = {}
    for match in _equal(left, right):
        certain.setdefault((match.left, match.right), match)
    for match in certain.values():
        yield from _pairs(comparison, left, right, match)
    folder = ctx.folder / "index"
    Index.write(folder, left.prints)
    work = partial(_looked_up, folder, ctx.store.images, limits)
    for match in ctx.map(work, _shards(right.prints)):
        if (match.left, match.right) not in certain and not (comparison.same_set and match.left >= match.right):
            yield from _pairs(comparison, left, right, match)
    shutil.rmtree(folder)


def _equal(left: _Units, right: _Units) -> Iterator[Match]:
    """Images with equal bytes or equal pixels; an image and itself too, since several items may show it."""
    for what, keys in (("sha256", lambda image: image.digests), ("pixels", lambda image: (image.pixels,))):
        ours, theirs = (
            grouped((key, number) for number, image in enumerate(units.prints) for key in keys(image) if key)
            for units in (left, right)
        )
        for _, lefts, rights in joined(ours, theirs):
            yield from (Match(one, other, what, 1.0, "equal") for one in lefts for other in rights)


def _shards(prints: Iterable[Print]) -> Iterator[list[tuple[int, Print]]]:
    numbered = ((number, print_) for number, print_ in enumerate(prints) if print_.phashes)
    while shard := list(islice(numbered, SHARD)):
        yield shard


def _looked_up(folder: Path, store: Path, limits: Limits, shard: list[tuple[int, Print]]) -> Iterator[Match]:
    """The matches of some images, in whichever process."""
    return searched(folder, limits, ImageStore(store).read, shard)


def _pairs(comparison: Comparison[_Shown], left: _Units, right: _Units, match: Match) -> Iterator[Overlap]:
    same_unit = comparison.same_set and match.left == match.right
    for one, other in spread(left.places[match.left], right.places[match.right], same_set=same_unit):
        if comparison.same_set and one.item_id == other.item_id:
            continue
        yield Overlap(
            train_set=comparison.left.name,
            train_id=one.item_id,
            test_set=comparison.right.name,
            test_id=other.item_id,
            layer={"sha256": "bytes", "pixels": "pixels"}.get(match.measure, "perceptual"),
            measure=match.measure,
            score=round(match.score, 4),
            train_image=one.number,
            test_image=other.number,
            evidence=match.evidence,
        )
