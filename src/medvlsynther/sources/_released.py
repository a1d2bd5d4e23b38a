"""Published artefacts read back: results of generators and verifiers, curated figures, finished data sets.

A folder may hold, in any mixture,

    *.jsonl     one result a line: the figure's text, `generated_vqa`, `rubric_verification`; or a finished row
    *.parquet   curated figures with their images, or finished rows

Results name their figure by article, image ids and file names, else by `dataset_index`; several lines about one figure
complete each other. Finished rows that this project exported carry their evidence, and it is read back as well.

Source: columns as the published scripts write them (UCSC-VLAA/MedVLSynther, synthesis/).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medvlsynther.fingerprint import text_hash
from medvlsynther.records import Record, Reject
from medvlsynther.sources._base import walk

LINE_BYTES = 16 << 20
"""Longest line that is read."""

ROWS_AT_ONCE = 16
"""Rows of images in memory."""

Row = dict[str, Any]
Key = tuple[Any, ...]


class Entry(Record):
    """One published row: what is said, and the images that it is said about."""

    article_id: str
    """Its article; without one, something that rows about the same images share."""
    figure_id: str
    """Unique among all entries, but for neighbours about one figure."""
    item_id: str
    """Unique among all entries."""
    row: Row
    """Its columns, images apart."""
    images: tuple[tuple[str, bytes], ...]
    """Name and bytes of each image, in order."""
    repeats: bool = False
    """True when the entry before it is about the same figure."""


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Everything in a folder, in the order of its files and rows; what cannot be read is a reject.

    Rejects: line_too_long, bad_json, conflicting_line, parquet_unreadable, unknown_columns.

    Raises: MissingInput where there is no such folder.
    """
    names = walk(root)
    lines = _Lines(root)
    for name in names:
        if name.endswith(".jsonl"):
            yield from lines.index(name)
    naming = _Naming()
    tables = [name for name in names if name.endswith(".parquet")]
    for number, found in enumerate(row for name in tables for row in _rows(root, name)):
        if isinstance(found, Reject):
            yield found
            continue
        row, images = found
        row.setdefault("dataset_index", number)
        if "question" in row:
            yield naming.entry(row, images)
            continue
        for made in lines.about(row):
            yield made if isinstance(made, Reject) else naming.entry({**row, **made}, images)
    for made in lines.rest():
        yield made if isinstance(made, Reject) else naming.entry(made, ())


# ------------------------------------------------------------------------------------------------- lines


