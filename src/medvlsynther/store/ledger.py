"""Replies that were paid for: written the moment they arrive, never asked for again.

A ledger is a folder of segments. Each segment is written by one process alone, under a name that nobody else can take,
and is only ever appended to; so any number of processes may share a folder, on a network file system too, without a
lock. A line is JSON that any tool can read, and carries its own length and CRC-32:

    {"key":"<key>","crc32":"<8 hex digits>","bytes":<length of the reply>,"reply":{…}}

A line that was torn by a crash, or damaged since, is skipped and counted; nothing after it is lost. The index (24 bytes
a reply) is kept in sorted arrays and made anew from the segments at every start: one source of truth, and none to mend.

Which of several replies under one key counts is decided by the segments alone, never by a clock: the name of a segment
begins with a number greater than that of every segment that its writer could see. So a reply that was put because the
one before could not be used wins over it, on whichever hosts they were written; of two that were put without knowing
of each other, the one in the segment with the later name wins, wherever the ledger is opened. And an open ledger that
gave a reply once gives no other one later, unless it puts one itself.

Where the store lies in a bucket, a segment is brought there every few seconds and at its end, as an object that only
grows; those of others are brought here when the ledger is opened. A machine that is lost loses the replies of these
seconds; a process that is killed loses none, since the next one on its machine brings there what is left.
"""

import fcntl
import os
import re
import secrets
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import orjson

from medvlsynther.cards import Model
from medvlsynther.errors import StoreTrouble
from medvlsynther.fingerprint import fingerprint
from medvlsynther.store.remote import Remote, remote_of

SUFFIX = ".jsonl"
SYNC_EVERY_S = 0.5
"""A power cut loses at most this much; a killed process loses nothing that it had written."""
LOOK_EVERY_S = 1.0
"""How often a missing key is looked for in what other processes wrote since."""
UPLOAD_EVERY_S = 5.0
"""How often a segment is brought to a bucket."""
UPLOAD_MOST = 8 << 20
"""Bytes of a segment, brought to a bucket, after which the next one is begun."""
_OPEN_FILES = 32
_FRESH_MOST = 1 << 15
_LINE_MOST = 1 << 26
_HEAD = re.compile(rb'\{"key":"([!#-\[\]-~]+)","crc32":"([0-9a-f]{8})","bytes":(\d{1,9}),"reply":')
_NUMBER = re.compile(r"s(\d{10})-")
_KEY = re.compile(r"[!#-\[\]-~]+")


def ledger_folder(replies: Path, model: Model) -> Path:
    """The folder of a model's replies: `<name>-<hash>`, found by its hash if the card was renamed.

    The hash is of what the card says about the weights, not of its text: a mended comment finds its replies again.
    """
    digest = fingerprint([model.repo, model.revision, model.extra_body])[:8]
    remote = remote_of(replies.parent)
    names = [path.name for path in replies.glob(f"*-{digest}")] + (remote.folders("replies") if remote else [])
    kept = sorted(name for name in names if name.endswith(f"-{digest}"))
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", model.name or model.repo)
    return replies / (kept[0] if kept else f"{name}-{digest}")


class _Place(NamedTuple):
    """Where a line stands."""

    segment: int
    offset: int
    size: int


_PLACE = np.dtype([("segment", "<u4"), ("offset", "<u8"), ("size", "<u4")])


class _Index:
    """Places by 64-bit key: a small dict of the latest, and sorted arrays of the rest."""

    def __init__(self) -> None:
        self._fresh: dict[int, _Place] = {}
        self._keys: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._places: npt.NDArray[Any] = np.empty(0, dtype=_PLACE)

    def __setitem__(self, key: int, place: _Place) -> None:
        self._fresh[key] = place
        if len(self._fresh) >= _FRESH_MOST:
            self._settle()

    def get(self, key: int) -> _Place | None:
        """The latest place of a key."""
        if (place := self._fresh.get(key)) is not None:
            return place
        at = int(np.searchsorted(self._keys, np.uint64(key)))
        if at == len(self._keys) or int(self._keys[at]) != key:
            return None
        return _Place(*self._places[at].item())

    def places(self) -> npt.NDArray[Any]:
        """All places, in the order of their keys."""
        self._settle()
        return self._places.copy()

    def _settle(self) -> None:
        keys = np.array(sorted(self._fresh), dtype=np.uint64)
        places = np.array([self._fresh[key] for key in keys.tolist()], dtype=_PLACE)
        self._fresh.clear()
        at = np.searchsorted(self._keys, keys)
        known = at < len(self._keys)
        known[known] = self._keys[at[known]] == keys[known]
        self._places[at[known]] = places[known]
        self._places = np.insert(self._places, at[~known], places[~known])
        self._keys = np.insert(self._keys, at[~known], keys[~known])


