"""Large tables: their groups grow, so that footers stay small, and their rows come back in order."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from medvlsynther.records import Reject
from medvlsynther.store import table
from medvlsynther.store.table import ROWS_A_GROUP, TIMES, Table, TableWriter


def test_groups_grow_with_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MANY_ROWS", 2 * ROWS_A_GROUP)
    count = (2 + TIMES) * ROWS_A_GROUP + 5
    with TableWriter(Reject, tmp_path / "rows") as writer:
        for number in range(count):
            writer.add(Reject(id=str(number), reason="x"))
    footer = pq.read_metadata(tmp_path / "rows")
    sizes = [footer.row_group(at).num_rows for at in range(footer.num_row_groups)]
    assert sizes == [ROWS_A_GROUP, ROWS_A_GROUP, TIMES * ROWS_A_GROUP, 5]
    assert [row.id for row in Table(Reject, tmp_path / "rows")] == [str(number) for number in range(count)]