class _Lines:
    """Results by figure: only their places are kept, because a line can be long and there are many."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._places: dict[Key, list[tuple[str, int]]] = {}

    def index(self, name: str) -> Iterator[Reject]:
        """Note where the lines of one file are."""
        with (self._root / name).open("rb") as file:
            number, place = 0, 0
            while line := file.readline(LINE_BYTES):
                number += 1
                found = _parsed(line)
                if isinstance(found, str):
                    yield Reject(id=f"{name}:{number}", reason=found)
                    while not line.endswith(b"\n") and (line := file.readline(LINE_BYTES)):
                        pass
                elif found:
                    self._places.setdefault(_key(found) or (name, number), []).append((name, place))
                place = file.tell()

    def about(self, figure: Row) -> Iterator[Row | Reject]:
        """The results about a curated figure, merged; its own row where there are none."""
        places = [self._places.pop(key) for key in _keys(figure) if key in self._places]
        yield from self._merged(places[0]) if places else [{}]

    def rest(self) -> Iterator[Row | Reject]:
        """The results about figures that no table holds."""
        for places in self._places.values():
            yield from self._merged(places)
        self._places.clear()

    def _merged(self, places: list[tuple[str, int]]) -> Iterator[Row | Reject]:
        """One row of several lines: the first word on anything stands."""
        merged: Row = {}
        for name, place in places:
            with (self._root / name).open("rb") as file:
                file.seek(place)
                row = _parsed(file.readline(LINE_BYTES))
            assert isinstance(row, dict)
            said = {"generated_vqa", "question", "options", "answer"} & set(row) & set(merged)
            if any(row[key] != merged[key] for key in said):
                yield Reject(id=f"{name}@{place}", reason="conflicting_line")
                continue
            merged = {**row, **merged}
        merged.pop("images", None)
        yield merged


def _parsed(line: bytes) -> Row | str:
    """The object on a line, empty for a blank one, or the reason why there is none."""
    if len(line) >= LINE_BYTES:
        return "line_too_long"
    try:
        found = json.loads(line.decode("utf-8-sig").strip() or "{}", parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return "bad_json"
    return found if isinstance(found, dict) else "bad_json"


def _keys(row: Row) -> list[Key]:
    """The names under which results may speak of a figure, surest first."""
    keys: list[Key] = []
    article, ids, files = row.get("article_accession_id"), row.get("image_id"), row.get("image_file_name")
    if article and (ids or files):
        keys.append(("figure", str(article), *map(str, _listed(ids)), "|", *map(str, _listed(files))))
    if isinstance(row.get("dataset_index"), int):
        keys.append(("index", row["dataset_index"]))
    return keys


def _key(row: Row) -> Key | None:
    return next(iter(_keys(row)), None)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


# ------------------------------------------------------------------------------------------------ tables


def _rows(root: Path, name: str) -> Iterator[tuple[Row, tuple[tuple[str, bytes], ...]] | Reject]:
    """The rows of one parquet file with their images."""
    try:
        with pq.ParquetFile(root / name) as file:
            columns = set(file.schema_arrow.names)
            if "question" not in columns and not {"images", "article_accession_id"} <= columns:
                yield Reject(id=name, reason="unknown_columns", detail=", ".join(sorted(columns))[:500])
                return
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    images = _pictures(row.pop("images", None))
                    yield row, images
    except (pa.ArrowException, OSError, ValueError) as error:
        yield Reject(id=name, reason="parquet_unreadable", detail=str(error)[:500])


def _pictures(cell: Any) -> tuple[tuple[str, bytes], ...]:
    """Name and bytes of each image of a cell; no bytes where the file holds only a path."""
    found = []
    for number, image in enumerate(_listed(cell)):
        data = image.get("bytes") if isinstance(image, Mapping) else None
        path = image.get("path") if isinstance(image, Mapping) else None
        found.append((str(path or f"{number}.png"), data if isinstance(data, bytes) else b""))
    return tuple(found)


# ------------------------------------------------------------------------------------------------- names


class _Naming:
    """Gives every entry names of its own, the same in every pass."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._before = self._given = ""
        self._number = 0

    def entry(self, row: Row, images: tuple[tuple[str, bytes], ...]) -> Entry:
        """An entry with its ids; those that it brings along are kept while they are unique."""
        article = _article_id(row, images, self._number)
        names = _listed(row.get("image_id"))
        wanted = _text(row.get("figure_id")) or f"{article}/{names[0] if names else self._number}"
        repeats = bool(row.get("figure_id")) and wanted == self._before
        self._before = wanted
        figure_id = self._given = self._given if repeats else self._unique(wanted)
        item_id = self._unique(_text(row.get("item_id")) or f"{figure_id}#0")
        self._number += 1
        return Entry(article_id=article, figure_id=figure_id, item_id=item_id, row=row, images=images, repeats=repeats)

    def _unique(self, wanted: str) -> str:
        name, copy = wanted, 1
        while name in self._taken:
            copy += 1
            name = f"{wanted}~{copy}"
        self._taken.add(name)
        return name


def _article_id(row: Row, images: tuple[tuple[str, bytes], ...], number: int) -> str:
    """Identity of the article: its own, else one that rows with the same images share, so that no split parts them."""
    if known := _text(row.get("article_id")) or _text(row.get("article_accession_id")):
        return known
    dataset = _text(row.get("dataset_name")) or "released"
    seen = text_hash(b"".join(data for _, data in images))[:16] if images else str(number)
    return f"file:{dataset}/{seen}"


def _text(value: Any) -> str:
    return str(value).strip() if value is not None else ""
