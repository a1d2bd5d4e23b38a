"""The pairs that people look at are the same as if all were held in memory."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medvlsynther.audit.likeliest import ends, gravest, likeliest
from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.classes import KINDS
from medvlsynther.store.table import Table, TableWriter

ROWS = st.lists(
    st.builds(
        Overlap,
        train_set=st.just("ours"),
        train_id=st.sampled_from("abc"),
        test_set=st.just("bench"),
        test_id=st.sampled_from("xyz"),
        layer=st.sampled_from(["joint", "bytes", "perceptual", "text"]),
        measure=st.just("m"),
        score=st.one_of(st.none(), st.sampled_from([0.5, 0.9, 1.0])),
        train_image=st.one_of(st.none(), st.integers(0, 1)),
        test_image=st.one_of(st.none(), st.integers(0, 1)),
        kind=st.one_of(st.none(), st.sampled_from([*KINDS, "a class of later times"])),
    ),
    max_size=30,
)


def written(folder: Path, rows: list[Overlap]) -> Table[Overlap]:
    path = folder / "overlaps.parquet"
    with TableWriter(Overlap, path) as writer:
        for row in rows:
            writer.add(row)
    return Table(Overlap, path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(ROWS, st.integers(1, 8))
def test_each_pair_once_the_worst_classes_first_then_by_score(tmp_path: Path, rows: list[Overlap], count: int) -> None:
    table = written(tmp_path, rows)
    first = gravest(table, 100)
    order = list(KINDS)
    worst: dict[object, int] = {}
    for row in rows:
        if row.layer == "joint" and row.kind in order:
            worst[ends(row)] = min(order.index(row.kind), worst.get(ends(row), len(order)))
    assert {pair: order.index(kind) for pair, kind in first.items()} == worst
    assert [worst[pair] for pair in first] == sorted(worst.values())
    found = likeliest(table, count, first)
    images = [r for r in rows if r.train_image is not None and r.test_image is not None]
    keys = [(*ends(r), r.train_image, r.test_image) for r in found]
    assert len(set(keys)) == len(keys) == min(count, len({(*ends(r), r.train_image, r.test_image) for r in images}))
    ranks = [(ends(r) not in first, -(r.score or 0)) for r in found]
    assert ranks == sorted(ranks)
