"""Layers 3 and 4: what a network takes for a copy (SSCD), and what merely looks alike (CLIP, a ranking only)."""

from collections.abc import Iterator
from typing import NamedTuple

from medvlsynther.audit.encoders import Kind, copies, encoder
from medvlsynther.audit.neighbours import Vectors, nearest
from medvlsynther.audit.sets import Comparison, Exhibit, Side, comparisons, sides
from medvlsynther.audit.weights import Weights
from medvlsynther.context import Context
from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.pairs import spread
from medvlsynther.store.table import Table

VERSION = 2
RECORD_WISE = False


class _Place(NamedTuple):
    item_id: str
    number: int
    small: str
    """SHA-256 of the small picture."""


def run(
    ctx: Context,
    exhibits: Table[Exhibit],
    overlaps: Table[Overlap] | None,
    *,
    encoder_kind: Kind,
    weights: Weights,
    least: float = 0.5,
    neighbours: int = 5,
) -> Iterator[Overlap]:
    """The pairs found so far, and those that a network finds: layer "copy" for SSCD, "semantic" for CLIP.

    `weights` is the TorchScript file of SSCD, or the name or "local-dir:<folder>" of an OpenCLIP model; `least` the
    score from which a pair counts. The network sees the small grey pictures. An image without one is counted as not
    checked (no_picture).

    Raises: MissingExtra, MissingInput: a network that is not there is an error, never another one.
    """
    encode, digest = encoder(encoder_kind, weights)
    evidence = f"{weights.name}, weights {digest[:16]}"
    yield from overlaps or ()
    found = sides(exhibits, _places)
    vectors: dict[str, Vectors] = {}
    units: dict[str, dict[str, list[_Place]]] = {}
    for side in found:
        units[side.name] = _units(ctx, side)
        vectors[side.name] = encode(map(ctx.images.read, units[side.name]))
    for comparison in comparisons(found):
        left, right = (list(units[side.name].values()) for side in comparison)
        ours, theirs = vectors[comparison.left.name], vectors[comparison.right.name]
        wanted = neighbours + comparison.same_set  # an image is its own nearest
        if encoder_kind == "sscd":
            pairs = copies(ours, theirs, wanted, least)
        else:
            pairs = ((near.left, near.right, near.cosine) for near in nearest(ours, theirs, wanted, least))
        for one, other, score in pairs:
            if not (comparison.same_set and one >= other):
                yield from _rows(comparison, left[one], right[other], encoder_kind, score, evidence)


def _places(exhibit: Exhibit) -> list[_Place]:
    return [_Place(exhibit.item_id, number, image.small) for number, image in enumerate(exhibit.images)]


def _units(ctx: Context, side: Side[list[_Place]]) -> dict[str, list[_Place]]:
    """Places by picture."""
    found: dict[str, list[_Place]] = {}
    for place in (place for places in side.items for place in places):
        if place.small:
            found.setdefault(place.small, []).append(place)
        else:
            ctx.reject(f"{place.item_id}:{place.number}", "no_picture")
    return found


def _rows(
    comparison: Comparison[list[_Place]],
    left: list[_Place],
    right: list[_Place],
    kind: Kind,
    score: float,
    evidence: str,
) -> Iterator[Overlap]:
    for one, other in spread(left, right):
        yield Overlap(
            train_set=comparison.left.name,
            train_id=one.item_id,
            test_set=comparison.right.name,
            test_id=other.item_id,
            layer="copy" if kind == "sscd" else "semantic",
            measure=kind,
            score=round(score, 4),
            train_image=one.number,
            test_image=other.number,
            evidence=evidence,
        )
