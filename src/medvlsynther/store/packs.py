"""Image bytes in append-only tar archives, found by SHA-256: thousands of images a file instead of one.

A pack is a plain tar of members `<sha256><suffix>`, written by one process alone under a name that nobody else can
take; any number of processes may write packs beside each other, and any tool can read them. A writer that was killed
leaves a torn tail, which is skipped. Beside a pack lies its index: for the first so many bytes of the pack, the hashes
in order and where their bytes begin. What an index does not cover, or all where it is missing or damaged, is read off
the headers of the pack: one source of truth, and none to mend.

Where the store lies in a bucket, packs that are settled go there with their indices; of packs that only the bucket has,
the indices are brought here, and single images are read out of them.
"""

import atexit
import fcntl
import os
import secrets
import struct
import tarfile
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medvlsynther.errors import InputError, StoreTrouble
from medvlsynther.store.remote import remote_of
from medvlsynther.store.tar import BLOCK, Damage, Tar

PACKS = "packs"
"""Folder of the packs, among the images of a store."""
PACK, INDEX = ".tar", ".index"
MOST_BYTES = 1 << 30
"""A pack that has grown to this is closed, and the next one begun."""
MOST_MEMBERS = 1 << 16
"""Members after which a pack is closed: what is not in an index yet is held in memory."""
WORTH_AN_INDEX = 256
"""Members without index from which on whoever read their headers writes them an index."""
_KEYS = "images/packs"
_OPEN_FILES = 32
_OPEN_FOLDERS = 8
_MAGIC = b"medvlsynther packed images 1\n"
_HEAD = struct.Struct(">QQI")
"""Of an index, after the magic: bytes of the pack that it covers, members, CRC-32 of the arrays."""


class Place(NamedTuple):
    """Where an image lies."""

    pack: Path
    offset: int
    """Of its bytes; its header is the block before."""
    size: int


class Entries:
    """Members of one pack as sorted arrays: 44 bytes an image."""

    def __init__(
        self, covered: int, heads: npt.NDArray[np.uint64], rests: bytes | memoryview, spans: npt.NDArray[np.uint64]
    ) -> None:
        self.covered = covered
        """Bytes of the pack that these arrays speak of."""
        self._heads = heads
        self._rests = rests
        self._spans = spans

    @classmethod
    def of(cls, covered: int, members: dict[bytes, tuple[int, int]]) -> "Entries":
        """The arrays of members given by hash (32 bytes) to offset and size."""
        order = sorted(members)
        heads = np.array([int.from_bytes(key[:8], "big") for key in order], dtype=np.uint64)
        spans = np.array([members[key] for key in order], dtype=np.uint64).reshape(-1, 2)
        return cls(covered, heads, b"".join(key[8:] for key in order), spans)

    def __len__(self) -> int:
        return len(self._heads)

    def get(self, key: bytes) -> tuple[int, int] | None:
        """Offset and size of the member with this hash."""
        at = int(np.searchsorted(self._heads, np.uint64(int.from_bytes(key[:8], "big"))))
        while at < len(self._heads) and int(self._heads[at]) == int.from_bytes(key[:8], "big"):
            if bytes(self._rests[24 * at : 24 * at + 24]) == key[8:]:
                return int(self._spans[at, 0]), int(self._spans[at, 1])
            at += 1
        return None

    def members(self) -> dict[bytes, tuple[int, int]]:
        """All of them, as `of` takes them."""
        return {
            int(self._heads[n]).to_bytes(8, "big") + bytes(self._rests[24 * n : 24 * n + 24]): (
                int(self._spans[n, 0]),
                int(self._spans[n, 1]),
            )
            for n in range(len(self))
        }

    def packed(self) -> bytes:
        """The index file."""
        arrays = self._heads.tobytes() + bytes(self._rests) + self._spans.tobytes()
        return _MAGIC + _HEAD.pack(self.covered, len(self), zlib.crc32(arrays)) + arrays

    @classmethod
    def load(cls, path: Path) -> "Entries | None":
        """An index file, mapped rather than read; None for one that is missing, torn or damaged."""
        start = len(_MAGIC) + _HEAD.size
        try:
            whole = np.memmap(path, dtype=np.uint8, mode="r")
        except (OSError, ValueError):  # missing, or empty
            return None
        head = whole[:start].tobytes()
        if len(head) < start or not head.startswith(_MAGIC):
            return None
        covered, count, crc = _HEAD.unpack(head[len(_MAGIC) :])
        if len(whole) != start + 48 * count or zlib.crc32(whole.data[start:]) != crc:
            return None
        heads = np.frombuffer(whole, dtype=np.uint64, count=count, offset=start)
        spans = np.frombuffer(whole, dtype=np.uint64, count=2 * count, offset=start + 32 * count).reshape(-1, 2)
        return cls(covered, heads, whole.data[start + 8 * count : start + 32 * count], spans)


