"""Work on shards that was shared gives what it gives alone, whichever part others did."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.executors.local import Local
from medvlsynther.pipeline.sharing import Collecting, Sharing
from medvlsynther.records import Reject
from medvlsynther.store.layout import Store
from medvlsynther.store.shares import Leavings, Share


def work(done: list[int], shard: int) -> Iterator[Reject]:
    done.append(shard)
    for number in range(shard % 4):
        yield Reject(id=f"{shard}", reason=f"r{number}", detail="x\u2028y")


class Ahead:
    """An executor that draws many shards before it gives a result, as pools do."""

    def map(self, work: Callable[[Any], Iterable[Any]], shards: Iterable[Any]) -> Iterator[Any]:
        remaining = iter(shards)
        while window := [shard for _, shard in zip(range(5), remaining)]:
            yield from [result for shard in window for result in work(shard)]


def leavings(folder: Path) -> Leavings:
    store = Store(folder)
    store.prepare()
    place = Leavings(store, "images-1")
    place.folder.mkdir()
    return place


@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    shares=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(0, 60)), max_size=4),
    pool=st.sampled_from([Local(1), Ahead()]),
)
def test_any_parts_of_any_shares_give_what_one_process_gives(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], shares: list[tuple[int, int, int]], pool: Any
) -> None:
    place = leavings(tmp_path_factory.mktemp("store"))
    expected = [list(Local(1).map(partial(work, []), range(count))) for count in counts]
    done: list[int] = []
    for number, of, killed_after in shares:
        share = Share(number % of, of)
        with place.writer(share) as writer:
            sharing = Sharing(pool, place, share, writer)
            results = (each for count in counts for each in sharing.map(partial(work, done), range(count)))
            for _ in zip(range(killed_after), results):
                pass
    done.clear()
    collecting = Collecting(pool, place)
    assert [list(collecting.map(partial(work, done), range(count))) for count in counts] == expected


def test_what_all_shares_did_is_not_done_again_and_no_share_does_it_twice(tmp_path: Path) -> None:
    place, done = leavings(tmp_path), list[int]()
    for share in [Share(0, 3), Share(2, 3), Share(1, 3), Share(0, 3)]:
        with place.writer(share) as writer:
            list(Sharing(Local(1), place, share, writer).map(partial(work, done), range(50)))
    assert sorted(done) == list(range(50))
    assert list(Collecting(Local(1), place).map(partial(work, done), range(50))) == [
        each for shard in range(50) for each in work([], shard)
    ]
    assert len(done) == 50


def test_what_cannot_be_kept_is_worked_out_again(tmp_path: Path) -> None:
    place = leavings(tmp_path)
    with place.writer(Share(0, 1)) as writer:
        assert list(Sharing(Local(1), place, Share(0, 1), writer).map(range, [2, 3])) == [0, 1, 0, 1, 2]
    assert list(Collecting(Local(1), place).map(range, [2, 3])) == [0, 1, 0, 1, 2]
