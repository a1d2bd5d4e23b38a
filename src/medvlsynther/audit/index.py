"""The hashes of one set's images on disk: laid down as they come, read chunk by chunk, never held as a whole."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from medvlsynther.audit.prints import numbers
from medvlsynther.audit.sets import Print
from medvlsynther.rules.overlap.hamming import CHUNK

OWNER = np.dtype([("image", "<u4"), ("part", "<u2")])
"""The image that a hash is of, and which of its parts."""

ALL, FRAMED = "all", "framed"
"""The two lists of hashes: of every part of every image; of whole and trimmed images alone."""

Hashes = npt.NDArray[np.uint64]


class Chunk(NamedTuple):
    """Some hashes of a list, one after the other."""

    hashes: Hashes
    owners: Path
    """Where the owners of the list's hashes lie."""
    start: int
    """Place of the first one in the list."""

    def images_and_parts(self, places: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """Image and part of the hashes at these places of the chunk."""
        owners = np.fromfile(self.owners, OWNER, len(self.hashes), offset=self.start * OWNER.itemsize)[places]
        return zip(owners["image"].tolist(), owners["part"].tolist(), strict=True)


class Index:
    """An index that was laid down in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def write(cls, folder: Path, prints: Iterable[Print]) -> Self:
        """Lay an index down."""
        with IndexWriter(folder) as writer:
            for print_ in prints:
                writer.add(print_)
        return cls(folder)

    @property
    def images(self) -> int:
        """How many images it has."""
        return (self._folder / "places").stat().st_size // 8 - 1

    def chunks(self, name: str) -> Iterator[Chunk]:
        """One of the two lists of hashes."""
        start = 0
        with (self._folder / f"{name}.hashes").open("rb") as file:
            while (hashes := np.fromfile(file, np.uint64, CHUNK)).size:
                yield Chunk(hashes, self._folder / f"{name}.owners", start)
                start += len(hashes)

    def __getitem__(self, number: int) -> Print:
        start, end = np.fromfile(self._folder / "places", np.int64, 2, offset=8 * number).tolist()
        with (self._folder / "prints.jsonl").open("rb") as file:
            file.seek(start)
            return Print.model_validate_json(file.read(end - start))

    def __iter__(self) -> Iterator[Print]:
        with (self._folder / "prints.jsonl").open("rb") as file:
            yield from map(Print.model_validate_json, file)


class IndexWriter:
    """Lays an index down, print by print; a context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        names = (
            "prints.jsonl",
            "places",
            *(f"{name}.{what}" for name in (ALL, FRAMED) for what in ("hashes", "owners")),
        )
        self._files: dict[str, BinaryIO] = {name: (folder / name).open("wb") for name in names}
        self._images, self._end = 0, 0
        self._put("places", np.zeros(1, np.int64))

    def add(self, print_: Print) -> int:
        """Append the print of an image, and give the image's number."""
        hashes = numbers(print_.phashes)
        owners = np.zeros(len(hashes), OWNER)
        owners["image"], owners["part"] = self._images, np.arange(len(hashes))
        framed = np.array([letter in "wt" for letter in print_.parts[: len(hashes)]], bool)
        for name, kept in ((ALL, slice(None)), (FRAMED, np.flatnonzero(framed))):
            self._put(f"{name}.hashes", hashes[kept])
            self._put(f"{name}.owners", owners[kept])
        self._end += self._files["prints.jsonl"].write(print_.model_dump_json().encode() + b"\n")
        self._put("places", np.array([self._end], np.int64))
        self._images += 1
        return self._images - 1

    def _put(self, name: str, values: npt.NDArray[np.generic]) -> None:
        self._files[name].write(values.tobytes())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
