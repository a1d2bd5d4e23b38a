"""Layers 1 and 2: the same bytes, the same pixels, and the same picture after whatever is usually done to one."""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Never

from medvlsynther.audit.index import Index, IndexWriter
from medvlsynther.audit.search import Limits, Match, searched
from medvlsynther.audit.sets import Comparison, Exhibit, Print, comparisons, outlines
from medvlsynther.context import Context
from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.pairs import spread
from medvlsynther.store.images import ImageStore
from medvlsynther.store.scratch import Scratch
from medvlsynther.store.table import Table

VERSION = 2
RECORD_WISE = False

DEFAULT = Limits()

SHARD = 16
"""Images that are searched for together."""


class _Place(NamedTuple):
    """An image of an item."""

    item_id: str
    number: int


def run(
    ctx: Context, exhibits: Table[Exhibit], overlaps: Table[Overlap] | None, *, limits: Limits = DEFAULT
) -> Iterator[Overlap]:
    """The pairs found so far, and every pair of items that have an image in common; all images of an item count.

    An image that could not be opened or decoded is counted under its reason: it was not checked. Sets are compared on
    disk, so that memory does not grow with them.
    """
    yield from overlaps or ()
    with Scratch(ctx.folder) as scratch:
        root = ctx.folder / "index"
        sets = _laid_down(ctx, exhibits, scratch, root)
        found, _ = outlines(exhibits)
        for comparison in comparisons(found):
            yield from _Compared(ctx, comparison, sets, scratch, limits).pairs()
        shutil.rmtree(root)


class _Set:
    """The distinct images of a set, each with a number, and where each stands."""

    def __init__(self, folder: Path, scratch: Scratch) -> None:
        self.folder = folder
        self._writer = IndexWriter(folder)
        self._numbers, self._places, self._keys = scratch.lists(), scratch.lists(), scratch.lists()

    @property
    def index(self) -> Index:
        """The prints of its images."""
        return Index(self.folder)

    def add(self, image: Print, place: _Place) -> None:
        """Note an image of an item."""
        known = self._numbers.of(image.unit)
        number = known[0] if known else str(self._writer.add(image))
        if not known:
            self._numbers.add(image.unit, number)
            for what, key in _certain(image):
                self._keys.add(f"{what} {key}", number)
        self._places.add(number, json.dumps(place))

    def close(self) -> None:
        """End writing."""
        self._writer.__exit__(None, None, None)

    def places(self, number: int) -> list[_Place]:
        """Where an image stands."""
        return [_Place(*json.loads(text)) for text in self._places.of(str(number))]

    def equal(self, image: Print) -> Mapping[int, str]:
        """The images with equal bytes or equal pixels, and which of the two."""
        found: dict[int, str] = {}
        for what, key in _certain(image):
            for number in self._keys.of(f"{what} {key}"):
                found.setdefault(int(number), what)
        return found


def _certain(image: Print) -> Iterator[tuple[str, str]]:
    """What makes two images the same for certain."""
    yield from (("sha256", digest) for digest in dict.fromkeys(image.digests) if digest)
    if image.pixels:
        yield "pixels", image.pixels


def _laid_down(ctx: Context, exhibits: Table[Exhibit], scratch: Scratch, root: Path) -> dict[str, _Set]:
    """Every set of the table."""
    sets: dict[str, _Set] = {}
    for exhibit in exhibits:
        if exhibit.set_name not in sets:
            sets[exhibit.set_name] = _Set(root / str(len(sets)), scratch)
        for number, image in enumerate(exhibit.images):
            if image.fault:
                ctx.reject(f"{exhibit.item_id}:{number}", image.fault, image.name)
            elif image.unit:
                sets[exhibit.set_name].add(image, _Place(exhibit.item_id, number))
    for one in sets.values():
        one.close()
    return sets


class _Compared:
    """Two sets, or one with itself."""

    def __init__(
        self, ctx: Context, comparison: Comparison[Never], sets: Mapping[str, _Set], scratch: Scratch, limits: Limits
    ) -> None:
        self._ctx, self._comparison, self._limits = ctx, comparison, limits
        self._left, self._right = sets[comparison.left.name], sets[comparison.right.name]
        self._known = scratch.keys()
        """Pairs of images that are certain."""

    def pairs(self) -> Iterator[Overlap]:
        """The pairs of items: first those with equal images, then those with alike ones, in order of the right set."""
        for right, image in enumerate(self._right.index):
            for left, what in self._left.equal(image).items():
                self._known.add(f"{left} {right}")
                yield from self._rows(Match(left, right, what, 1.0, "equal"))
        work = partial(_looked_up, self._left.folder, self._ctx.store.images, self._limits)
        for match in self._ctx.map(work, _shards(self._right.index)):
            again = self._comparison.same_set and match.left >= match.right
            if not again and f"{match.left} {match.right}" not in self._known:
                yield from self._rows(match)

    def _rows(self, match: Match) -> Iterator[Overlap]:
        same_set = self._comparison.same_set
        lefts, rights = self._left.places(match.left), self._right.places(match.right)
        for one, other in spread(lefts, rights, same_set=same_set and match.left == match.right):
            if same_set and one.item_id == other.item_id:
                continue
            yield Overlap(
                train_set=self._comparison.left.name,
                train_id=one.item_id,
                test_set=self._comparison.right.name,
                test_id=other.item_id,
                layer={"sha256": "bytes", "pixels": "pixels"}.get(match.measure, "perceptual"),
                measure=match.measure,
                score=round(match.score, 4),
                train_image=one.number,
                test_image=other.number,
                evidence=match.evidence,
            )


def _shards(prints: Iterable[Print]) -> Iterator[list[tuple[int, Print]]]:
    numbered = ((number, print_) for number, print_ in enumerate(prints) if print_.phashes)
    while shard := list(islice(numbered, SHARD)):
        yield shard


def _looked_up(folder: Path, store: Path, limits: Limits, shard: list[tuple[int, Print]]) -> Iterator[Match]:
    """The matches of some images, in whichever process."""
    return searched(Index(folder), limits, ImageStore(store).read, shard)
