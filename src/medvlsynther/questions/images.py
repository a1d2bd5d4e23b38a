"""Image bytes of a set: files, members of archives, and cells of parquet files ("a.parquet#12/images/0")."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medvlsynther.errors import InputError
from medvlsynther.store.corpus import open_member

LIMIT_BYTES = 64 << 20
"""Largest image that is read."""

_CELL = re.compile(r"(.+\.parquet)#(\d+)/([^/]+)/(\d+)", re.DOTALL)
_BATCH = 16


def cell(file: str, row: int, column: str, place: int) -> str:
    """The place of an image in a parquet file: row and place in its list count from 0."""
    return f"{file}#{row}/{column}/{place}"


class Images:
    """The images below one folder. Asked for in their order, all images of a file cost one pass over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._cursor: _Cursor | None = None

    def read(self, member: str) -> bytes:
        """The bytes at a place.

        Raises: InputError with image_missing, image_too_large, outside_corpus, file_unreadable, …
        """
        found = _CELL.fullmatch(member)
        if not found:
            return open_member(self.root, member, LIMIT_BYTES)
        file, row, column, place = found[1], int(found[2]), found[3], int(found[4])
        try:
            value = self._at(file, column).value(row)
        except (OSError, pa.ArrowException) as error:
            raise InputError("file_unreadable", f"{file}: {error}") from None
        images = value if isinstance(value, list) else [value]
        image = images[place] if place < len(images) else None
        if not isinstance(image, dict):
            raise InputError("image_missing", member)
        data = image.get("bytes")
        if not data:
            return open_member(self.root, str(image.get("path") or member), LIMIT_BYTES)
        if len(data) > LIMIT_BYTES:
            raise InputError("image_too_large", f"{member} has {len(data)} bytes; the limit is {LIMIT_BYTES}")
        return bytes(data)

    def _at(self, file: str, column: str) -> "_Cursor":
        if self._cursor is None or (self._cursor.file, self._cursor.column) != (file, column):
            # Only through open_member may a path be followed; here it must be a plain file below the root.
            path = (self.root / file).resolve()
            if not path.is_relative_to(self.root.resolve()) or not path.is_file():
                raise InputError("image_missing", file)
            self._cursor = _Cursor(file, column, path)
        return self._cursor


@dataclass
class _Cursor:
    """A place in one column of one parquet file, moved forward batch by batch."""

    file: str
    column: str
    path: Path
    _first: int = 0
    _end: int = 0
    """Rows after the row group being read."""
    _batch: pa.Array | None = None
    _batches: Iterator[pa.RecordBatch] | None = None

    def value(self, row: int) -> Any:
        if self._batch is None or row < self._first or row >= self._end:
            self._open(row)
        while self._batch is None or row >= self._first + len(self._batch):
            self._first += len(self._batch) if self._batch is not None else 0
            batch = next(self._batches, None) if self._batches is not None else None
            if batch is None:
                raise InputError("image_missing", f"{self.file} has no row {row}")
            self._batch = batch.column(0)
        return self._batch[row - self._first].as_py()

    def _open(self, row: int) -> None:
        """Stand before the row group that holds the row."""
        file = pq.ParquetFile(self.path)
        start, group = 0, 0
        while group < file.num_row_groups - 1 and row >= start + file.metadata.row_group(group).num_rows:
            start += file.metadata.row_group(group).num_rows
            group += 1
        if not file.num_row_groups or self.column not in file.schema_arrow.names:
            raise InputError("image_missing", f"{self.file} has no column {self.column}")
        self._first, self._batch = start, None
        self._end = start + file.metadata.row_group(group).num_rows
        self._batches = file.iter_batches(batch_size=_BATCH, row_groups=[group], columns=[self.column])
