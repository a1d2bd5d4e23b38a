"""Layer 6: what each pair is, now that names, images and texts were compared."""

from collections.abc import Iterable, Iterator
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

_Pair = tuple[str, str, str, str]


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
    found: dict[_Pair, list[str]] = {}
    for overlap in overlaps:
        yield overlap
        if overlap.layer != "joint":
            pair = (overlap.train_set, overlap.train_id, overlap.test_set, overlap.test_id)
            found.setdefault(pair, []).append(_told(overlap))
    wanted = {pair[:2] for pair in found} | {pair[2:] for pair in found}
    items = dict(_items(exhibits, wanted))
    for pair, told in found.items():
        kind = kind_of(_findings(told, items[pair[:2]], items[pair[2:]]))
        yield _row(pair, kind, told)


def _told(overlap: Overlap) -> str:
    score = "unknown" if overlap.score is None else f"{overlap.score:g}"
    return f"{overlap.layer}/{overlap.measure}={score}"


def _items(exhibits: Iterable[Exhibit], wanted: set[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], _Item]]:
    for exhibit in exhibits:
        place = (exhibit.set_name, exhibit.item_id)
        if place in wanted:
            compared = all(image.fault is None and image.phashes for image in exhibit.images)
            archives = [frozenset(filter(None, map(archive_of, image.keys))) for image in exhibit.images]
            named = frozenset.intersection(*archives) if archives else frozenset[str]()
            yield place, _Item(normal(exhibit.stem), normal(exhibit.key), len(exhibit.images), compared, named)


def _findings(told: list[str], left: _Item, right: _Item) -> Findings:
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


def _row(pair: _Pair, kind: Kind, told: list[str]) -> Overlap:
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
