"""What a pack holds: hashes, and where their bytes begin, from its index and from the headers behind that.

An index lies beside its pack: for the first so many bytes of the pack, the hashes in order and where their bytes begin.
What it does not cover, or all where it is missing or damaged, is read off the headers of the pack.
"""

import os
import struct
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medvlsynther.errors import InputError
from medvlsynther.store.tar import BLOCK, Damage, Tar

INDEX = ".index"
WORTH_AN_INDEX = 256
"""Members without index from which on whoever read their headers writes them an index."""
_MAGIC = b"medvlsynther packed images 1\n"
_HEAD = struct.Struct(">QQI")
"""Of an index, after the magic: bytes of the pack that it covers, members, CRC-32 of the arrays."""


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

    def try_to_save(self, path: Path) -> None:
        """Write the index file; it saves time and holds no truth of its own: where it cannot be written, never mind."""
        aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            aside.write_bytes(self.packed())
            aside.replace(path)
        except OSError:
            aside.unlink(missing_ok=True)


EMPTY = Entries.of(0, {})


@dataclass
class Pack:
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
            self.indexed.try_to_save(self.path.with_suffix(INDEX))


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
