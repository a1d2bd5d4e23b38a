"""Layer 6: what each pair is, now that names, images and texts were compared."""

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from medvlsynther.audit.sets import Exhibit
from medvlsynther.context import Context
from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.classes import IMAGE_LAYERS, SAME_STEM, SAME_TEXT, Findings, Kind, kind_of
from medvlsynther.rules.overlap.identity import IMAGE_MEASURES, archive_of
from medvlsynther.rules.overlap.text import normal
from medvlsynther.store.table import Table

VERSION = 1
RECORD_WISE = False

SAME = 0.9
"""Normalised Levenshtein similarity from which stems, or keys, are the same."""

_Place = tuple[str, str]


class _Item(NamedTuple):
    """What of an item decides the class of its pairs."""

    stem: str
    key: str
    images: int
    compared: bool
    """Every image was looked at."""
    archives: frozenset[str]
    """Collections in which every image has a name, so that other names are other images."""


def run(_: Context, exhibits: Table[Exhibit], overlaps: Table[Overlap]) -> Iterator[Overlap]:
    """The pairs found so far, and after them one row a pair with its class and all that speaks for it."""
    pairs = _Pairs()
    for overlap in overlaps:
        yield overlap
        if overlap.layer != "joint":
            pairs.add(overlap)
    items = dict(_items(exhibits, pairs.places))
    for left, right, told in pairs:
        kind = kind_of(_findings(told, items[left], items[right]))
        yield _row((*left, *right), kind, told)


class _Pairs:
    """Pairs of items with what is said of each, in order of appearance: millions of them in a few hundred MB."""

    def __init__(self) -> None:
        self.places: dict[_Place, int] = {}
        self._told: dict[tuple[str, ...], tuple[str, ...]] = {(): ()}
        self._found: dict[int, tuple[str, ...]] = {}

    def add(self, overlap: Overlap) -> None:
        """Note one row."""
        pair = self._number(overlap.train_set, overlap.train_id) << 32 | self._number(overlap.test_set, overlap.test_id)
        told = (*self._found.get(pair, ()), _told(overlap))
        # What is said repeats from pair to pair, so it is kept once.
        self._found[pair] = self._told.setdefault(told, told)

    def __iter__(self) -> Iterator[tuple[_Place, _Place, tuple[str, ...]]]:
        known = list(self.places)
        for pair, told in self._found.items():
            yield known[pair >> 32], known[pair & 0xFFFFFFFF], told

    def _number(self, set_name: str, item_id: str) -> int:
        return self.places.setdefault((set_name, item_id), len(self.places))


def _told(overlap: Overlap) -> str:
    score = "unknown" if overlap.score is None else f"{overlap.score:g}"
    return f"{overlap.layer}/{overlap.measure}={score}"


def _items(exhibits: Iterable[Exhibit], wanted: Container[_Place]) -> Iterator[tuple[_Place, _Item]]:
    for exhibit in exhibits:
        place = (exhibit.set_name, exhibit.item_id)
        if place in wanted:
            compared = all(image.fault is None and image.phashes for image in exhibit.images)
            archives = [frozenset(filter(None, map(archive_of, image.keys))) for image in exhibit.images]
            named = frozenset.intersection(*archives) if archives else frozenset[str]()
            yield place, _Item(normal(exhibit.stem), normal(exhibit.key), len(exhibit.images), compared, named)


def _findings(told: Iterable[str], left: _Item, right: _Item) -> Findings:
    said = [tuple(part.replace("=", "/").split("/")) for part in told]
    measures = {measure for _, measure, _ in said}
    judged = {score for layer, _, score in said if layer == "rephrase"}
    unsure = "unknown" in judged
    same_text = bool(measures & SAME_TEXT) or "1" in judged
    return Findings(
        same_image=any(layer in IMAGE_LAYERS for layer, _, _ in said) or bool(measures & IMAGE_MEASURES),
        same_article=bool(measures & {"same_article", "same_case"}),
        same_text=same_text or unsure,
        same_stem=bool(measures & SAME_STEM) or _same(left.stem, right.stem),
        same_key=_same(left.key, right.key) or (not (left.key and right.key) and same_text),
        images_compared=bool((left.compared and right.compared) or left.archives & right.archives) and not unsure,
        imageless=not left.images and not right.images and not unsure,
    )


def _same(one: str, other: str) -> bool:
    return bool(one and other) and Levenshtein.normalized_similarity(one, other, score_cutoff=SAME) >= SAME


def _row(pair: tuple[str, str, str, str], kind: Kind, told: Iterable[str]) -> Overlap:
    return Overlap(
        train_set=pair[0],
        train_id=pair[1],
        test_set=pair[2],
        test_id=pair[3],
        layer="joint",
        measure="class",
        score=None,
        evidence="; ".join(told)[:500],
        kind=kind,
    )
