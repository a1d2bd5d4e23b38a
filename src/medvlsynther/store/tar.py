"""Tar archives read by offset: one pass over the 512-byte headers, payloads only where they are wanted.

`tarfile` gives up at the first damaged header and builds an object a member; here a damaged region is reported and the
walk goes on at the next header whose checksum is right, and a member is three values. Nothing is ever written to disk
under a member's name, so a name cannot leave any folder.
"""

import os
import re
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self, cast

from medvlsynther.errors import InputError
from medvlsynther.store.mirror import content

BLOCK = 512
"""Bytes of a tar block."""

UNPACKED_LIMIT_BYTES = 1 << 30
"""What a gzip-compressed archive may unpack to: packages of articles stay far below, bombs do not."""

_CHUNK = 1 << 20
_WINDOW = 1 << 12
_NAME_LIMIT_BYTES = 1 << 16
_GZIP = b"\x1f\x8b"
_LFS = b"version https://git-lfs"
_ZERO = bytes(BLOCK)
_ADLER_MODULUS = 65521
_REGULAR = (b"0", b"\0")
_EXTENDED = (b"x", b"g", b"L", b"K")
_FIELDS = struct.Struct("100s24x12s12x8sc100x6s82x155s12x")
"""Of a header: name, size, checksum, type, magic, prefix."""
_PAX_RECORD = re.compile(rb"\d+ (path|size)=([^\n]*)\n")


class Member(NamedTuple):
    """A regular file inside an archive."""

    name: str
    """Its path as written, "/" between folders."""
    offset: int
    """Where its bytes begin in the (unpacked) archive."""
    size: int
    """How many bytes it has."""


class Damage(NamedTuple):
    """A part of an archive that cannot be read; what stands before and after it still is."""

    reason: str
    """Counted code: `tar_truncated`, `tar_damaged`, `gzip_damaged`, `tar_too_large`."""
    detail: str
    """Where, for people."""