EMPTY = Entries.of(0, {})


@dataclass
class _Pack:
    """What is known of a pack: its index, and behind it what was read off its headers since."""

    path: Path
    indexed: Entries = EMPTY
    tail: Entries = EMPTY
    seen: int = 0
    """Size of the file when it was last looked at."""

    def get(self, key: bytes) -> tuple[int, int] | None:
        """Offset and size of the member with this hash."""
        return self.indexed.get(key) or self.tail.get(key)

    def look(self, size: int) -> None:
        """Read what was appended since the last look.

        Raises: OSError.
        """
        if not self.seen:
            self.indexed = Entries.load(self.path.with_suffix(INDEX)) or EMPTY
            if self.indexed.covered > size:  # an index of another file: the headers are right
                self.indexed = EMPTY
            self.tail = Entries.of(self.indexed.covered, {})
        self.seen = size
        if size < self.tail.covered + BLOCK:
            return
        covered, found = walked(self.path, self.tail.covered)
        if found:
            self.tail = Entries.of(covered, self.tail.members() | found)
        if len(self.tail) >= WORTH_AN_INDEX:
            self.indexed = Entries.of(covered, self.indexed.members() | self.tail.members())
            self.tail = Entries.of(covered, {})
            _try_to_write(self.path.with_suffix(INDEX), self.indexed.packed())


def walked(path: Path, start: int) -> tuple[int, dict[bytes, tuple[int, int]]]:
    """The members from byte `start` of a pack on, read off their headers, and the byte up to which they reach.

    Raises: OSError.
    """
    covered = start
    found: dict[bytes, tuple[int, int]] = {}
    try:
        with Tar(path) as tar:
            for entry in tar.members(start):
                if isinstance(entry, Damage):
                    continue  # a torn tail, or a header that was damaged since: the members behind it still count
                key = key_of(entry.name.partition(".")[0])
                covered = entry.offset + -(-entry.size // BLOCK) * BLOCK
                if key is not None:
                    found.setdefault(key, (entry.offset, entry.size))
    except InputError as error:
        raise OSError(0, error.detail) from None
    return covered, found


def key_of(sha256: str) -> bytes | None:
    """The 32 bytes of a hash in lower-case hex; None for anything else."""
    try:
        key = bytes.fromhex(sha256)
    except ValueError:
        return None
    return key if len(key) == 32 and key.hex() == sha256 else None


class Packs:
    """All packs of a folder, as one process sees them, and the one that it writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._remote = remote_of(folder.parent.parent)
        self._lock = threading.RLock()
        self._packs: OrderedDict[Path, _Pack] = OrderedDict()
        self._files: OrderedDict[Path, int] = OrderedDict()
        self._looked = False
        self._writer: _Writer | None = None

    def places(self, sha256: str, *, anew: bool = True) -> list[Place]:
        """Where copies of an image lie; where none is known, packs are looked at again, unless `anew` is False.

        Raises: StoreTrouble where they cannot be read.
        """
        key = key_of(sha256)
        if key is None:
            return []
        with self._lock:
            known = self._looked
            if not known:
                self._look()
            found = self._known(key)
            if not found and anew and known:
                self._look()
                found = self._known(key)
            return found

    def read(self, place: Place) -> bytes:
        """The bytes at a place, as they are.

        Raises: OSError.
        """
        return self._bytes(place.pack, place.offset, place.size)

    def suffix(self, place: Place) -> str:
        """The suffix of a member's name; "" where its header is damaged.

        Raises: OSError.
        """
        header = self._bytes(place.pack, place.offset - BLOCK, BLOCK)
        return "".join(Path(header[:100].rstrip(b"\0").decode("utf-8", "replace")).suffixes)

    def _bytes(self, pack: Path, offset: int, size: int) -> bytes:
        with self._lock:
            try:
                return os.pread(self._file(pack), size, offset)
            except FileNotFoundError:
                if self._remote is None:
                    raise
        return self._remote.span(f"{_KEYS}/{pack.name}", offset, size)

    def put(self, sha256: str, data: bytes, suffix: str) -> None:
        """Append an image to this process's pack, unless a pack that is known holds it whole.

        Raises: StoreTrouble when it cannot be written; what was written before stays whole.
        """
        with self._lock:
            if any(self.holds(place, data) for place in self.places(sha256, anew=False)):
                return
            if self._writer is None or self._writer.owner != os.getpid():
                self._writer = _Writer(self.folder)
            self._writer.append(sha256, data, suffix)
            if self._writer.full:
                self._end()

    def holds(self, place: Place, data: bytes) -> bool:
        """Whether these bytes stand at a place."""
        try:
            return place.size == len(data) and self.read(place) == data
        except OSError:
            return False

    def settle(self) -> None:
        """Bring this process's pack to the disk, with its index and its end mark; the next image begins another.

        Before a bucket, all packs here that are settled are brought there.

        Raises: StoreTrouble when the disk or the bucket did not take it.
        """
        with self._lock:
            self._end()
            if self._remote is not None:
                self._send()

    def _end(self) -> None:
        with self._lock:
            writer, self._writer = self._writer, None
            if writer is not None and writer.owner == os.getpid():
                entries = writer.close()
                self._packs[writer.path] = _Pack(writer.path, entries, Entries.of(entries.covered, {}), writer.size)

    def close(self) -> None:
        """Bring this process's pack to the disk, and let go of all files."""
        with self._lock:
            self._end()
            while self._files:
                os.close(self._files.popitem()[1])

    def _known(self, key: bytes) -> list[Place]:
        found = []
        if self._writer is not None and (span := self._writer.members.get(key)) is not None:
            found.append(Place(self._writer.path, *span))
        spans = ((pack.path, pack.get(key)) for pack in reversed(self._packs.values()))
        found += [Place(path, *span) for path, span in spans if span is not None]
        if found and found[-1].pack in self._packs:
            self._packs.move_to_end(found[-1].pack)  # images are asked for much as they were written
        return found

    def _look(self) -> None:
        try:
            if self._remote is not None:
                self._fetch_indices()
            for path in sorted(self.folder.glob(f"*{PACK}")):
                if self._writer is not None and path == self._writer.path:
                    continue
                pack = self._packs.get(path) or _Pack(path)
                size = path.stat().st_size
                if size != pack.seen:
                    pack.look(size)
                    self._packs.setdefault(path, pack)
        except OSError as error:
            raise _trouble(error, self.folder) from None
        self._looked = True

    def _send(self) -> None:
        """Bring to the bucket what is settled here, by whichever process, and is not there yet."""
        assert self._remote is not None
        there = self._remote.sizes(_KEYS)
        for path in sorted(self.folder.glob(f"*{PACK}")):
            index = path.with_suffix(INDEX)
            with path.open("rb") as file:
                if not _lock(file.fileno()):
                    continue  # its writer lives, and brings it there itself
                if not index.exists():
                    _try_to_write(index, Entries.of(*walked(path, 0)).packed())
                if there.get(index.name) != index.stat().st_size or there.get(path.name) != path.stat().st_size:
                    self._remote.upload(path, f"{_KEYS}/{path.name}")
                    self._remote.upload(index, f"{_KEYS}/{index.name}")

    def _fetch_indices(self) -> None:
        """Know the packs that only the bucket has."""
        assert self._remote is not None
        there = self._remote.sizes(_KEYS)
        for name, size in there.items():
            index = self.folder / name
            pack = index.with_suffix(PACK)
            if index.suffix != INDEX or pack.exists():
                continue
            if not index.exists() or index.stat().st_size != size:
                self._remote.download(f"{_KEYS}/{name}", index)
            entries = Entries.load(index)
            if entries is not None and entries.covered <= there.get(pack.name, 0):
                self._packs[pack] = _Pack(pack, entries, Entries.of(entries.covered, {}), entries.covered)

    def _file(self, path: Path) -> int:
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if len(self._files) > _OPEN_FILES:
                os.close(self._files.popitem(last=False)[1])
        else:
            self._files.move_to_end(path)
        return file


class _Writer:
    """The pack of one process; a forked child starts its own."""

    def __init__(self, folder: Path) -> None:
        self.owner = os.getpid()
        self.path = folder / f"{secrets.token_hex(12)}{PACK}"
        self.members: dict[bytes, tuple[int, int]] = {}
        self.size = 0
        """Bytes of the file, once it is closed."""
        self._end = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644)
            _lock(self._file)
        except OSError as error:
            raise _trouble(error, folder) from None

    @property
    def full(self) -> bool:
        """Whether another pack is to be begun."""
        return self._end >= MOST_BYTES or len(self.members) >= MOST_MEMBERS

    def append(self, sha256: str, data: bytes, suffix: str) -> None:
        """Write a member. What a failed write left behind is written over by the next one."""
        header = tarfile.TarInfo(f"{sha256}{suffix}")
        header.size, header.mode = len(data), 0o644
        member = header.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % BLOCK)
        try:
            self._write(member)
        except OSError as error:
            self._cut()
            raise _trouble(error, self.path.parent) from None
        self.members[bytes.fromhex(sha256)] = (self._end + BLOCK, len(data))
        self._end += len(member)

    def close(self) -> Entries:
        """End mark, sync, index."""
        entries = Entries.of(self._end, self.members)
        try:
            self._write(bytes(2 * BLOCK))
            os.fdatasync(self._file)
        except OSError as error:
            self._cut()
            raise _trouble(error, self.path.parent) from None
        finally:
            os.close(self._file)
        self.size = self._end + 2 * BLOCK
        _try_to_write(self.path.with_suffix(INDEX), entries.packed())
        return entries

    def _write(self, data: bytes) -> None:
        done = 0
        while done < len(data):
            done += os.pwrite(self._file, data[done:], self._end + done)

    def _cut(self) -> None:
        try:
            os.ftruncate(self._file, self._end)
        except OSError:  # readers skip the torn member, and the next write covers it
            return


