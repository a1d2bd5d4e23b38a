"""Parquet files of rows with images: shards and row groups bounded in bytes, equal bytes for equal rows.

A row group with more than 2 GiB in one column makes a file that pyarrow itself cannot read again, and a loader holds a
whole group in memory; images are compressed already, so their column is stored as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from medvlsynther.export.rows import Row
from medvlsynther.records import Record
from medvlsynther.store.table import arrow_schema

GROUP_BYTES = 16 << 20
"""Bytes of images after which a row group ends; one row more than this stands alone."""

GROUP_ROWS = 256
"""Most rows of a group."""

SHARD_BYTES = 400 << 20
"""Bytes of images after which a shard ends."""

SHARD_GROUPS = 128
"""Most groups of a shard: small images would make shards whose footers fill memory."""

IMAGES = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
"""The type that loaders decode: encoded bytes, and a file name for people."""


MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
"""The type of a conversation of plain text."""


def schema(rest: type[Record]) -> pa.Schema:
    """`images` and the fields of a record, with the features that `datasets` reads back."""
    return featured(pa.schema([pa.field("images", IMAGES), *plain_fields(rest)]))


def plain_fields(record: type[Record]) -> list[pa.Field]:
    """The fields of a record, all nullable: loaders forget the features of columns that differ from them."""
    return [pa.field(column.name, _nullable(column.type)) for column in arrow_schema(record)]


def featured(plain: pa.Schema) -> pa.Schema:
    """A schema whose metadata says which columns are images."""
    features = {column.name: _feature(column.type) for column in plain}
    return plain.with_metadata({"huggingface": orjson.dumps({"info": {"features": features}})})


def _nullable(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_nullable(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(part.name, _nullable(part.type)) for part in kind])
    return kind


def _feature(kind: pa.DataType) -> Any:
    """The feature of a type, in the spelling that old and new versions of `datasets` read."""
    if kind == IMAGES.value_type:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        inner = _feature(kind.value_type)
        return [inner] if "_type" not in inner else {"feature": inner, "_type": "Sequence"}
    if pa.types.is_struct(kind):
        return {part.name: _feature(part.type) for part in kind}
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}


def image_cells(row: Row, images: Sequence[bytes] | None = None) -> list[dict[str, Any]]:
    """The `images` cell of a row; `images` where a format wants other bytes than the store's."""
    encoded = row.images if images is None else images
    return [{"bytes": data, "path": ref.name} for ref, data in zip(row.figure.images, encoded, strict=True)]


@dataclass
class _Split:
    """The shards of one split while they are written."""

    paths: list[Path] = field(default_factory=list)
    writer: pq.ParquetWriter | None = None
    buffer: list[Mapping[str, Any]] = field(default_factory=list)
    group_bytes: int = 0
    shard_bytes: int = 0
    shard_groups: int = 0


class Shards:
    """Writes `<dataset>/data/<split>-00000-of-0000N.parquet`; a context manager. Memory is that of one row group.

    The train split always gets a file, so that an empty data set still loads.
    """

    def __init__(self, dataset: Path, columns: pa.Schema) -> None:
        self._folder = dataset / "data"
        self._schema = columns
        self._splits: dict[str, _Split] = {"train": _Split()}
        self._compression = {path: "none" if path.endswith(".bytes") else "zstd" for path in _leaves(columns)}
        self._folder.mkdir(parents=True)

    def pattern(self, part: str) -> str:
        """Glob of a part's files, seen from the data set's folder."""
        return f"data/{part}-*.parquet"

    def rows(self) -> int:
        """Rows of the finished files, as their footers tell."""
        return sum(pq.read_metadata(path).num_rows for path in self._folder.glob("*.parquet"))

    def add(self, split: str, row: Mapping[str, Any]) -> None:
        """Append one row to a split."""
        part = self._splits.setdefault(split, _Split())
        size = sum(len(image["bytes"]) for image in row["images"])
        if part.buffer and (part.group_bytes + size > GROUP_BYTES or len(part.buffer) >= GROUP_ROWS):
            self._flush(split, part)
        part.buffer.append(row)
        part.group_bytes += size

    def _flush(self, split: str, part: _Split) -> None:
        """Write the waiting rows as one group, into a new shard where this one has enough."""
        full = part.shard_bytes + part.group_bytes > SHARD_BYTES or part.shard_groups >= SHARD_GROUPS
        if part.writer is not None and full:
            part.writer.close()
            part.writer, part.shard_bytes, part.shard_groups = None, 0, 0
        if part.writer is None:
            part.paths.append(self._folder / f".{split}-{len(part.paths):05d}.part")
            part.writer = pq.ParquetWriter(
                part.paths[-1],
                self._schema,
                compression=self._compression,
                use_dictionary=[path for path in self._compression if not path.endswith(".bytes")],
                write_statistics=[path for path in self._compression if not path.endswith(".bytes")],
            )
        table = pa.Table.from_pylist(part.buffer, schema=self._schema)
        part.writer.write_table(table, row_group_size=max(1, len(part.buffer)))
        part.shard_bytes += part.group_bytes
        part.shard_groups += 1
        part.buffer, part.group_bytes = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for split, part in self._splits.items():
            if kind is None and (part.buffer or part.writer is None):
                self._flush(split, part)
            if part.writer is not None:
                part.writer.close()
            if kind is None:
                for number, path in enumerate(part.paths):
                    path.rename(self._folder / f"{split}-{number:05d}-of-{len(part.paths):05d}.parquet")


def _leaves(columns: pa.Schema) -> list[str]:
    """Paths of the columns as parquet counts them, e.g. "images.list.element.bytes"."""
    return [path for column in columns for path in _below(column.name, column.type)]


def _below(path: str, kind: pa.DataType) -> list[str]:
    if pa.types.is_list(kind):
        return _below(f"{path}.list.element", kind.value_type)
    if pa.types.is_struct(kind):
        return [leaf for part in kind for leaf in _below(f"{path}.{part.name}", part.type)]
    return [path]
