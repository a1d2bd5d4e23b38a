"""Work that is done on shards in tests: it travels by name, so it stands in a module of its own."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from medvlsynther.errors import MissingExtra


def thrice(number: int) -> Iterator[tuple[int, int]]:
    """Three results a shard."""
    for part in range(3):
        yield number, part


def pids(number: int) -> list[int]:
    """Where it runs; a while, so that all workers take part."""
    time.sleep(0.05)
    return [os.getpid()]


def folder_seen(number: int) -> list[str]:
    """The working folder."""
    return [str(Path.cwd())]


def user_error(number: int) -> list[int]:
    """An error with arguments of its own."""
    if number == 20:
        raise MissingExtra("nothing", "none", where="shard 20")
    return [number]


def bug(number: int) -> list[int]:
    """A fault of the work itself."""
    return [1 // (20 - number)]


def killed_once(folder: Path, deadly: frozenset[int], number: int) -> list[int]:
    """The worker dies over some shards, the first time that it sees them."""
    time.sleep(0.02)
    mark = folder / str(number)
    if number in deadly and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return [number]


def killed_always(number: int) -> list[int]:
    """The worker dies."""
    os.kill(os.getpid(), signal.SIGKILL)
    return [number]


def noted(folder: Path, number: int) -> list[int]:
    """Leaves a mark when it is done, which takes a while."""
    time.sleep(0.2)
    (folder / str(number)).touch()
    return [number]


def large(number: int) -> list[bytes]:
    """Four megabytes."""
    return [bytes([number % 256]) * (4 << 20)]


def stuck_once(folder: Path, number: int) -> list[int]:
    """The first worker that sees the last shard never comes to an end."""
    mark = folder / "stuck"
    if number == 11 and not mark.exists():
        mark.touch()
        time.sleep(3600)
    return [number]
