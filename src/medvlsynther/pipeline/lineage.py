"""Looking inside a store: what a step holds, and how one item came to be or came to an end."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from medvlsynther.errors import MissingInput
from medvlsynther.pipeline.desk import REJECTS
from medvlsynther.store.layout import Store

KEYS = ("item_id", "question_id", "figure_id")
"""Columns that identify a row, finest first."""


@dataclass(frozen=True)
class Passage:
    """One step's word about one id."""

    step: str
    """Step id."""
    manifest: dict[str, Any]
    """The step's manifest."""
    row: dict[str, Any] | None
    """Its row, where it went through."""
    reject: dict[str, Any] | None
    """Its reject, where it ended."""


def runs(store: Store) -> list[str]:
    """Names of all recipes that ran on this store."""
    return sorted(path.parent.name for path in store.runs.glob("*/plan.json"))


def planned(store: Store, run: str) -> list[str]:
    """Step ids of a run, in order.

    Raises: MissingInput when no such run is known.
    """
    file = store.runs / run / "plan.json"
    if not file.is_file():
        known = ", ".join(runs(store)) or "none yet"
        raise MissingInput(f"No run {run!r} in this store", where=str(store.root), mend=f"Known runs: {known}")
    return [line["id"] for line in orjson.loads(file.read_bytes())]


def trace(store: Store, steps: list[str], wanted: str) -> Iterator[Passage]:
    """What each finished step says about an item, a figure or an article's figure, in order."""
    figure = wanted.partition("#")[0]
    for step_id in steps:
        manifest = store.manifest(step_id)
        if manifest is None:
            continue
        folder = store.step(step_id)
        row = _row(folder / manifest["table"], wanted, figure)
        reject = _first(folder / REJECTS, "id", wanted) or _first(folder / REJECTS, "id", figure)
        if row or reject:
            yield Passage(step_id, manifest, row, reject)


def _row(table: Path, wanted: str, figure: str) -> dict[str, Any] | None:
    columns = pq.read_schema(table).names
    key = next((name for name in KEYS if name in columns), None)
    if key is None:
        return None
    return _first(table, key, figure if key == "figure_id" else wanted)


def _first(table: Path, column: str, value: str) -> dict[str, Any] | None:
    rows: list[dict[str, Any]] = pq.read_table(table, filters=[(column, "=", value)]).slice(0, 1).to_pylist()
    return rows[0] if rows else None


def head(table: Path, count: int) -> list[dict[str, Any]]:
    """The first rows of a table, as plain values."""
    with pq.ParquetFile(table) as file:
        return list(islice((row for batch in file.iter_batches(64) for row in batch.to_pylist()), count))
