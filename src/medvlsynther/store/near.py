"""Near perceptual hashes among any number, in the memory of a few: they lie in files and are paired part by part.

Hashes that agree in a part of their bits go to the same file, and a file is as large as memory is meant to be. Every
pair is found, once; reading and writing grow with the number of hashes.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from medvlsynther.rules.dedupe import Hashes, band_masks, near_in_part

HELD = 1 << 18
"""Hashes that are read or paired at once: about 20 MB while they are."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


def near_hashes(hashes: Iterable[int], bits: int, folder: Path, *, held: int = HELD) -> Iterator[tuple[int, int]]:
    """Every two distinct ones of some 64-bit hashes that differ in at most `bits` bits, each pair once, lower first.

    `folder` is empty or not there yet; it takes eight bytes a hash twice over, and is empty again at the end.
    """
    folder.mkdir(exist_ok=True)
    every, masks = folder / "hashes", band_masks(bits)
    count = 0
    with every.open("wb") as file:
        for chunk in _chunks(hashes, held):
            chunk.tofile(file)
            count += len(chunk)
    for at in range(len(masks)):
        for path in _split(every, masks[at], -(-count // held), held):
            values = np.unique(np.fromfile(path, np.uint64))
            for one, other in near_in_part(values, masks, at, bits):
                yield int(values[one]), int(values[other])
            path.unlink()
    every.unlink()


def _chunks(hashes: Iterable[int], size: int) -> Iterator[Hashes]:
    rest = iter(hashes)
    while (chunk := np.fromiter(islice(rest, size), np.uint64)).size:
        yield np.unique(chunk)


def _split(every: Path, mask: int, files: int, held: int) -> Sequence[Path]:
    """The hashes in so many files; those that agree under the mask share one."""
    paths = [every.with_name(f"part-{number:05d}") for number in range(files)]
    with every.open("rb") as source:
        while (values := np.fromfile(source, np.uint64, held)).size:
            owners = ((values & np.uint64(mask)) * _MIX >> np.uint64(40)) % np.uint64(files)
            for number in np.unique(owners).tolist():
                with paths[number].open("ab") as file:
                    values[owners == number].tofile(file)
    return [path for path in paths if path.exists()]
