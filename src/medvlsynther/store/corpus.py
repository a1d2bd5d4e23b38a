"""A folder of literature: what identifies it, and how one of its files or archive members is read."""

import hashlib
import os
import re
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, Self

from medvlsynther.catalog import ASSETS
from medvlsynther.errors import InputError, MissingInput, UnknownName
from medvlsynther.fingerprint import LENGTH
from medvlsynther.store.layout import write_aside
from medvlsynther.store.mirror import RemoteFile, content, mirrored
from medvlsynther.store.remote import is_remote
from medvlsynther.store.tar import Damage, Tar

BUNDLED = "bundled:"
"""Prefix of the corpora that come with the package."""

WHOLE = frozenset({".xml", ".nxml", ".json", ".jsonl", ".csv", ".tsv", ".txt"})
"""Suffixes of texts, which are small and may be edited in place: read whole."""

WHOLE_LIMIT_BYTES = 16 << 20
"""Texts above this count as media."""

EDGE_BYTES = 64 << 10
"""What is read of media and archives at each end, besides their size."""

_AT_ONCE, _LISTED = 16, 4096
"""Files looked at together for a digest, and handed out at a time."""
_SLICE = re.compile(r"(.+\.tar)@(\d+)\+(\d+)", re.IGNORECASE | re.DOTALL)
_INSIDE = re.compile(r"(.+?\.(?:tar|tar\.gz|tgz))!(.+)", re.IGNORECASE | re.DOTALL)
_OUTSIDE = "outside_corpus"


class _File(NamedTuple):
    name: str
    """Path below the corpus, "/" between folders."""
    status: os.stat_result


@dataclass(frozen=True)
class Corpus:
    """A folder with articles or figures. Two folders with equal content are the same corpus, wherever they lie."""

    path: Path = field(compare=False)
    """Where it lies on this machine: not part of its identity."""
    digest: str
    """16 hex digits over the names, sizes and content of its files."""

    def identity(self) -> object:
        """What a fingerprint sees of a corpus."""
        return {"corpus": self.digest}

    @classmethod
    def at(cls, path: str | Path, cache: Path | None = None, *, where: str = "") -> Self:
        """The corpus in a folder, in a bucket ("s3://…"), or "bundled:<name>" for one that comes with the package.

        Names that begin with a dot are left out. Texts are hashed whole; of archives and media the size and both ends
        are, so that terabytes of shards cost seconds. With a `cache` folder, an unchanged folder (by names, sizes and
        times) is listed but not read again.

        Raises: MissingInput for a path that is not there, is no folder or is empty; UnknownName for a bundled corpus
        that does not exist; StoreTrouble where the cache cannot be written.
        """
        if is_remote(str(path)):
            return cls._in_bucket(str(path), cache, where)
        root = _folder(str(path), where)
        files = sorted(_listing(root), key=lambda file: file.name)
        if not files:
            raise MissingInput(f"Nothing to read in {str(path)!r}", where=where, mend="Give a folder that holds files")
        kept = cache / _listing_key(root, files) if cache else None
        if kept and kept.is_file():
            return cls(path=root, digest=kept.read_text(encoding="ascii"))
        digest = _digest(root, files)
        if kept:
            write_aside(kept, digest.encode())
        return cls(path=root, digest=digest)

    @classmethod
    def _in_bucket(cls, url: str, cache: Path | None, where: str) -> Self:
        found = mirrored(url, cache, where)
        kept = cache / found.key if cache else None
        if kept and kept.is_file():
            return cls(path=found.root, digest=kept.read_text(encoding="ascii"))
        digest = _digest(found.root, sorted(_listing(found.root), key=lambda file: file.name))
        if kept:
            write_aside(kept, digest.encode())
        return cls(path=found.root, digest=digest)


def open_member(root: Path, member: str, limit_bytes: int) -> bytes:
    """The bytes of one member of the corpus at `root`.

    `member` is "dir/a.jpg", "dir/a.tar.gz!PMC1/a.jpg" (by name inside an archive) or "a.tar@<offset>+<size>" (bytes).

    Raises: InputError with image_missing, image_too_large, outside_corpus, lfs_pointer, tar_unreadable or the reason
    for which an archive's member cannot be had (tar_truncated, tar_damaged, gzip_damaged, tar_too_large).
    """
    if found := _SLICE.fullmatch(member):
        return _slice(_inside(root, found[1]), int(found[2]), int(found[3]), limit_bytes)
    if found := _INSIDE.fullmatch(member):
        return _of_archive(_inside(root, found[1]), found[2], limit_bytes)
    path = _inside(root, member)
    try:
        with opened(path) as (file, size):
            _within(size, limit_bytes, member)
            return file.read(limit_bytes)
    except OSError as error:
        raise InputError("image_missing", f"{member}: {error.strerror}") from None


@contextmanager
def opened(path: Path) -> Iterator[tuple[BufferedReader | RemoteFile, int]]:
    """A file of a corpus, and its size; out of a bucket, where it is a pointer to an object there.

    Raises: OSError.
    """
    remote = content(path)
    if remote is not None:
        with remote:
            yield remote, remote.size
    else:
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size


# ----------------------------------------------------------------------------------------------- reading members


