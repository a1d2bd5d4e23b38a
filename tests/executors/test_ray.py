"""A Ray cluster: the same results in the same order, whatever dies, lags or differs."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from medvlsynther.errors import ClusterTrouble, MissingExtra, StepFailed
from medvlsynther.executors import _nodes
from medvlsynther.executors import ray as on_ray
from medvlsynther.executors.base import AHEAD
from medvlsynther.executors.cluster import CLUSTERS, Cluster, Wanted
from medvlsynther.executors.local import Local
from medvlsynther.executors.ray import OnRay, joined
from medvlsynther.store.layout import Store
from tests.executors import work

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


@pytest.fixture
def cluster(wanted: Wanted, store: Store) -> Iterator[OnRay]:
    with joined(wanted, store) as executor:
        yield executor


def test_the_cluster_gives_what_one_process_gives(cluster: OnRay) -> None:
    assert list(cluster.map(work.thrice, range(700))) == list(Local(1).map(work.thrice, range(700)))
    assert list(cluster.map(work.thrice, [])) == []
    assert len(set(cluster.map(work.pids, range(60)))) >= 3
    assert set(cluster.map(work.folder_seen, range(9))) == {str(Path.cwd())}


def test_errors_of_the_house_travel_as_they_are_and_others_fail_the_step(cluster: OnRay) -> None:
    with pytest.raises(MissingExtra, match=r"shard 20: The package 'nothing' is not installed\. pip install"):
        list(cluster.map(work.user_error, range(40)))
    with pytest.raises(StepFailed, match="ZeroDivisionError"):
        list(cluster.map(work.bug, range(40)))


def test_a_bounded_number_of_batches_is_under_way(cluster: OnRay) -> None:
    drawn = 0

    def endless() -> Iterator[int]:
        nonlocal drawn
        while True:
            drawn += 1
            yield drawn

    results = cluster.map(work.pids, endless())
    list(islice(results, 8))
    time.sleep(1)
    assert drawn <= 8 + AHEAD * 4 * 16
    results.close()  # type: ignore[attr-defined]


def test_results_that_do_not_fit_into_the_memory_of_the_nodes_wait_on_the_disk(cluster: OnRay) -> None:
    taken = 0
    for number, data in enumerate(cluster.map(work.large, range(90))):
        assert data[:1] == bytes([number])
        taken += len(data)
        if number == 1:
            time.sleep(3)
    assert taken == 90 * 4 << 20


def test_killed_workers_are_replaced_and_nothing_is_lost_or_doubled(cluster: OnRay, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    killed = partial(work.killed_once, marks, frozenset({0, 7, 40}))
    assert list(cluster.map(killed, range(60))) == list(range(60))
    assert len(list(marks.iterdir())) == 3


def test_a_node_that_is_taken_away_loses_nothing(cluster: OnRay, nodes: Any, tmp_path: Path) -> None:
    node = nodes.add_node(num_cpus=2, object_store_memory=80 << 20)
    marks = tmp_path / "marks"
    marks.mkdir()
    results = cluster.map(partial(work.noted, marks), range(60))
    first = list(islice(results, 4))
    nodes.remove_node(node, allow_graceful=False)
    assert [*first, *results] == list(range(60))
    assert len(list(marks.iterdir())) == 60


def test_a_batch_that_everybody_waits_for_is_given_away_again(
    cluster: OnRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_ray, "PATIENCE_S", 1.0)
    marks = tmp_path / "marks"
    marks.mkdir()
    assert list(cluster.map(partial(work.stuck_once, marks), range(12))) == list(range(12))


def differing(**changes: Any) -> Any:
    own = _nodes.common

    def changed(*given: Any) -> _nodes.Common:
        return replace(own(*given), **changes)

    return changed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"release": "9.9"}, r"medvlsynther .* is installed there, here 9\.9"),
        ({"code": "0" * 16}, "has other files"),
        ({"packages": (("nonesuch", "1.0"),)}, r"without nonesuch 1\.0"),
        ({"home": "/nowhere"}, "no working folder /nowhere"),
        ({"folders": (("/nowhere/corpus", 3),)}, "does not see /nowhere/corpus"),
        ({"token": "/nowhere/token"}, "cannot read and write the store at /nowhere"),
        ({"name": "another"}, "sees another store"),
    ],
)
def test_nodes_that_differ_are_named_before_work_starts(
    changes: dict[str, Any], said: str, wanted: Wanted, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "name" in changes:  # the file in the store says otherwise
        monkeypatch.setattr(on_ray, "write_aside", lambda path, _: path.write_bytes(b"this one"))
    else:
        monkeypatch.setattr(_nodes, "common", differing(**changes))
    with pytest.raises(ClusterTrouble, match=said) as raised, joined(wanted, store):
        pytest.fail("work starts")
    assert str(raised.value).count("): ") == 2, "one of the two nodes is not named"


def test_a_node_that_joins_later_and_differs_does_nothing(wanted: Wanted) -> None:
    cluster = CLUSTERS.take(wanted)
    later = OnRay(cluster, replace(_nodes.common(), release="9.9").plain())
    with pytest.raises(ClusterTrouble, match="a node that joined later: medvlsynther"):
        list(later.map(work.thrice, range(9)))
    CLUSTERS.leave(wanted)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9"])
def test_a_cluster_that_does_not_answer_is_named_in_bounded_time(address: str) -> None:
    script = f"""
from medvlsynther.errors import ClusterTrouble
from medvlsynther.executors.cluster import Cluster, Wanted
try:
    Cluster(Wanted(address={address!r}, timeout_s=4))
except ClusterTrouble as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(f"No Ray cluster can be had at {address}: no answer within 4 s"), done.stderr


def test_what_was_joined_goes_on_when_we_leave(wanted: Wanted, nodes: Any, store: Store) -> None:
    with joined(wanted, store):
        assert len(list(store.locks.iterdir())) >= 3
    CLUSTERS.clear()
    assert not list(store.locks.iterdir()), "marks of the nodes stay behind"
    first = Cluster(wanted)
    assert not first.ours
    first.close()
    assert nodes.head_node.all_processes["raylet"][0].process.poll() is None
    second = Cluster(wanted)
    assert second.usable
    assert not first.usable, "a connection that was left is taken for the one made since"
    found = Cluster(wanted)
    found.close()
    assert second.usable, "another's connection was closed"
    second.close()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_the_extra_the_install_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'medvlsynther\[ray\]'"):
        Cluster(Wanted())