class Ledger:
    """All replies of one model, by the key of their request."""

    def __init__(self, folder: Path) -> None:
        """Open a ledger; the folder is made when the first reply is put, and read when the first key is sought."""
        self.folder = folder
        self.damaged = 0
        """Lines that were skipped because they are torn or damaged, among those read so far."""
        self._lock = threading.RLock()
        self._index = _Index()
        self._segments: list[Path] = []
        self._read_to: list[int] = []
        self._files: OrderedDict[int, int] = OrderedDict()
        self._looked_s = float("-inf")
        self._remote = remote_of(folder.parent.parent)
        self._retired: list[_Writer] = []
        self._writer: _Writer | None = None
        self._closed = False

    def get(self, key: str) -> dict[str, Any] | None:
        """The reply put under a key by any process, or None.

        Raises: StoreTrouble when the folder cannot be read.
        """
        with self._lock:
            place = self._index.get(_digest(key))
            if place is None and time.monotonic() - self._looked_s >= LOOK_EVERY_S:
                self._look()
                place = self._index.get(_digest(key))
            entry = None if place is None else self._entry(place)
        return entry[1] if entry is not None and entry[0] == key else None

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a reply: plain JSON values under a key of printable ASCII without blanks, quotes or backslashes.

        Raises: StoreTrouble when it cannot be written; what was written before stays whole. ValueError for a bad key.
        """
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a ledger key: {key!r}")
        with self._lock:
            if self._closed:
                raise ValueError("the ledger is closed")
            writer = self._own_writer()
            line = _line(key, value)
            offset = writer.append(line)
            self._index[_digest(key)] = _Place(writer.number, offset, len(line))
            self._read_to[writer.number] = writer.end

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every key with its reply, in an order that depends on the keys alone."""
        with self._lock:
            self._look()
            places = self._index.places()
        for place in places:
            with self._lock:
                entry = self._entry(_Place(*place.item()))
            if entry is not None:
                yield entry

    def __len__(self) -> int:
        """Keys that have a reply."""
        with self._lock:
            self._look()
            return len(self._index.places())

    def close(self) -> None:
        """Bring everything to the disk and let go of all files; closing twice is no harm.

        Raises: StoreTrouble when the disk did not take what was written.
        """
        with self._lock:
            self._closed = True
            for file in self._files.values():
                os.close(file)
            self._files.clear()
            writer, self._writer = self._writer, None
        for each in [*self._retired, *([writer] if writer else [])]:
            if each.owner == os.getpid():
                each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _own_writer(self) -> "_Writer":
        """The segment of the calling process; a forked child starts its own instead of writing into its parent's."""
        if self._writer is not None and self._remote is not None and self._writer.end >= UPLOAD_MOST:
            self._writer.retire()
            self._retired.append(self._writer)
            self._writer = None
        if self._writer is None or self._writer.owner != os.getpid():
            self._look()
            seen = [path.name for path in self._segments]
            self._writer = _Writer(self.folder, len(self._segments), seen, self._remote)
            self._segments.append(self._writer.path)
            self._read_to.append(0)
        return self._writer

    def _look(self) -> None:
        """Read what any process has appended since the last look."""
        try:
            if self._remote is not None and self._looked_s < 0:
                _exchange(self.folder, self._remote)
            found = sorted(self.folder.glob(f"*{SUFFIX}"))
            known = {path: number for number, path in enumerate(self._segments)}
            for path in found:
                if path not in known:
                    known[path] = len(self._segments)
                    self._segments.append(path)
                    self._read_to.append(0)
            for path in found:
                self._read(known[path], opening=self._looked_s < 0)
        except OSError as error:
            raise _trouble(error, self.folder) from None
        self._looked_s = time.monotonic()

    def _read(self, number: int, *, opening: bool) -> None:
        """Index what was appended to a segment: all of it on opening, in the order of names; later, what is new."""
        with self._segments[number].open("rb") as file:
            offset = file.seek(self._read_to[number])
            while line := file.readline(_LINE_MOST):
                if not line.endswith(b"\n") and len(line) < _LINE_MOST:
                    break  # still being written, or torn by a crash: looked at again the next time
                if (key := _whole(line)) is None:
                    self.damaged += 1
                elif opening or self._is_news(_digest(key), number):
                    self._index[_digest(key)] = _Place(number, offset, len(line))
                offset += len(line)
            self._read_to[number] = offset

    def _is_news(self, digest: int, segment: int) -> bool:
        known = self._index.get(digest)
        return known is None or known.segment == segment

    def _entry(self, place: _Place) -> tuple[str, dict[str, Any]] | None:
        try:
            file = self._files.get(place.segment)
            if file is None:
                file = os.open(self._segments[place.segment], os.O_RDONLY | os.O_CLOEXEC)
                self._files[place.segment] = file
                if len(self._files) > _OPEN_FILES:
                    os.close(self._files.popitem(last=False)[1])
            line = os.pread(file, place.size, place.offset)
        except OSError as error:
            raise _trouble(error, self.folder) from None
        key = _whole(line)
        return None if key is None else (key, orjson.loads(line)["reply"])


