"""Typed parquet: a table of records on disk, read and written in bounded memory.

The Arrow schema is derived from the record class, so that anything can read it and nothing can drift. Bytes are
deterministic: equal rows give equal files.
"""

import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, Literal, Self, TypeVar, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq

from medvlsynther.errors import MissingInput, StoreTrouble
from medvlsynther.records import Record

R = TypeVar("R", bound=Record)
S = TypeVar("S", bound=Record)

ROWS_A_GROUP = 1024
"""Rows written at once: small enough that a reader of one row pays little, large enough to compress."""

MANY_ROWS, TIMES = 1 << 17, 8
"""Rows from which on a table's groups are so many times larger: all its readers hold what its footer says of groups."""

PRE_BUFFER = False
"""Arrow would hold all that it read of a file until its end."""

ROWS_AT_ONCE = 64
"""Rows turned into columns at once, a divisor of the above: the fewer objects live, the less the collector walks."""

_PLAIN: dict[object, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def arrow_type(annotation: Any) -> pa.DataType:
    """The Arrow type of a field's annotation.

    Raises: TypeError for an annotation that no table column can hold.
    """
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return pa.string()
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return pa.list_(pa.field("element", arrow_type(arguments[0]), nullable=False))
    if origin in (typing.Union, types.UnionType):
        (inner,) = (a for a in arguments if a is not type(None))
        return arrow_type(inner)
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return pa.struct(list(arrow_schema(annotation)))
    raise TypeError(f"no column type for {annotation!r}")


@cache
def arrow_schema(record: type[Record]) -> pa.Schema:
    """The Arrow schema of a record class; a field is nullable where the record allows None."""
    fields = []
    for name, info in record.model_fields.items():
        optional = type(None) in get_args(info.annotation)
        fields.append(pa.field(name, arrow_type(info.annotation), nullable=optional))
    return pa.schema(fields)


class Table(Generic[R]):
    """Rows of one record class, in order; iterating reads them in bounded memory, as often as one likes."""

    def __init__(self, record: type[R], path: Path) -> None:
        self.record = record
        self.path = path
        if not path.is_file():
            raise MissingInput(f"No table {path.name}", where=str(path.parent), mend="Run the step that writes it")

    def __len__(self) -> int:
        return int(pq.read_metadata(self.path).num_rows)

    def __iter__(self) -> Iterator[R]:
        with pq.ParquetFile(self.path, pre_buffer=PRE_BUFFER) as file:
            for batch in file.iter_batches(batch_size=ROWS_A_GROUP):
                for row in batch.to_pylist():
                    yield self.record.model_validate(row)

    def columns(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """Some columns only, as plain values: a fraction of the cost where a row is wide."""
        with pq.ParquetFile(self.path, pre_buffer=PRE_BUFFER) as file:
            for batch in file.iter_batches(batch_size=ROWS_A_GROUP, columns=list(names)):
                yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


class Part(Table[R]):
    """Some rows of a table, in order; row groups before and behind them are not read."""

    def __init__(self, table: Table[R], start: int, stop: int) -> None:
        super().__init__(table.record, table.path)
        self._start, self._stop = start, stop

    def __len__(self) -> int:
        return self._stop - self._start

    def __iter__(self) -> Iterator[R]:
        for batch in self._batches(None):
            for row in batch.to_pylist():
                yield self.record.model_validate(row)

    def columns(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """Some columns of these rows."""
        for batch in self._batches(list(names)):
            yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)

    def _batches(self, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self.path, pre_buffer=PRE_BUFFER) as file:
            end = 0
            for group in range(file.num_row_groups):
                first, end = end, end + file.metadata.row_group(group).num_rows
                if end <= self._start or first >= self._stop:
                    continue
                for batch in file.iter_batches(batch_size=ROWS_A_GROUP, row_groups=[group], columns=columns):
                    skipped = max(self._start - first, 0)
                    yield batch.slice(skipped, max(self._stop - first - skipped, 0))
                    first += len(batch)


class TableWriter(Generic[R]):
    """Writes one table, group by group; a context manager."""

    def __init__(self, record: type[R], path: Path) -> None:
        self.rows = 0
        self._schema = arrow_schema(record)
        self._fresh: list[R] = []
        self._group: list[pa.RecordBatch] = []
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def add(self, row: R) -> None:
        """Append one row."""
        self._fresh.append(row)
        self.rows += 1
        if len(self._fresh) >= ROWS_AT_ONCE:
            self._settle()
            if ROWS_AT_ONCE * len(self._group) >= ROWS_A_GROUP * (1 if self.rows <= MANY_ROWS else TIMES):
                self._flush()

    def _settle(self) -> None:
        """Turn the latest rows into columns."""
        if self._fresh:
            self._group.append(pa.RecordBatch.from_arrays(_columns(self._fresh, self._schema), schema=self._schema))
            self._fresh.clear()

    def _flush(self) -> None:
        if self._group:
            try:
                self._writer.write_table(pa.Table.from_batches(self._group).combine_chunks())
            except OSError as error:
                raise StoreTrouble(str(error), mend="Free some space and run again: nothing finished is lost") from None
            self._group.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._settle()
            self._flush()
        self._writer.close()


def _columns(records: Sequence[Record], fields: Iterable[pa.Field]) -> list[pa.Array]:
    rows = [vars(record) for record in records]
    return [_column(list(map(itemgetter(field.name), rows)), field.type) for field in fields]


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values of records as one Arrow array, field by field: several times faster than row by row through dicts."""
    if not (pa.types.is_struct(kind) or pa.types.is_list(kind)):
        return pa.array(values, kind)
    absent = [value is None for value in values]
    if all(absent):
        return pa.array(values, kind)
    mask = pa.array(absent) if any(absent) else None
    if pa.types.is_struct(kind):
        # Arrow wants sound fields even below a null: those of any other row do.
        some = next(value for value in values if value is not None)
        whole = [some if value is None else value for value in values] if mask else values
        return pa.StructArray.from_arrays(_columns(whole, kind), fields=list(kind), mask=mask)
    ends = [0, *accumulate(len(value or ()) for value in values)]
    inner = _column([each for value in values for each in value or ()], kind.value_type)
    return pa.ListArray.from_arrays(ends, inner, type=kind, mask=mask)


def along(left: Iterable[R], right: Iterable[S], on: str) -> Iterator[tuple[R, S]]:
    """Each left row with the right row of the same key, in one pass and without an index.

    Both sides must be in the same relative order, which every stage keeps; `right` may hold rows without a partner.
    Several left rows may share one right row.

    Raises: MissingInput when a left row has no partner at or after the previous one's.
    """
    rows = iter(right)
    partner: S | None = None
    for row in left:
        key = getattr(row, on)
        while partner is None or getattr(partner, on) != key:
            partner = next(rows, None)
            if partner is None:
                raise MissingInput(f"No row with {on} {key!r} to go with it", mend="Tables must keep their order")
        yield row, partner
