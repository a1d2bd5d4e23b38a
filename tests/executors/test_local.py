"""Processes of this machine: order, errors and deaths."""

import os
from functools import partial
from itertools import count, islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import MissingExtra, StepFailed
from medvlsynther.executors import local
from medvlsynther.executors.base import MOST, Batches
from medvlsynther.executors.local import Local
from tests.executors import work

TWO = Local(2)


@given(shards=st.integers(0, 2000), seconds=st.lists(st.floats(0, 100), max_size=40))
def test_batches_hold_every_shard_once_whatever_is_learnt(shards: int, seconds: list[float]) -> None:
    batches, found = Batches(range(shards)), []
    learnt = iter(seconds)
    while batch := batches.take():
        assert len(batch) <= MOST
        found += batch
        batches.learn(len(batch), next(learnt, 0.01))
    assert found == list(range(shards))


def test_slow_shards_go_one_by_one_and_quick_ones_together() -> None:
    slow, quick = Batches(count()), Batches(count())
    for _ in range(20):
        slow.learn(len(slow.take()), 10.0)
        quick.learn(len(quick.take()), 0.0001)
    assert len(slow.take()) == 1
    assert len(quick.take()) == MOST


def test_one_process_works_as_results_are_drawn() -> None:
    assert list(islice(Local(1).map(work.thrice, count()), 4)) == [(0, 0), (0, 1), (0, 2), (1, 0)]


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_of_the_house_travel_as_they_are_and_others_fail_the_step(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "ALONE_S", 0.0)
    with pytest.raises(MissingExtra, match=r"shard 20: The package 'nothing' is not installed\. pip install"):
        list(Local(workers).map(work.user_error, range(40)))
    with pytest.raises(StepFailed, match="ZeroDivisionError"):
        list(Local(workers).map(work.bug, range(40)))


def test_little_work_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_Pool", None)
    assert len(list(TWO.map(work.thrice, range(100)))) == 300


@pytest.mark.slow
def test_many_processes_give_the_same_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "ALONE_S", 0.0)
    assert list(TWO.map(work.thrice, range(500))) == list(Local(1).map(work.thrice, range(500)))
    assert len(set(TWO.map(work.pids, range(40))) - {os.getpid()}) == 2


@pytest.mark.slow
def test_a_killed_process_is_replaced_and_nothing_is_lost_or_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "ALONE_S", 0.0)
    deadly = frozenset({0, 7, 40})
    assert list(TWO.map(partial(work.killed_once, tmp_path, deadly), range(60))) == list(range(60))
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(StepFailed, match="A process died 4 times"):
        list(TWO.map(work.killed_always, range(3)))