class _Writer:
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
            _hold(self._file)
        except OSError as error:
            raise _trouble(error, folder) from None
        self._thread = threading.Thread(target=self._keep_synced, name="ledger-sync", daemon=True)
        self._thread.start()

    def append(self, line: bytes) -> int:
        """Write a line; gives its offset. What a failed write left behind is written over by the next one."""
        if self._trouble is not None:
            raise _trouble(self._trouble, self.path.parent)
        start = done = self.end
        try:
            while done < start + len(line):
                done += os.pwrite(self._file, line[done - start :], done)
        except OSError as error:
            self._cut(start)
            raise _trouble(error, self.path.parent) from None
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
            raise _trouble(self._trouble, self.path.parent)

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


def _digest(key: str) -> int:
    """64 bits of a key: fingerprints are that already, other keys are spread by their CRCs."""
    try:
        return int(key, 16) & 0xFFFFFFFFFFFFFFFF
    except ValueError:
        text = key.encode()
        return zlib.crc32(text) << 32 | zlib.adler32(text)


def _line(key: str, value: Mapping[str, Any]) -> bytes:
    reply = orjson.dumps(dict(value))
    name = key.encode()
    return b'{"key":"%b","crc32":"%08x","bytes":%d,"reply":%b}\n' % (name, _crc(name, reply), len(reply), reply)


def _crc(key: bytes, reply: bytes | memoryview) -> int:
    return zlib.crc32(reply, zlib.crc32(key))


def _whole(line: bytes) -> str | None:
    """The key of an undamaged line."""
    head = _HEAD.match(line)
    if head is None:
        return None
    key, crc, size = head.groups()
    start, end = head.end(), head.end() + int(size)
    if line[end:] != b"}\n" or _crc(key, memoryview(line)[start:end]) != int(crc, 16):
        return None
    return key.decode()


def _exchange(folder: Path, remote: Remote) -> None:
    """Bring segments of others here, and there what processes that were killed here left."""
    prefix = f"replies/{folder.name}"
    there = remote.sizes(prefix)
    for name, size in there.items():
        path = folder / name
        if name.endswith(SUFFIX) and (not path.exists() or path.stat().st_size < size):
            remote.download(f"{prefix}/{name}", path)
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.stat().st_size > there.get(path.name, 0):
            with path.open("rb") as file:
                if _hold(file.fileno()):
                    remote.upload(path, f"{prefix}/{path.name}")


def _hold(file: int) -> bool:
    """Hold a segment while it is open, to show that its writer lives; False where another process does."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _trouble(error: OSError | StoreTrouble, folder: Path) -> StoreTrouble:
    if isinstance(error, StoreTrouble):
        return error
    return StoreTrouble(
        f"The replies cannot be kept: {error.strerror or error}",
        where=str(folder),
        mend="Free space or mend the permissions, then run again: what was answered is not asked again",
    )
