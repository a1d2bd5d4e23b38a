"""Tables give back exactly what was written, in order, with equal bytes for equal rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther import records
from medvlsynther.errors import MissingInput
from medvlsynther.records import (
    ArticleRef,
    Figure,
    GivenLabel,
    ImageRef,
    Licence,
    Mark,
    Opinion,
    Panel,
    Record,
    Reject,
    Verdict,
)
from medvlsynther.store.table import Table, TableWriter, along, arrow_schema

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
rejects = st.builds(Reject, id=words, reason=words, detail=words)
figures = st.builds(
    Figure,
    figure_id=words,
    article=st.builds(
        ArticleRef,
        article_id=words,
        licence=st.builds(Licence, code=words, standing=st.just("allowed"), reasons=st.tuples(words)),
    ),
    caption=words,
    mentions=st.lists(words, max_size=3).map(tuple),
    images=st.lists(st.builds(ImageRef, name=words), max_size=3).map(tuple),
    panels=st.lists(st.builds(Panel, label=words, start=st.integers(0, 9), end=st.integers(0, 9)), max_size=2).map(
        tuple
    ),
    labels=st.lists(st.builds(GivenLabel, name=words, source=words), max_size=2).map(tuple),
    category=st.none() | words,
    synthetic=st.booleans(),
)


def write(rows: list[Figure], path: Path) -> Path:
    with TableWriter(Figure, path) as writer:
        for row in rows:
            writer.add(row)
    return path


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(figures, max_size=5))
def test_what_was_written_is_read_back_equal_and_twice(
    rows: list[Figure], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(rows, tmp_path_factory.mktemp("t") / "figures.parquet")
    table = Table(Figure, path)
    assert list(table) == rows
    assert list(table) == rows
    assert len(table) == len(rows)


@settings(max_examples=10, deadline=None)
@given(rows=st.lists(figures, max_size=4))
def test_equal_rows_give_equal_bytes(rows: list[Figure], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("t")
    assert write(rows, folder / "a.parquet").read_bytes() == write(rows, folder / "b.parquet").read_bytes()


def test_more_rows_than_one_group_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "rejects.parquet"
    with TableWriter(Reject, path) as writer:
        for number in range(2500):
            writer.add(Reject(id=str(number), reason="r"))
    assert [row.id for row in Table(Reject, path)] == [str(n) for n in range(2500)]


opinions = st.none() | st.builds(Opinion, model=words, passed=st.none() | st.booleans())
verdicts = st.builds(
    Verdict,
    item_id=words,
    marks=st.lists(
        st.builds(
            Mark, criterion=words, passed=st.booleans(), score=st.floats(-9, 9), weight=st.floats(0, 9), note=words
        ),
        max_size=3,
    ).map(tuple),
    passed=st.booleans(),
    score=st.none() | st.floats(0, 1),
    second=opinions,
    rubric=words,
    rubric_hash=words,
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(verdicts, max_size=6))
def test_columns_built_field_by_field_equal_rows_converted_one_by_one(
    rows: list[Verdict], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("t") / "verdicts.parquet"
    with TableWriter(Verdict, path) as writer:
        for row in rows:
            writer.add(row)
    plain = pa.Table.from_pylist([row.model_dump() for row in rows], schema=arrow_schema(Verdict))
    assert pq.read_table(path).equals(plain)
    assert list(Table(Verdict, path)) == rows


def test_columns_give_what_the_rows_hold(tmp_path: Path) -> None:
    path = tmp_path / "rejects.parquet"
    with TableWriter(Reject, path) as writer:
        for number in range(1500):
            writer.add(Reject(id=str(number), reason="r", detail="d" * number))
    table = Table(Reject, path)
    assert list(table.columns("detail", "id")) == [(row.detail, row.id) for row in table]


def test_every_record_has_a_schema() -> None:
    classes = [c for c in vars(records).values() if isinstance(c, type) and issubclass(c, Record) and c is not Record]
    for record in classes:
        assert arrow_schema(record).names == list(record.model_fields)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"No table x\.parquet"):
        Table(Reject, tmp_path / "x.parquet")


def reject(name: str, reason: str = "") -> Reject:
    return Reject(id=name, reason=reason)


def test_along_pairs_rows_and_skips_partners_without_one() -> None:
    left = [reject("b", "1"), reject("b", "2"), reject("d", "3")]
    pairs = list(along(left, map(reject, "abcde"), "id"))
    assert [(a.reason, b.id) for a, b in pairs] == [("1", "b"), ("2", "b"), ("3", "d")]


def test_along_refuses_a_row_without_a_partner() -> None:
    with pytest.raises(MissingInput, match="'z'"):
        list(along([reject("z")], map(reject, "abc"), "id"))
