"""Tar archives from strangers: what is in them and the documents they hold, without unpacking anything.

Members are read in one forward pass; nothing is written to disk, links are never followed, and a damaged archive
gives what stands before the damage together with the reason.
"""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Self

from medvlsynther.errors import InputError

MOST_MEMBERS = 2_000_000
"""Members of one archive."""
_KEPT = 64 * 2**20
"""Bytes of documents held in memory; an archive with more of them is read a second time."""
_FLOOR, _RATIO = 64 * 2**20, 60
"""An archive may grow to this many bytes, or to this many times its size, whichever is more."""
_BROKEN = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of an archive."""

    name: str
    """Its path inside, as the archive spells it."""
    size: int
    """Bytes."""
    place: str
    """Place in the corpus: "a.tar.gz!dir/x.jpg", or "a.tar@<offset>+<size>" in a plain tar."""


@dataclass(slots=True)
class Contents:
    """What an archive holds."""

    members: list[Member] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict)
    """Bytes of the first documents."""
    unsafe: list[str] = field(default_factory=list)
    """Members whose names point outside; they are left alone."""
    trouble: InputError | None = None
    """Why reading stopped early."""


class _Info(tarfile.TarInfo):
    """A header that says so when it is damaged; tarfile takes damage after the first member for the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            kind = type(error).__name__  # the subclasses are not part of tarfile's typed interface
            if kind == "EOFHeaderError":
                raise
            raise InputError(
                "damaged_archive" if kind == "InvalidHeaderError" else "truncated_archive", str(error)
            ) from None


class _Bounded:
    """A decompressed stream that refuses to grow without end."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._left = stream, most

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise InputError("archive_too_large", "it grows beyond bounds when decompressed")
        return data


def scan(path: Path, shard: str, is_document: Callable[[str], bool], largest: int) -> Contents:
    """Lists an archive and keeps its documents of at most `largest` bytes, as far as memory allows."""
    contents = Contents()
    kept = 0
    try:
        for archive, info, member in _members(path, shard):
            if _points_outside(info.name):
                contents.unsafe.append(info.name)
                continue
            contents.members.append(member)
            if is_document(info.name) and info.size <= largest and kept + info.size <= _KEPT:
                kept += info.size
                contents.documents[info.name] = _read(archive, info)
    except InputError as error:
        contents.trouble = error
    return contents


def documents(path: Path, shard: str, contents: Contents, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """The wanted documents: those kept by `scan`, then the others from a second pass."""
    yield from ((name, data) for name, data in contents.documents.items() if name in wanted)
    late = wanted - contents.documents.keys()
    if not late:
        return
    try:
        for archive, info, _ in _members(path, shard):
            if info.name in late:
                yield info.name, _read(archive, info)
    except InputError:
        return  # `scan` has reported it


def _members(path: Path, shard: str) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, Member]]:
    """The regular files of an archive.

    Raises: InputError with truncated_archive, damaged_archive, archive_too_large or unreadable_file.
    """
    if not path.is_file():
        raise InputError("unreadable_file", "it is no regular file")
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            yield from _packed(file, path, shard) if packed else _plain(file, shard)
    except _BROKEN as error:
        raise _trouble(error) from None


def _trouble(error: BaseException) -> InputError:
    cut = isinstance(error, EOFError) or any(word in str(error) for word in ("end of data", "truncated", "end of file"))
    return InputError("truncated_archive" if cut else "damaged_archive", str(error))


def _packed(file: IO[bytes], path: Path, shard: str) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, Member]]:
    most = max(_FLOOR, _RATIO * path.stat().st_size)
    stream = _Bounded(gzip.GzipFile(fileobj=file), most)  # type: ignore[arg-type]
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Info, errorlevel=1) as archive:  # type: ignore[call-overload]
        for info in _files(archive):
            yield archive, info, Member(info.name, info.size, f"{shard}!{info.name}")


def _plain(file: IO[bytes], shard: str) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, Member]]:
    with tarfile.open(fileobj=file, mode="r:", tarinfo=_Info, errorlevel=1) as archive:
        for info in _files(archive):
            yield archive, info, Member(info.name, info.size, f"{shard}@{info.offset_data}+{info.size}")


def _files(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for number, info in enumerate(archive):
        if number >= MOST_MEMBERS:
            raise InputError("archive_too_large", f"more than {MOST_MEMBERS} members")
        if info.isreg() and not info.issparse():
            yield info
        archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every header


def _read(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    """The bytes of one member.

    Raises: InputError with truncated_archive or damaged_archive.
    """
    file = archive.extractfile(info)
    try:
        data = file.read() if file else b""
    except _BROKEN as error:
        raise _trouble(error) from None
    if len(data) < info.size:
        raise InputError("truncated_archive", f"{info.name} ends after {len(data)} of {info.size} bytes")
    return data


def _points_outside(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts
