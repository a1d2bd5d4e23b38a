"""Segments of a ledger: lines that carry their length and CRC-32, one writer a segment, and the way to a bucket."""

import os
import re
import secrets
import threading
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from medvlsynther.errors import StoreTrouble
from medvlsynther.store.locks import hold_open
from medvlsynther.store.remote import Remote

SUFFIX = ".jsonl"
SYNC_EVERY_S = 0.5
"""A power cut loses at most this much; a killed process loses nothing that it had written."""
UPLOAD_EVERY_S = 5.0
"""How often a segment is brought to a bucket."""
_HEAD = re.compile(rb'\{"key":"([!#-\[\]-~]+)","crc32":"([0-9a-f]{8})","bytes":(\d{1,9}),"reply":')
_NUMBER = re.compile(r"s(\d{10})-")


class Writer:
    """One process's segment, brought to the disk twice a second by a thread of its own."""

    def __init__(self, folder: Path, number: int, seen: list[str], remote: Remote | None) -> None:
        """A new segment, the `number`-th of its ledger, whose name stands behind those of the segments `seen`."""
        self.number = number
        self.owner = os.getpid()
        self.end = 0
        self.path = folder / f"{_behind(seen)}-{secrets.token_hex(8)}{SUFFIX}"
        self._trouble: OSError | StoreTrouble | None = None
        self._dirty = False
        self._remote = remote
        self._sent, self._sent_s = 0, time.monotonic()
        self._stop = threading.Event()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
            hold_open(self._file)
        except OSError as error:
            raise trouble(error, folder) from None
        self._thread = threading.Thread(target=self._keep_synced, name="ledger-sync", daemon=True)
        self._thread.start()

    def append(self, line: bytes) -> int:
        """Write a line; gives its offset. What a failed write left behind is written over by the next one."""
        if self._trouble is not None:
            raise trouble(self._trouble, self.path.parent)
        start = done = self.end
        try:
            while done < start + len(line):
                done += os.pwrite(self._file, line[done - start :], done)
        except OSError as error:
            self._cut(start)
            raise trouble(error, self.path.parent) from None
        self.end = done
        self._dirty = True
        return start

    def retire(self) -> None:
        """Nothing more comes: bring it to the disk, and wait for that in `close`."""
        self._stop.set()

    def close(self) -> None:
        """Sync and close."""
        self.retire()
        self._thread.join()
        os.close(self._file)
        if self._trouble is not None:
            raise trouble(self._trouble, self.path.parent)

    def _cut(self, end: int) -> None:
        try:
            os.ftruncate(self._file, end)
        except OSError:  # readers skip the torn line, and the next write covers it
            return

    def _keep_synced(self) -> None:
        last = False
        while not last:
            last = self._stop.wait(SYNC_EVERY_S)
            if self._dirty and self._trouble is None:
                self._dirty = False
                try:
                    os.fdatasync(self._file)
                except OSError as error:
                    self._trouble = error
            if self._remote is not None and (last or time.monotonic() - self._sent_s >= UPLOAD_EVERY_S):
                self._send(self._remote, last=last)

    def _send(self, remote: Remote, *, last: bool) -> None:
        """Bring what was written since the last time to the bucket; the last time it must succeed."""
        end, self._sent_s = self.end, time.monotonic()
        if end == self._sent:
            return
        try:
            remote.upload(self.path, f"replies/{self.path.parent.name}/{self.path.name}")
            self._sent = end
        except StoreTrouble as error:
            if last:
                self._trouble = error


def _behind(seen: list[str]) -> str:
    """The beginning of a name that stands behind all those seen; names that begin with a date are older than these."""
    numbers = [int(found[1]) for found in map(_NUMBER.match, seen) if found]
    return f"s{max(numbers, default=0) + 1:010d}"


def line_of(key: str, value: Mapping[str, Any]) -> bytes:
    """The line of a reply: JSON with its length and CRC-32."""
    reply = orjson.dumps(dict(value))
    name = key.encode()
    return b'{"key":"%b","crc32":"%08x","bytes":%d,"reply":%b}\n' % (name, _crc(name, reply), len(reply), reply)


def _crc(key: bytes, reply: bytes | memoryview) -> int:
    return zlib.crc32(reply, zlib.crc32(key))


def key_of(line: bytes) -> str | None:
    """The key of an undamaged line; None for one that is torn or damaged."""
    head = _HEAD.match(line)
    if head is None:
        return None
    key, crc, size = head.groups()
    start, end = head.end(), head.end() + int(size)
    if line[end:] != b"}\n" or _crc(key, memoryview(line)[start:end]) != int(crc, 16):
        return None
    return key.decode()


def exchange(folder: Path, remote: Remote) -> None:
    """Bring segments of others here, and there what processes that were killed here left.

    Raises: OSError, StoreTrouble.
    """
    prefix = f"replies/{folder.name}"
    there = remote.sizes(prefix)
    for name, size in there.items():
        path = folder / name
        if name.endswith(SUFFIX) and (not path.exists() or path.stat().st_size < size):
            remote.download(f"{prefix}/{name}", path)
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.stat().st_size > there.get(path.name, 0):
            with path.open("rb") as file:
                if hold_open(file.fileno()):
                    remote.upload(path, f"{prefix}/{path.name}")


def trouble(error: OSError | StoreTrouble, folder: Path) -> StoreTrouble:
    """What an error of the disk or of the bucket is to the user."""
    if isinstance(error, StoreTrouble):
        return error
    return StoreTrouble(
        f"The replies cannot be kept: {error.strerror or error}",
        where=str(folder),
        mend="Free space or mend the permissions, then run again: what was answered is not asked again",
    )
