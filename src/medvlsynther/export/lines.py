"""Data sets of JSON lines: a file a part, images in files of their own, and the evidence of each line beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from medvlsynther.export.columns import Published
from medvlsynther.export.guards import open_image
from medvlsynther.export.rows import Row

SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}


@dataclass(frozen=True)
class Line:
    """One row of a JSON-lines format."""

    row: Mapping[str, Any]
    """What the format asks for, and nothing else: some readers refuse more."""
    evidence: Published
    """What is known about it."""


class Lines:
    """Writes `<dataset>/<part>.jsonl` and `<dataset>/evidence/<part>.jsonl`, line by line alike; a context manager."""

    def __init__(self, dataset: Path) -> None:
        self._folder = dataset
        self._open: dict[str, tuple[BinaryIO, BinaryIO]] = {}
        (dataset / "evidence").mkdir(parents=True)

    def pattern(self, part: str) -> str:
        """Glob of a part's file, seen from the data set's folder."""
        return f"{part}.jsonl"

    def rows(self) -> None:
        """None: counting lines would mean reading all images again where they stand inside."""

    def add(self, part: str, row: Line) -> None:
        """Append one row to a part."""
        for file, value in zip(self._files(part), (row.row, row.evidence.model_dump()), strict=True):
            file.write(orjson.dumps(value) + b"\n")

    def _files(self, part: str) -> tuple[BinaryIO, BinaryIO]:
        if part not in self._open:
            name = self.pattern(part)
            self._open[part] = (self._folder / name).open("wb"), (self._folder / "evidence" / name).open("wb")
        return self._open[part]

    def __enter__(self) -> Self:
        self._files("train")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pair in self._open.values():
            for file in pair:
                file.close()


def image_files(dataset: Path, row: Row) -> list[str]:
    """Paths, seen from the data set's folder, of the row's images, written where they are not there yet."""
    return [
        _image_file(dataset, ref.sha256 or "", data) for ref, data in zip(row.figure.images, row.images, strict=True)
    ]


def _image_file(dataset: Path, digest: str, data: bytes) -> str:
    with open_image(data) as opened:
        place = f"images/{digest[:2]}/{digest}{SUFFIXES[opened.format or 'PNG']}"
    path = dataset / place
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return place
