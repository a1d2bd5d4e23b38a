"""Decisions as files for others."""

import csv
from collections.abc import Sequence
from io import BytesIO, StringIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from medvlsynther.records import Decision
from medvlsynther.store.table import arrow_schema


def as_jsonl(decisions: Sequence[Decision]) -> bytes:
    """One JSON object a line."""
    return b"".join(orjson.dumps(each.model_dump(), option=orjson.OPT_APPEND_NEWLINE) for each in decisions)


def as_csv(decisions: Sequence[Decision]) -> bytes:
    """One row a decision; what is a list is JSON in its cell. A cell that a spreadsheet would compute is quoted."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Decision.model_fields)
    for each in decisions:
        writer.writerow([_cell(value) for value in each.model_dump().values()])
    return out.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    if isinstance(value, (tuple, list)):
        return orjson.dumps(value).decode()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def as_parquet(decisions: Sequence[Decision]) -> bytes:
    """A table of `Decision` records."""
    out = BytesIO()
    rows = pa.Table.from_pylist([each.model_dump() for each in decisions], schema=arrow_schema(Decision))
    pq.write_table(rows, out, compression="zstd")
    return out.getvalue()


FORMS = {
    "jsonl": (as_jsonl, "application/x-ndjson"),
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "parquet": (as_parquet, "application/vnd.apache.parquet"),
}
"""Ending to how it is written and its media type."""