def _inside(root: Path, name: str) -> Path:
    """The regular file `name` below `root`, links followed.

    Raises: InputError(outside_corpus) where it leaves the root; InputError(image_missing).
    """
    base = root.resolve()
    try:
        path = (base / name).resolve()
        if not path.is_relative_to(base):
            raise InputError(_OUTSIDE, name)
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("image_missing", f"{name} is not a file")
    except (OSError, ValueError, RuntimeError):  # no such file, a NUL in the name, a circle of links
        raise InputError("image_missing", name) from None
    return path


def _within(size: int, limit_bytes: int, name: str) -> None:
    if size > limit_bytes:
        raise InputError("image_too_large", f"{name} has {size} bytes; the limit is {limit_bytes}")


def _slice(path: Path, offset: int, size: int, limit_bytes: int) -> bytes:
    _within(size, limit_bytes, path.name)
    tar = _opened.archive(path).tar
    if offset + size > tar.size:
        raise InputError("tar_truncated", f"{path.name} ends before byte {offset + size}")
    return tar.read(offset, size)


def _of_archive(path: Path, name: str, limit_bytes: int) -> bytes:
    archive = _opened.archive(path)
    place = archive.places.get(name)
    if place is None:
        damage = archive.damage
        raise InputError(damage.reason if damage else "image_missing", f"{path.name} has no {name}")
    offset, size = place
    _within(size, limit_bytes, name)
    return archive.tar.read(offset, size)


class _Archive:
    """An archive held open, and, once a member is asked for by name, where each begins."""

    def __init__(self, path: Path) -> None:
        self.tar = Tar(path)
        self._places: dict[str, tuple[int, int]] | None = None
        self.damage: Damage | None = None

    @property
    def places(self) -> dict[str, tuple[int, int]]:
        if self._places is None:
            self._places = {}
            for entry in self.tar.members():
                if isinstance(entry, Damage):
                    self.damage = self.damage or entry
                else:
                    self._places.setdefault(entry.name, (entry.offset, entry.size))
        return self._places


class _Opened(threading.local):
    """The archive that this thread used last: figures come grouped by archive, so one is enough."""

    def __init__(self) -> None:
        self._key: tuple[Path, int, int] | None = None
        self._archive: _Archive | None = None

    def archive(self, path: Path) -> _Archive:
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns)
        if self._archive is None or key != self._key:
            if self._archive:
                self._archive.tar.close()
            self._archive = None
            self._archive, self._key = _Archive(path), key
        return self._archive


_opened = _Opened()


# ----------------------------------------------------------------------------------------------- what identifies it


def _folder(path: str, where: str) -> Path:
    if path.startswith(BUNDLED):
        corpora, name = ASSETS / "corpora", path.removeprefix(BUNDLED)
        known = [entry.name for entry in corpora.glob("*") if entry.is_dir()]
        if name not in known:
            raise UnknownName(name, "corpora", known, where=where)
        return corpora / name
    root = Path(path)
    if not root.exists():
        raise MissingInput(f"No folder {path!r}", where=where, mend="Give the path of a folder that exists")
    if not root.is_dir():
        raise MissingInput(f"{path!r} is a file", where=where, mend="Give the folder that holds it")
    return root


def _listing(root: Path) -> Iterator[_File]:
    """All regular files below `root`, and links to files; links to folders are not entered."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(folder).relative_to(root)
        for name in names:
            if name.startswith("."):
                continue
            try:
                status = (Path(folder) / name).stat()
            except OSError:  # a dangling link, a file just removed: its name still counts
                status = os.stat_result((0,) * 10)
            if stat.S_ISREG(status.st_mode) or not status.st_mode:
                yield _File((below / name).as_posix(), status)


def _listing_key(root: Path, files: list[_File]) -> str:
    total = hashlib.sha256(os.fsencode(root.resolve()))
    for name, status in files:
        total.update(f"\0{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} ".encode() + os.fsencode(name))
    return total.hexdigest()


def _digest(root: Path, files: list[_File]) -> str:
    total = hashlib.sha256()
    look = partial(_content, root)
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # objects in a bucket answer slowly, but many at once
        for at in range(0, len(files), _LISTED):
            listed = files[at : at + _LISTED]
            for (name, _), (size, looks) in zip(listed, pool.map(look, listed), strict=True):
                total.update(os.fsencode(name) + f"\0{size}\0{looks}\0".encode())
    return total.hexdigest()[:LENGTH]


def _content(root: Path, file: _File) -> tuple[int, str]:
    """Size of a file and digest of what is looked at."""
    path, unreadable = root / file.name, (file.status.st_size, "unreadable")
    if not file.status.st_mode:
        return unreadable
    try:
        with opened(path) as (stream, size):
            whole = path.suffix.lower() in WHOLE and size <= WHOLE_LIMIT_BYTES
            total = hashlib.sha256(stream.read(size if whole else EDGE_BYTES))
            if not whole and size > EDGE_BYTES:
                stream.seek(max(EDGE_BYTES, size - EDGE_BYTES))
                total.update(stream.read(EDGE_BYTES))
    except OSError:
        return unreadable
    return size, total.hexdigest()
