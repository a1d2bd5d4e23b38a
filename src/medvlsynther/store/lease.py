"""Locks in a bucket: an object that names its holder, and beats while the holder lives.

Nobody's clock is compared with anybody's: whether a holder on another host lives is seen from its beats, watched by
one's own stopwatch; on the same host and boot, its process is looked for. Taking a lock over from a dead holder is as
sure as a bucket allows; should two processes ever hold one, they write the same bytes twice.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from medvlsynther.errors import StoreInUse, StoreTrouble
from medvlsynther.store.remote import Remote

BEAT_S = 5.0
"""How often a holder says that it lives."""
DEAD_S = 4 * BEAT_S
"""A holder that did not say so for this long is dead."""
_SEEN: dict[str, tuple[bytes, float]] = {}
"""URL and name of a lock to what was last seen there, and when that was first seen."""


@contextmanager
def leased(remote: Remote, name: str, what: str) -> Iterator[None]:
    """Hold a lock in a bucket; `what` says in a message what goes on.

    Raises: StoreInUse, which names the holder; StoreTrouble.
    """
    key, nonce = _key(name), secrets.token_hex(8)
    while not remote.create(key, _said(nonce, 0)):
        found = remote.read(key)
        if found is None:
            continue
        if _alive(remote, name, found):
            who = _about(found).get("holder", "another process")
            raise StoreInUse(f"{what} by {who}", mend="Wait for it, then run again")
        remote.write(key, _said(nonce, 0))
        time.sleep(BEAT_S / 10)
        if _about(remote.read(key)).get("nonce") == nonce:
            break
    stop = threading.Event()
    beating = threading.Thread(target=_beat, args=(remote, key, nonce, stop), name="lease", daemon=True)
    beating.start()
    try:
        yield
    finally:
        stop.set()
        beating.join()
        if _about(remote.read(key)).get("nonce") == nonce:
            remote.remove(key)


def leaseholder(remote: Remote, name: str, *, sure: bool = False) -> str | None:
    """Who holds a lock; None where nobody does, or somebody who is known to be dead.

    Whether a holder on another host lives takes a while to see; until then it is said to live, unless `sure` waits.

    Raises: StoreTrouble.
    """
    found = remote.read(_key(name))
    lives = _alive if sure else _lives
    if found is None or not lives(remote, name, found):
        return None
    return str(_about(found).get("holder", "another process"))


def _alive(remote: Remote, name: str, found: bytes) -> bool:
    """Whether a holder lives, found out if it takes a while."""
    while _lives(remote, name, found):
        if _here(_about(found)):
            return True
        time.sleep(BEAT_S / 5)
        now = remote.read(_key(name))
        if now != found:
            return now is not None and _about(now).get("nonce") == _about(found).get("nonce")
    return False


def _lives(remote: Remote, name: str, found: bytes) -> bool:
    about = _about(found)
    if _here(about):
        return _running(int(about.get("process", 0)))
    place = f"{remote.url} {name}"
    last, since_s = _SEEN.get(place, (b"", 0.0))
    now_s = time.monotonic()
    if last != found:
        _SEEN[place] = (found, now_s)
        return True
    return now_s - since_s < DEAD_S


def _beat(remote: Remote, key: str, nonce: str, stop: threading.Event) -> None:
    count = 0
    while not stop.wait(BEAT_S):
        count += 1
        try:
            if _about(remote.read(key)).get("nonce") != nonce:
                return
            remote.write(key, _said(nonce, count))
        except StoreTrouble:  # a moment without network: whoever watches is patient for some beats
            continue


def _said(nonce: str, count: int) -> bytes:
    about = {
        "holder": f"process {os.getpid()} on {socket.gethostname()}",
        "process": os.getpid(),
        "boot": _boot(),
        "nonce": nonce,
        "beat": count,
    }
    return orjson.dumps(about)


def _about(found: bytes | None) -> dict[str, Any]:
    try:
        about = orjson.loads(found or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return about if isinstance(about, dict) else {}


def _here(about: dict[str, Any]) -> bool:
    return bool(about.get("boot")) and about["boot"] == _boot()


def _boot() -> str:
    """What tells this machine, as booted now and with its processes numbered as here, from all others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _key(name: str) -> str:
    return f"locks/{name}.lock"
