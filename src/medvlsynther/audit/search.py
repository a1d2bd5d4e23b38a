"""Finds the images of one set among those of another: hashes propose, laying one over the other decides."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from medvlsynther.audit.prints import TURNS, Query, box_of, numbers, parts_of, queries, split_hex, turned
from medvlsynther.audit.register import agreement
from medvlsynther.audit.sets import Print
from medvlsynther.audit.views import cut
from medvlsynther.records import Record
from medvlsynther.rules.overlap.hamming import within

RADIUS_BITS = 14
"""Most bits in which hashes of 64 may differ for the images to be looked at."""

SURE_BITS = 4
"""Bits up to which every neighbour is looked at, however many there are."""

NEIGHBOURS = 16
"""Neighbours beyond these bits that are looked at, the nearest first."""

TRIES = 5
"""Pairs of parts of two images that are laid over each other, the nearest first."""

AGREE = 0.965
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


@dataclass(frozen=True)
class Index:
    """The hashes of one set's images, on disk, so that every process can look into them."""

    hashes: npt.NDArray[np.uint64]
    """All parts of all images, in order."""
    owners: npt.NDArray[np.int32]
    """The image that each part belongs to."""
    firsts: npt.NDArray[np.int64]
    """Place of each image's first part; one more than there are images."""
    framed: npt.NDArray[np.int64]
    """Places of whole and trimmed images among the parts."""
    prints: "PrintFile"
    """The prints themselves."""

    @classmethod
    def write(cls, folder: Path, prints: Iterable[Print]) -> None:
        """Lay an index down in a folder, holding hashes only in memory."""
        hashes, owners, framed, places, count = [], [], [], [0], 0
        folder.mkdir(parents=True)
        with (folder / "prints.jsonl").open("wb") as file:
            for number, print_ in enumerate(prints):
                own = numbers(print_.phashes)
                hashes.append(own)
                owners.append(np.full(len(own), number, dtype=np.int32))
                framed += [count + place for place, letter in enumerate(print_.parts) if letter in "wt"]
                count += len(own)
                places.append(places[-1] + file.write(print_.model_dump_json().encode() + b"\n"))
        np.save(folder / "hashes.npy", np.concatenate([*hashes, np.zeros(0, dtype=np.uint64)]))
        np.save(folder / "owners.npy", np.concatenate([*owners, np.zeros(0, dtype=np.int32)]))
        np.save(folder / "framed.npy", np.array(framed, dtype=np.int64))
        np.save(folder / "places.npy", np.array(places, dtype=np.int64))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The index in a folder."""
        owners = np.load(folder / "owners.npy")
        places = np.load(folder / "places.npy")
        return cls(
            hashes=np.load(folder / "hashes.npy"),
            owners=owners,
            firsts=np.searchsorted(owners, np.arange(len(places))),
            framed=np.load(folder / "framed.npy"),
            prints=PrintFile(folder / "prints.jsonl", places),
        )


class PrintFile:
    """Prints on disk, one a line, read one by one."""

    def __init__(self, path: Path, places: npt.NDArray[np.int64]) -> None:
        self._path = path
        self._places = places

    def __getitem__(self, number: int) -> Print:
        start, end = self._places[number : number + 2].tolist()
        with self._path.open("rb") as file:
            file.seek(start)
            return Print.model_validate_json(file.read(end - start))


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
    found = _tries(index, print_, limits.radius_bits)
    nearest = sorted(found, key=lambda left: (min(found[left]), left))
    sure = [left for left in nearest if min(found[left]).bits <= SURE_BITS]
    looked_at = sorted({*sure, *nearest[: limits.neighbours]})
    matches = (_match(index, left, number, print_, sorted(set(found[left])), limits, picture) for left in looked_at)
    return [match for match in matches if match is not None]


def _tries(index: Index, print_: Print, radius: int) -> dict[int, list[_Try]]:
    """For every image near enough, which parts are near."""
    among_whole, among_parts = queries(print_)
    framed = index.hashes[index.framed]
    found: dict[int, list[_Try]] = {}
    for query in among_whole:
        hits = within(query.hash, framed, radius)
        _note(found, index, query, index.framed[hits.places], hits.bits)
    for query in among_parts:
        hits = within(query.hash, index.hashes, radius)
        _note(found, index, query, hits.places, hits.bits)
    return found


def _note(
    found: dict[int, list[_Try]],
    index: Index,
    query: Query,
    places: npt.NDArray[np.int64],
    bits: npt.NDArray[np.uint8],
) -> None:
    owners = index.owners[places]
    parts = places - index.firsts[owners]
    for owner, part, apart in zip(owners.tolist(), parts.tolist(), bits.tolist()):
        found.setdefault(owner, []).append(_Try(apart, query.turn, query.part, part))


def _match(
    index: Index,
    left: int,
    right: int,
    print_: Print,
    tries: Sequence[_Try],
    limits: Limits,
    picture: Callable[[str], bytes],
) -> Match | None:
    other = index.prints[left]
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


def searched(
    folder: Path, limits: Limits, picture: Callable[[str], bytes], shard: Iterable[tuple[int, Print]]
) -> Iterator[Match]:
    """The matches of several numbered images, in order."""
    index = Index.open(folder)
    for number, print_ in shard:
        yield from search(index, number, print_, limits, picture)
