"""Locks name their holder, and fall with it."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medvlsynther.errors import StoreInUse, StoreTrouble
from medvlsynther.store import locks
from medvlsynther.store.locks import held, hold_open, holder, locked

HOLD = """
import sys
from pathlib import Path
from medvlsynther.store.locks import held
with held(Path(sys.argv[1]), "step"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE_S", 0.05)


def test_a_lock_names_its_holder_while_it_lives_and_falls_when_it_is_killed(
    tmp_path: Path, other: "subprocess.Popen[str]"
) -> None:
    name = f"process {other.pid} on "
    assert (holder(tmp_path, "step") or "").startswith(name)
    with pytest.raises(StoreInUse, match=f"step is being written by {name}"), held(tmp_path, "step"):
        raise AssertionError
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert (tmp_path / "step.holder").exists()
    assert holder(tmp_path, "step") is None
    with held(tmp_path, "step"):
        assert (tmp_path / "step.holder").read_text().startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / "step.holder").exists()


def test_nobody_holds_what_was_never_locked(tmp_path: Path) -> None:
    assert holder(tmp_path, "step") is None
    assert locked(tmp_path, "") == []
    with held(tmp_path, "share-1.0-of-2"):
        assert locked(tmp_path, "share-1.") == ["share-1.0-of-2"]
        assert locked(tmp_path, "share-2.") == []


def refusing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(file: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_a_file_system_that_gives_no_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "step.lock").touch()
    refusing(monkeypatch, number)
    with pytest.raises(StoreTrouble, match=r"No file can be locked here.*nolock"), held(tmp_path, "step"):
        raise AssertionError
    with pytest.raises(StoreTrouble, match="No file can be locked here"):
        holder(tmp_path, "step")


@pytest.mark.filterwarnings("ignore:.*flock")
def test_where_there_is_no_flock_at_all_a_lock_file_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, errno.ENOSYS)
    with held(tmp_path, "step"), pytest.raises(StoreInUse), held(tmp_path, "step"):
        raise AssertionError
    with held(tmp_path, "step"):
        pass


def test_an_open_file_is_held_by_one_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    with path.open("wb") as one, path.open("rb") as other:
        assert hold_open(one.fileno())
        assert not hold_open(other.fileno())
        one.close()
        assert hold_open(other.fileno())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_nobody_can_be_asked_an_open_file_counts_as_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refusing(monkeypatch, number)
    with (tmp_path / "segment").open("wb") as file:
        assert hold_open(file.fileno())
