"""Tables of strangers, row by row: CSV, TSV and JSONL with a header of known columns."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import orjson

from medvlsynther.records import Reject

TABLES = (".csv", ".tsv", ".jsonl")
"""Endings of tables."""
LONGEST_LINE = 4 * 2**20
"""Characters of one row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    place: str
    """Table and line, e.g. "captions.csv:12"."""
    values: Mapping[str, object]
    """Values by column, names in lower case."""

    def text(self, column: str) -> str:
        """A value as one line of text; "" where it is absent or no text."""
        return " ".join(self.texts(column)[:1])

    def texts(self, column: str) -> tuple[str, ...]:
        """A value as texts: a list as it is (also one written as JSON in a cell), anything else as one."""
        value = self.values.get(column)
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = _parsed(value)
        parts = value if isinstance(value, list) else [value]
        texts = (" ".join(str(part).split()) for part in parts if isinstance(part, (str, int, float)))
        return tuple(text for text in texts if text)


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def rows(path: Path, name: str) -> Iterator[Row | Reject]:
    """The rows of a table; rows and tables that cannot be read are rejects."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _bounded(file)
            yield from _jsonl(lines, name) if name.lower().endswith(".jsonl") else _csv(lines, name)
    except UnicodeDecodeError as error:
        yield Reject(id=name, reason="not_utf8", detail=str(error)[:200])
    except (OSError, csv.Error) as error:
        yield Reject(id=name, reason="table_unreadable", detail=str(error)[:200])


def _bounded(file: TextIO) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise csv.Error(f"a line of more than {LONGEST_LINE} characters")
        yield line


def _jsonl(lines: Iterator[str], name: str) -> Iterator[Row | Reject]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        value = _parsed(line)
        if isinstance(value, dict):
            yield Row(place, {str(key).strip().lower(): entry for key, entry in value.items()})
        else:
            yield Reject(id=place, reason="row_unreadable", detail="not a JSON object")


def _csv(lines: Iterator[str], name: str) -> Iterator[Row | Reject]:
    delimiter = "\t" if name.lower().endswith(".tsv") else ","
    table = csv.reader(lines, delimiter=delimiter)
    header = [column.strip().lower() for column in next(table, [])]
    if not {"image", "images"} & set(header) or "caption" not in header:
        detail = f"it needs the columns image and caption, not {', '.join(header)[:100]!r}"
        yield Reject(id=name, reason="missing_columns", detail=detail)
        return
    for values in table:
        place = f"{name}:{table.line_num}"
        if len(values) > len(header):
            yield Reject(id=place, reason="row_unreadable", detail=f"{len(values)} cells for {len(header)} columns")
        elif any(values):
            yield Row(place, dict(zip(header, values, strict=False)))
