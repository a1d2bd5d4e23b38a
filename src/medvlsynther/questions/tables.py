"""Rows of a set's files, whatever they are written in, one at a time and without the bytes of images."""

import csv
import os
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from medvlsynther.errors import InputError, MissingInput
from medvlsynther.questions.entry import TEXT_LIMIT, Row

SPLITS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training", "trainset"),
    "validation": ("validation", "validate", "valid", "val", "dev"),
    "test": ("test", "testing", "testset"),
}
"""Split to the words by which file names tell it."""

FILE_LIMIT_BYTES = 1 << 30
"""Largest JSON file that is read, since JSON is read whole."""

_BATCH = 256
_WORDS = re.compile(r"[a-z]+")


def listing(root: Path) -> list[str]:
    """Paths of all files below a folder, sorted; without hidden names, and without entering links to folders."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(folder).relative_to(root)
        found += [(below / name).as_posix() for name in names if not name.startswith(".")]
    return sorted(found)


def files_of(
    listed: list[str], suffixes: tuple[str, ...], split: str, patterns: tuple[str, ...], where: str
) -> list[str]:
    """The files that hold a split: those that fit a pattern, else those whose names tell it, else all.

    Raises: MissingInput where no file has a fitting suffix, or where names tell of other splits only.
    """
    fitting = [name for name in listed if name.lower().endswith(suffixes)]
    if not fitting:
        raise MissingInput(f"No file ends in {' or '.join(suffixes)}", where=where, mend="Give the folder of the set")
    named = [name for name in fitting if any(fnmatchcase(name, f"*{pattern}") for pattern in patterns)]
    if named:
        return named
    told = {name: _split_of(name) for name in fitting}
    own = [name for name in fitting if told[name] == split]
    if own:
        return own
    unsaid = [name for name in fitting if told[name] is None]
    if not unsaid:
        raise MissingInput(f"No file of the split {split!r}", where=where, mend=f"There is: {', '.join(fitting[:5])}")
    return unsaid


def _split_of(name: str) -> str | None:
    words = _WORDS.findall(Path(name).stem.lower())
    return next((split for split, said in SPLITS.items() if any(word in said for word in words)), None)


def rows_of(root: Path, file: str) -> Iterator[Row]:
    """The rows of one file in order.

    Raises: InputError(file_unreadable, row_unreadable) where the file ends to make sense; what came before stands.
    """
    suffix = Path(file).suffix.lower()
    reader = {".parquet": _parquet, ".csv": _csv, ".json": _json, ".jsonl": _jsonl}[suffix]
    try:
        for number, values in enumerate(reader(root / file)):
            if not isinstance(values, dict):
                raise InputError("row_unreadable", f"{file}, row {number}: not an object")
            yield Row(file, number, values)
    except (OSError, UnicodeDecodeError, orjson.JSONDecodeError, csv.Error, pa.ArrowException) as error:
        raise InputError("file_unreadable", f"{file}: {error}") from None


def image_columns(schema: pa.Schema) -> list[str]:
    """Names of the columns that hold images: structs of bytes and path, or lists of them."""
    return [field.name for field in schema if _holds_images(field.type)]


def _holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    if not pa.types.is_struct(kind):
        return False
    return {kind.field(place).name for place in range(kind.num_fields)} >= {"bytes", "path"}


def _parquet(path: Path) -> Iterator[Any]:
    with pq.ParquetFile(path) as file:
        heavy = tuple(f"{name}." for name in image_columns(file.schema_arrow))
        leaves = [file.schema.column(place).path for place in range(len(file.schema))]
        wanted = [leaf for leaf in leaves if not (leaf.startswith(heavy) and leaf.endswith(".bytes"))]
        for batch in file.iter_batches(batch_size=_BATCH, columns=wanted):
            yield from batch.to_pylist()


def _csv(path: Path) -> Iterator[Any]:
    csv.field_size_limit(TEXT_LIMIT)
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield {str(name).strip(): value for name, value in row.items() if isinstance(value, str)}


def _json(path: Path) -> Iterator[Any]:
    if path.stat().st_size > FILE_LIMIT_BYTES:
        raise InputError("file_unreadable", f"{path.name} is larger than {FILE_LIMIT_BYTES} bytes")
    found = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    if not isinstance(found, list):
        raise InputError("file_unreadable", f"{path.name} holds no list")
    yield from found


def _jsonl(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield orjson.loads(line)
