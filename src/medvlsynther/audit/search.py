"""Finds the images of one set among those of another: hashes propose, laying one over the other decides."""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from PIL import Image

from medvlsynther.audit.index import ALL, FRAMED, Chunk, Index
from medvlsynther.audit.prints import TURNS, Query, box_of, parts_of, queries, split_hex, turned
from medvlsynther.audit.register import agreement
from medvlsynther.audit.sets import Print
from medvlsynther.audit.views import cut
from medvlsynther.records import Record
from medvlsynther.rules.overlap.hamming import Hits, within

RADIUS_BITS = 14
"""Most bits in which hashes of 64 may differ for the images to be looked at."""

SURE_BITS = 4
"""Bits up to which every neighbour is looked at, however many there are."""

NEIGHBOURS = 16
"""Neighbours beyond these bits that are looked at, the nearest first."""

TRIES = 5
"""Pairs of parts of two images that are laid over each other, the nearest first."""

AGREE = 0.974
"""Correlation under the best map from which two pictures are one."""

BLIND_BITS = 6
"""Bits of the pHash, and of the dHash, up to which images are taken for one where there is no picture to lay over."""


class Match(NamedTuple):
    """Two images that are the same, or of which one contains the other."""

    left: int
    """Place of the one searched among."""
    right: int
    """Place of the one searched for."""
    measure: str
    """"phash:<kind of part>" where laid over each other, "hashes:<…>" where only hashes could be compared."""
    score: float
    """Correlation, or share of equal bits."""
    evidence: str
    """Parts, orientation, bits."""


class Limits(Record):
    """What counts as found."""

    radius_bits: int = RADIUS_BITS
    """Most bits in which pHashes may differ for two images to be looked at."""
    neighbours: int = NEIGHBOURS
    """Images looked at beyond those that are nearly certain."""
    agree: float = AGREE
    """Correlation from which two images are one."""


class _Try(NamedTuple):
    """A part of one image that looks like a part of another."""

    bits: int
    turn: int
    right_part: int
    left_part: int


def search(index: Index, number: int, print_: Print, limits: Limits, picture: Callable[[str], bytes]) -> list[Match]:
    """The images of the index that an image is, contains or is contained in, in order of the index.

    `picture` gives a stored picture by its SHA-256.
    """
    return list(searched(index, limits, picture, [(number, print_)]))


def searched(
    index: Index, limits: Limits, picture: Callable[[str], bytes], shard: Sequence[tuple[int, Print]]
) -> Iterator[Match]:
    """The matches of several numbered images, in order; the index is read once for all of them."""
    for (number, print_), found in zip(shard, _tries(index, shard, limits.radius_bits), strict=True):
        nearest = sorted(found, key=lambda left: (min(found[left]), left))
        sure = [left for left in nearest if min(found[left]).bits <= SURE_BITS]
        for left in sorted({*sure, *nearest[: limits.neighbours]}):
            match = _match(index, left, number, print_, sorted(set(found[left])), limits, picture)
            if match is not None:
                yield match


_Tries = dict[int, list[_Try]]
"""By image of the index, which of its parts are near."""


def _tries(index: Index, shard: Sequence[tuple[int, Print]], radius: int) -> list[_Tries]:
    """For each image of a shard the images near enough."""
    asked = [queries(print_) for _, print_ in shard]
    found: list[_Tries] = [{} for _ in shard]
    for at, name in enumerate((FRAMED, ALL)):
        for chunk in index.chunks(name):
            for tries, of_image in zip(found, asked, strict=True):
                for query in of_image[at]:
                    _note(tries, chunk, query, within(query.hash, chunk.hashes, radius))
    return found


def _note(found: _Tries, chunk: Chunk, query: Query, hits: Hits) -> None:
    if not len(hits.places):
        return
    for (image, part), apart in zip(chunk.images_and_parts(hits.places), hits.bits.tolist(), strict=True):
        found.setdefault(image, []).append(_Try(apart, query.turn, query.part, part))


def _match(
    index: Index,
    left: int,
    right: int,
    print_: Print,
    tries: Sequence[_Try],
    limits: Limits,
    picture: Callable[[str], bytes],
) -> Match | None:
    other = index[left]
    if not (other.small and print_.small):
        return _blind(left, right, other, print_, tries[0])
    for attempt in tries[:TRIES]:
        score = _laid_over(print_, other, attempt, picture)
        if score >= limits.agree:
            measure = f"phash:{_kind(print_, other, attempt)}"
            return Match(left, right, measure, score, _told(print_, other, attempt))
    return None


def _blind(left: int, right: int, other: Print, print_: Print, attempt: _Try) -> Match | None:
    """What hashes alone allow: whole images in one orientation, near in both hashes."""
    turns = split_hex(print_.dhashes)
    whole = "w" == print_.parts[attempt.right_part] == other.parts[attempt.left_part]
    if not whole or attempt.bits > BLIND_BITS or attempt.turn >= len(turns) or not other.dhashes:
        return None
    apart = (int(turns[attempt.turn], 16) ^ int(split_hex(other.dhashes)[0], 16)).bit_count()
    if apart > BLIND_BITS:
        return None
    score = 1 - (attempt.bits + apart) / 128
    return Match(
        left, right, "hashes:whole", score, f"{_told(print_, other, attempt)}; dHash {apart} bits; not laid over"
    )


def _laid_over(print_: Print, other: Print, attempt: _Try, picture: Callable[[str], bytes]) -> float:
    one, two = _opened(picture(print_.small)), _opened(picture(other.small))
    first = turned(cut(one, box_of(split_hex(print_.boxes)[attempt.right_part])), TURNS[attempt.turn])
    second = cut(two, box_of(split_hex(other.boxes)[attempt.left_part]))
    return agreement(first, second)


@lru_cache(maxsize=512)
def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("L")


def _kind(print_: Print, other: Print, attempt: _Try) -> str:
    """The kind of part that the match rests on: of two, the one that is not the whole image."""
    kinds = {parts_of(print_)[attempt.right_part].kind, parts_of(other)[attempt.left_part].kind}
    partial = sorted(kinds - {"whole", "trimmed"})
    return partial[0] if partial else ("whole" if "whole" in kinds else "trimmed")


def _told(print_: Print, other: Print, attempt: _Try) -> str:
    turn = TURNS[attempt.turn]
    orientation = f", {turn.name.lower()}" if turn is not None else ""
    one, two = parts_of(print_)[attempt.right_part].kind, parts_of(other)[attempt.left_part].kind
    return f"{one} in {two}{orientation}: pHash {attempt.bits} bits"
