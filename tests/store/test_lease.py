"""Leases in a bucket: one holder, who is named; the dead are found out by their silence, whatever clocks say."""

import os
import subprocess
import sys
import threading
import time

import orjson
import pytest

from medvlsynther.errors import StoreInUse
from medvlsynther.store import lease
from medvlsynther.store.lease import leased, leaseholder
from medvlsynther.store.remote import Remote


class Shelf(Remote):
    """A bucket in memory."""

    def __init__(self) -> None:
        super().__init__("s3://bucket/prefix")
        self.held: dict[str, bytes] = {}

    def create(self, key: str, data: bytes) -> bool:
        return self.held.setdefault(key, data) is data

    def read(self, key: str) -> bytes | None:
        return self.held.get(key)

    def write(self, key: str, data: bytes) -> None:
        self.held[key] = data

    def remove(self, prefix: str) -> None:
        self.held.pop(prefix, None)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.05)
    monkeypatch.setattr(lease, "DEAD_S", 0.4)
    monkeypatch.setattr(lease, "_SEEN", {})


def elsewhere(beat: int = 0) -> bytes:
    about = {"holder": "process 7 on node7", "process": os.getpid(), "boot": "another", "nonce": "n", "beat": beat}
    return orjson.dumps(about)


def test_one_holds_it_and_is_named_and_leaves_nothing() -> None:
    shelf = Shelf()
    with leased(shelf, "step", "step is being written"):
        assert (leaseholder(shelf, "step") or "").startswith(f"process {os.getpid()} on ")
        again = leased(shelf, "step", "step is being written")
        with pytest.raises(StoreInUse, match=f"step is being written by process {os.getpid()}"), again:
            raise AssertionError
    assert shelf.held == {}
    assert leaseholder(shelf, "step") is None


def test_a_holder_that_died_on_this_machine_is_seen_at_once() -> None:
    shelf = Shelf()
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    about = orjson.loads(lease._said("n", 0)) | {"process": int(child.stdout)}
    shelf.held["locks/step.lock"] = orjson.dumps(about)
    assert leaseholder(shelf, "step") is None
    with leased(shelf, "step", ""):
        assert leaseholder(shelf, "step") is not None


def test_a_silent_holder_elsewhere_is_dead_after_a_while_and_its_lock_is_taken_over() -> None:
    shelf = Shelf()
    shelf.held["locks/step.lock"] = elsewhere()
    assert leaseholder(shelf, "step") == "process 7 on node7"
    assert leaseholder(shelf, "step", sure=True) is None
    with leased(shelf, "step", ""):
        assert (leaseholder(shelf, "step") or "").startswith(f"process {os.getpid()} on ")


def test_a_beating_holder_elsewhere_lives() -> None:
    shelf, stop = Shelf(), threading.Event()

    def beats() -> None:
        count = 0
        while not stop.wait(0.02):
            count += 1
            shelf.held["locks/step.lock"] = elsewhere(count)

    thread = threading.Thread(target=beats)
    thread.start()
    try:
        while not shelf.held:
            time.sleep(0.01)
        assert leaseholder(shelf, "step", sure=True) == "process 7 on node7"
        with pytest.raises(StoreInUse, match="process 7 on node7"), leased(shelf, "step", "it is being written"):
            raise AssertionError
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b"{}"])
def test_a_lock_that_says_nothing_is_taken_over(content: bytes) -> None:
    shelf = Shelf()
    shelf.held["locks/step.lock"] = content
    with leased(shelf, "step", ""):
        assert b"nonce" in shelf.held["locks/step.lock"]


def test_who_lost_a_lock_does_not_remove_that_of_another() -> None:
    shelf = Shelf()
    with leased(shelf, "step", ""):
        shelf.held["locks/step.lock"] = elsewhere()
    assert shelf.held["locks/step.lock"] == elsewhere()