def _lock(file: int) -> bool:
    """Hold a file for as long as it is open; False where somebody else does."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: then nobody can be asked, and nothing is lost but an upload's time
        return True
    return True


def _try_to_write(path: Path, data: bytes) -> None:
    """An index saves time and holds no truth of its own: where it cannot be written, it is done without."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)


def _trouble(error: OSError, folder: Path) -> StoreTrouble:
    return StoreTrouble(
        f"The images cannot be kept: {error.strerror or error}",
        where=str(folder),
        mend="Free some space or mend the permissions and run again: nothing is lost",
    )


_OPENED: OrderedDict[Path, Packs] = OrderedDict()
_OPENING = threading.Lock()


def opened(folder: Path) -> Packs:
    """A folder of packs as this process sees it: one view for all who ask, settled when the process ends."""
    with _OPENING:
        packs = _OPENED.get(folder)
        if packs is None:
            packs = _OPENED[folder] = Packs(folder)
            if len(_OPENED) > _OPEN_FOLDERS:
                _OPENED.popitem(last=False)[1].close()
        else:
            _OPENED.move_to_end(folder)
        return packs


def release(folder: Path) -> None:
    """Close this process's view of a folder; the next one looks at the files anew."""
    with _OPENING:
        packs = _OPENED.pop(folder, None)
    if packs is not None:
        packs.close()


def settle(folder: Path) -> None:
    """Bring to the disk what this process put into a folder of packs.

    Raises: StoreTrouble when the disk did not take it.
    """
    packs = opened(folder) if remote_of(folder.parent.parent) else _OPENED.get(folder)
    if packs is not None:
        packs.settle()


def _release_all() -> None:
    for folder in list(_OPENED):
        release(folder)


atexit.register(_release_all)
