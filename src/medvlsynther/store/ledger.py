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

import os
import re
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from medvlsynther.cards import Model
from medvlsynther.fingerprint import fingerprint
from medvlsynther.store._ledger_index import Index, Place
from medvlsynther.store._ledger_segment import SUFFIX, Writer, exchange, key_of, line_of, trouble
from medvlsynther.store.remote import remote_of

LOOK_EVERY_S = 1.0
"""How often a missing key is looked for in what other processes wrote since."""
UPLOAD_MOST = 8 << 20
"""Bytes of a segment, brought to a bucket, after which the next one is begun."""
_OPEN_FILES = 32
_LINE_MOST = 1 << 26
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


class Ledger:
    """All replies of one model, by the key of their request."""

    def __init__(self, folder: Path) -> None:
        """Open a ledger; the folder is made when the first reply is put, and read when the first key is sought."""
        self.folder = folder
        self.damaged = 0
        """Lines that were skipped because they are torn or damaged, among those read so far."""
        self._lock = threading.RLock()
        self._index = Index()
        self._segments: list[Path] = []
        self._read_to: list[int] = []
        self._files: OrderedDict[int, int] = OrderedDict()
        self._looked_s = float("-inf")
        self._remote = remote_of(folder.parent.parent)
        self._retired: list[Writer] = []
        self._writer: Writer | None = None
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
            line = line_of(key, value)
            offset = writer.append(line)
            self._index[_digest(key)] = Place(writer.number, offset, len(line))
            self._read_to[writer.number] = writer.end

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every key with its reply, in an order that depends on the keys alone."""
        with self._lock:
            self._look()
            places = self._index.places()
        for place in places:
            with self._lock:
                entry = self._entry(Place(*place.item()))
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

    def _own_writer(self) -> Writer:
        """The segment of the calling process; a forked child starts its own instead of writing into its parent's."""
        if self._writer is not None and self._remote is not None and self._writer.end >= UPLOAD_MOST:
            self._writer.retire()
            self._retired.append(self._writer)
            self._writer = None
        if self._writer is None or self._writer.owner != os.getpid():
            self._look()
            seen = [path.name for path in self._segments]
            self._writer = Writer(self.folder, len(self._segments), seen, self._remote)
            self._segments.append(self._writer.path)
            self._read_to.append(0)
        return self._writer

    def _look(self) -> None:
        """Read what any process has appended since the last look."""
        try:
            if self._remote is not None and self._looked_s < 0:
                exchange(self.folder, self._remote)
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
            raise trouble(error, self.folder) from None
        self._looked_s = time.monotonic()

    def _read(self, number: int, *, opening: bool) -> None:
        """Index what was appended to a segment: all of it on opening, in the order of names; later, what is new."""
        with self._segments[number].open("rb") as file:
            offset = file.seek(self._read_to[number])
            while line := file.readline(_LINE_MOST):
                if not line.endswith(b"\n") and len(line) < _LINE_MOST:
                    break  # still being written, or torn by a crash: looked at again the next time
                if (key := key_of(line)) is None:
                    self.damaged += 1
                elif opening or self._is_news(_digest(key), number):
                    self._index[_digest(key)] = Place(number, offset, len(line))
                offset += len(line)
            self._read_to[number] = offset

    def _is_news(self, digest: int, segment: int) -> bool:
        known = self._index.get(digest)
        return known is None or known.segment == segment

    def _entry(self, place: Place) -> tuple[str, dict[str, Any]] | None:
        try:
            file = self._files.get(place.segment)
            if file is None:
                file = os.open(self._segments[place.segment], os.O_RDONLY | os.O_CLOEXEC)
                self._files[place.segment] = file
                if len(self._files) > _OPEN_FILES:
                    os.close(self._files.popitem(last=False)[1])
            line = os.pread(file, place.size, place.offset)
        except OSError as error:
            raise trouble(error, self.folder) from None
        key = key_of(line)
        return None if key is None else (key, orjson.loads(line)["reply"])


def _digest(key: str) -> int:
    """64 bits of a key: fingerprints are that already, other keys are spread by their CRCs."""
    try:
        return int(key, 16) & 0xFFFFFFFFFFFFFFFF
    except ValueError:
        text = key.encode()
        return zlib.crc32(text) << 32 | zlib.adler32(text)
