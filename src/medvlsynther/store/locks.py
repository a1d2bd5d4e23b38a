"""Who works on what now: locks that name their holder, and that fall with it.

A lock is the system's own on a file, so a holder that was killed holds nothing any more. Where a file system has none
(some network file systems), a lock file stands in: it names process and host, and another process of that host takes
it over once the holder is gone. Where the store lies in a bucket, a lease there is held as well.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from filelock import FileLock, Timeout

from medvlsynther.errors import StoreInUse, StoreTrouble
from medvlsynther.store.lease import leased, leaseholder
from medvlsynther.store.remote import remote_of

PATIENCE_S = 1.0
"""Longest wait for a lock: whoever only looks whether it is held lets go of it at once."""


@contextmanager
def held(folder: Path, name: str, what: str = "") -> Iterator[None]:
    """Hold a lock; `what` says in a message what goes on, if not that something is written.

    Raises: StoreInUse, which names the holder; StoreTrouble where the file system gives no locks.
    """
    note = folder / f"{name}.holder"
    lock = FileLock(folder / f"{name}.lock", timeout=PATIENCE_S)
    remote, what = remote_of(folder.parent), what or f"{name} is being written"
    try:
        lock.acquire()
    except Timeout:
        mend = "Wait for it, then run again"
        raise StoreInUse(f"{what} by {_named(note)}", mend=mend) from None
    except OSError as error:
        raise _lockless(error, folder) from None
    try:
        note.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        with leased(remote, name, what) if remote else nullcontext():
            yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def holder(folder: Path, name: str, *, sure: bool = False) -> str | None:
    """Who holds a lock; None where nobody does, or nobody who still lives: `sure` waits until that is certain.

    Raises: StoreTrouble where the file system gives no locks.
    """
    here = _holder_here(folder / f"{name}.holder", folder / f"{name}.lock")
    remote = remote_of(folder.parent)
    return here or (leaseholder(remote, name, sure=sure) if remote else None)


def _holder_here(note: Path, file: Path) -> str | None:
    if not file.exists():
        return None
    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return _named(note)
    except OSError as error:
        raise _lockless(error, file.parent) from None
    lock.release()
    return None


def locked(folder: Path, prefix: str) -> list[str]:
    """Names of the locks with a prefix, held or not."""
    remote = remote_of(folder.parent)
    names = {path.name for path in folder.glob(f"{prefix}*.lock")}
    names |= {name for name in remote.sizes("locks") if name.startswith(prefix)} if remote else set()
    return sorted(name.removesuffix(".lock") for name in names)


def hold_open(file: int) -> bool:
    """Hold a file for as long as it is open, to show that its writer lives; False where another does.

    Where the file system has no locks nobody can be asked, and nothing is lost but the time of an upload: True.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _named(note: Path) -> str:
    try:
        return note.read_text() or "another process"
    except OSError:
        return "another process"


def _lockless(error: OSError, folder: Path) -> StoreTrouble:
    mend = "Mount it with locks (NFS: without `nolock`), or put the store on another file system"
    return StoreTrouble(f"No file can be locked here: {error.strerror}", where=str(folder), mend=mend)
