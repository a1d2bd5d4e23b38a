"""The few pairs that people look at, out of an audit's millions: found by column, so that memory stays small."""

from collections.abc import Iterator, Mapping
from heapq import nsmallest
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.classes import KINDS, Kind
from medvlsynther.store.table import Table

Ends = tuple[str, str, str, str]
"""Train set, train item, test set, test item."""

MEASURES = 4
"""Ways in which one pair of images may have been found."""

_ENDS = ("train_set", "train_id", "test_set", "test_id")


def ends(overlap: Overlap) -> Ends:
    """What a row is about."""
    return overlap.train_set, overlap.train_id, overlap.test_set, overlap.test_id


def gravest(table: Table[Overlap], count: int) -> dict[Ends, Kind]:
    """The pairs of the worst classes, no more than `count`, worst first."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    joint = (pc.field("layer") == "joint") & pc.field("kind").isin(list(order))
    rows = ((order[row["kind"]], *(row[name] for name in _ENDS)) for _, row in _rows(table, joint, "kind", *_ENDS))
    kinds = list(KINDS)
    found: dict[Ends, Kind] = {}
    for place, a, b, c, d in nsmallest(count, rows):
        found.setdefault((a, b, c, d), kinds[place])
    return found


def likeliest(table: Table[Overlap], count: int, first: Mapping[Ends, object] | None = None) -> list[Overlap]:
    """The pairs of images with the highest scores, each once; those of the items in `first` stand before all others."""
    chosen = first or {}
    both = pc.field("train_image").is_valid() & pc.field("test_image").is_valid()
    ranked = nsmallest(
        count * MEASURES,
        (
            (
                tuple(row[name] for name in _ENDS) not in chosen,
                -(row["score"] or 0.0),
                row["train_id"],
                row["test_id"],
                n,
            )
            for n, row in _rows(table, both, "score", *_ENDS)
        ),
    )
    found: dict[tuple[object, ...], Overlap] = {}
    for overlap in _read(table, [number for *_, number in ranked]):
        found.setdefault((*ends(overlap), overlap.train_image, overlap.test_image), overlap)
    return list(found.values())[:count]


def _rows(table: Table[Overlap], where: pc.Expression, *columns: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Some columns of the rows that fit, each with its number in the table."""
    needed = [*columns, *({"layer", "train_image", "test_image"} - set(columns))]
    start = 0
    with pq.ParquetFile(table.path) as file:
        for batch in file.iter_batches(columns=needed):
            numbers = pa.array(range(start, start + len(batch)), pa.int64())
            fitting = pa.table(batch).append_column("number", numbers).filter(where).to_pylist()
            yield from ((row["number"], row) for row in fitting)
            start += len(batch)


def _read(table: Table[Overlap], numbers: list[int]) -> list[Overlap]:
    """Rows by their numbers, in the order of these."""
    wanted, start = set(numbers), 0
    found: dict[int, Overlap] = {}
    with pq.ParquetFile(table.path) as file:
        for batch in file.iter_batches():
            here = [number for number in range(start, start + len(batch)) if number in wanted]
            rows = batch.take([number - start for number in here]).to_pylist() if here else []
            found.update(zip(here, map(Overlap.model_validate, rows), strict=True))
            start += len(batch)
    return [found[number] for number in numbers]