class Tar:
    """An archive open for reading by offset; plain, or gzip-compressed and then unpacked once into a temporary file.

    A pointer to an object in a bucket is read out of the object.

    Raises: InputError(tar_unreadable, lfs_pointer) on opening.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._damage: list[Damage] = []
        try:
            self._remote = content(path)
            self._file: BinaryIO = cast(BinaryIO, self._remote) if self._remote else path.open("rb")
        except OSError as error:
            raise InputError("tar_unreadable", f"{path.name}: {error.strerror}") from None
        magic = self._file.read(len(_LFS))
        if magic == _LFS:
            self._file.close()
            raise InputError("lfs_pointer", f"{path.name} is a Git LFS pointer, not the archive itself")
        self.packed = magic.startswith(_GZIP)
        """True where offsets are those of the unpacked copy and mean nothing in the file itself."""
        if self.packed:
            self._unpack()
            self._remote = None
        self._descriptor = -1 if self._remote else self._file.fileno()
        self._window, self._window_at = b"", 0
        self.size = self._remote.size if self._remote else os.fstat(self._descriptor).st_size
        """Bytes of the (unpacked) archive."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`; fewer where the archive ends before."""
        start = offset - self._window_at
        if start < 0 or start + size > len(self._window):
            if size > _WINDOW:
                return self._pread(size, offset)
            # A header and the beginning of its member, or small members and their headers, come with one call.
            self._window, self._window_at, start = self._pread(_WINDOW, offset), offset, 0
        return self._window[start : start + size]

    def _pread(self, size: int, offset: int) -> bytes:
        if self._remote:
            return self._remote.pread(size, offset)
        return os.pread(self._descriptor, size, offset)

    def members(self, start: int = 0) -> Iterator[Member | Damage]:
        """All regular files in order, and every damaged region between them; from the header at byte `start` on."""
        place, name, size, settled = start, None, None, False
        while place + BLOCK <= self.size:
            block = self.read(place, BLOCK)
            if block == _ZERO:
                place, settled = self._after_zeros(place), True
                continue
            settled = False
            header = _header(block)
            if header is None:
                damaged, place = place, self._next_header(place + BLOCK)
                yield Damage("tar_damaged", f"no header at byte {damaged}; went on at byte {place}")
                name, size, settled = None, None, True
                continue
            kind, own_name, own_size = header
            place += BLOCK
            if kind in _EXTENDED:
                found_name, found_size = self._extended(kind, place, own_size)
                name, size = found_name or name, found_size if found_size is not None else size
                place += _padded(own_size)
                continue
            start, own_name = place, name or own_name
            own_size = own_size if size is None else size
            name = size = None
            if start + own_size > self.size:
                yield Damage("tar_truncated", f"{own_name} ends {start + own_size - self.size} bytes later")
                # A wrong size is as likely as a cut file: the headers after it, if any, are still worth having.
                place, settled = self._next_header(place), True
                continue
            place += _padded(own_size)
            if kind in _REGULAR and own_name[-1:] != "/":
                yield Member(own_name, start, own_size)
        yield from self._damage
        if not self._damage and (not settled or place < self.size):
            yield Damage("tar_truncated", f"{self.path.name} has no end mark")

    def _extended(self, kind: bytes, place: int, size: int) -> tuple[str | None, int | None]:
        """Name and size that a GNU long name or a pax header gives the next member."""
        if kind in b"gK":
            return None, None
        payload = self.read(place, min(size, _NAME_LIMIT_BYTES))
        if kind == b"L":
            return payload.split(b"\0", 1)[0].decode("utf-8", "replace"), None
        found = dict(_PAX_RECORD.findall(payload))
        stated = found.get(b"size", b"")
        path = found[b"path"].decode("utf-8", "replace") if b"path" in found else None
        return path, int(stated) if stated.isdigit() and len(stated) < 19 else None

    def _after_zeros(self, place: int) -> int:
        """The first block from `place` on that is not all zero; archives may be joined, so zeros do not end them."""
        while chunk := self.read(place, _CHUNK):
            rest = chunk.lstrip(b"\0")
            if rest:
                return place + (len(chunk) - len(rest)) // BLOCK * BLOCK
            place += len(chunk)
        return self.size

    def _next_header(self, place: int) -> int:
        """The first block from `place` on that is a header with a right checksum, else the end."""
        while chunk := self.read(place, _CHUNK):
            for start in range(0, len(chunk) - BLOCK + 1, BLOCK):
                block = chunk[start : start + BLOCK]
                if block.startswith(b"ustar", 257) and _header(block):
                    return place + start
            place += len(chunk)
        return self.size

    def _unpack(self) -> None:
        """Replace the compressed file by its unpacked bytes, as far as they can be had."""
        packed, self._file = self._file, tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        packed.seek(0)
        total = 0
        try:
            with packed:
                for plain in _gunzip(packed):
                    total += len(plain)
                    if total > UNPACKED_LIMIT_BYTES:
                        self._damage.append(
                            Damage("tar_too_large", f"{self.path.name} unpacks to more than {total} bytes")
                        )
                        break
                    self._file.write(plain)
        except (zlib.error, EOFError) as error:
            self._damage.append(Damage("gzip_damaged", f"{self.path.name} after {total} bytes: {error}"))
        self._file.flush()


def _gunzip(packed: BinaryIO) -> Iterator[bytes]:
    """The unpacked bytes of one gzip stream or of several joined ones, in bounded pieces.

    Raises: zlib.error where they are damaged; EOFError where they are cut off.
    """
    unzip = zlib.decompressobj(31)
    while pending := unzip.unconsumed_tail or unzip.unused_data.lstrip(b"\0") or packed.read(_CHUNK):
        if unzip.eof:
            unzip = zlib.decompressobj(31)
        yield unzip.decompress(pending, _CHUNK)
    yield unzip.flush()
    if not unzip.eof:
        raise EOFError("cut off")


def _padded(size: int) -> int:
    return (size + BLOCK - 1) // BLOCK * BLOCK


def _header(block: bytes) -> tuple[bytes, str, int] | None:
    """Type, name and size of a member; None where the block is no header or its checksum is wrong.

    Source: POSIX.1-1988 ustar, and the GNU base-256 form of large sizes.
    """
    name, length, check, kind, magic, prefix = _FIELDS.unpack(block)
    try:
        stated = int(check.strip(b" \0"), 8)
        size = int.from_bytes(length[1:], "big") if length[0] & 0x80 else int(length.strip(b" \0") or b"0", 8)
    except ValueError:
        return None
    # The low half of Adler-32 is 1 + the sum of all bytes: the header checksum, its own field as blanks, in C.
    total = (zlib.adler32(block) & 0xFFFF) - (zlib.adler32(check) & 0xFFFF) + len(check) * 0x20
    if size < 0 or (total - stated) % _ADLER_MODULUS:
        return None
    name = name.partition(b"\0")[0]
    if prefix[0] and magic == b"ustar\0":
        name = prefix.partition(b"\0")[0] + b"/" + name
    return kind, name.decode("utf-8", "replace"), size
