"""A corpus in a bucket as a folder of this machine: texts and tables whole, archives and images as pointers.

A pointer is a small file in the place of a large one; it names the object and its size, and whoever reads archives and
images through `Tar` or `open_member` reads out of the object instead: large pieces where reading goes on and on, the
asked bytes alone where it jumps. The digest of such a corpus is that of a folder with the same content, so it does not
matter where a corpus lies: of large objects, too, only the size and both ends are looked at.
"""

import io
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import orjson

from medvlsynther.errors import BadSetting, MissingInput, StoreTrouble
from medvlsynther.fingerprint import text_hash
from medvlsynther.store.remote import Remote

POINTED = frozenset(
    (".tar", ".tgz", ".gz", ".jpg", ".jpeg", ".png", ".gif", ".tif", ".tiff", ".bmp", ".webp", ".pdf", ".mp4")
)
"""Suffixes of what stays in the bucket and is read from there."""
AHEAD_MOST = 8 << 20
"""Longest piece fetched at once where a file is read on and on."""
_AHEAD_LEAST = 64 << 10
_MAGIC = b"medvlsynther object in a bucket 1\n"
_POINTER_MOST = 8192
_AT_ONCE = 16
_WHOLE = "complete.json"


class Found(NamedTuple):
    """A corpus in a bucket, as it lies here."""

    root: Path
    """Its folder of texts and pointers."""
    key: str
    """Changes with the names, sizes and versions of its objects."""


class Pointer(NamedTuple):
    """Where the bytes of a file really are."""

    url: str
    """Of the bucket and prefix."""
    name: str
    """Key below it."""
    size: int
    """Bytes of the object."""


def mirrored(url: str, cache: Path | None, where: str) -> Found:
    """The corpus at a URL as a folder here, made if it is not here yet or has changed.

    Raises: MissingInput where nothing is; BadSetting for a URL that is none of a bucket, or names that cannot be files;
    StoreTrouble, MissingExtra.
    """
    remote = Remote(url)
    entries = {name: about for name, about in remote.entries().items() if _shown(name)}
    if not entries:
        raise MissingInput(f"Nothing to read in {remote.url!r}", where=where, mend="Give a prefix that holds files")
    _refuse_odd(entries, where)
    versions = [[name, int(about["size"] or 0), _version(about)] for name, about in entries.items()]
    key = text_hash(orjson.dumps([remote.url, versions]))
    base = cache if cache is not None else Path(tempfile.gettempdir()) / "medvlsynther-corpora"
    root = base / "mirrors" / key[:16]
    if not (root.parent / f"{root.name}.{_WHOLE}").is_file():
        _bring(remote, {name: int(about["size"] or 0) for name, about in entries.items()}, root)
    return Found(root, key)


def pointer_of(path: Path) -> Pointer | None:
    """What a pointer says; None for any other file.

    Raises: OSError.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return None
        url, name, size = orjson.loads(file.read(_POINTER_MOST))
    return Pointer(str(url), str(name), int(size))


def content(path: Path) -> "RemoteFile | None":
    """The object that a pointer names, open for reading; None for any other file.

    Raises: OSError.
    """
    pointer = pointer_of(path)
    return None if pointer is None else RemoteFile(pointer)


class RemoteFile(io.RawIOBase):
    """An object read in pieces: ahead of the reader while it goes on, the asked bytes alone where it jumps."""

    def __init__(self, pointer: Pointer) -> None:
        super().__init__()
        self.size = pointer.size
        """Bytes of the object."""
        self._remote, self._name = Remote(pointer.url), pointer.name
        self._at = 0
        self._piece, self._start, self._ahead = b"", 0, 0

    def pread(self, size: int, offset: int) -> bytes:
        """`size` bytes from `offset`; fewer where the object ends before.

        Raises: OSError where it cannot be read.
        """
        size = max(0, min(size, self.size - offset))
        done = offset - self._start
        if done >= 0 and done + size <= len(self._piece):
            return self._piece[done : done + size]
        goes_on = 0 <= done <= len(self._piece) + _AHEAD_LEAST
        self._ahead = min(max(2 * self._ahead, _AHEAD_LEAST), AHEAD_MOST) if goes_on else 0
        try:
            self._piece = self._remote.span(self._name, offset, min(max(size, self._ahead), self.size - offset))
        except StoreTrouble as error:
            raise OSError(5, str(error)) from None
        self._start = offset
        return self._piece[:size]

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read on."""
        data = self.pread(len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte."""
        self._at = (0, self._at, self.size)[whence] + offset
        return self._at


def _bring(remote: Remote, sizes: dict[str, int], root: Path) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(lambda name: _place(remote, name, sizes[name], aside), sizes):
                pass
        if not root.exists():
            aside.rename(root)
        (root.parent / f"{root.name}.{_WHOLE}").write_bytes(orjson.dumps({"url": remote.url}))
    except FileNotFoundError as error:
        raise StoreTrouble(f"{error} went while it was read", where=remote.url, mend="Run again") from None
    except OSError as error:
        raise StoreTrouble(f"Cannot write: {error.strerror}", where=str(root), mend="Free some space") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _place(remote: Remote, name: str, size: int, root: Path) -> None:
    path = root / name
    if path.suffix.lower() in POINTED:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_MAGIC + orjson.dumps([remote.url, name, size]))
    else:
        remote.download(name, path)


def _shown(name: str) -> bool:
    """Whether a corpus shows it: names that begin with a dot are left out, and marks of empty folders are none."""
    return (
        bool(name)
        and not name.endswith("/")
        and not any(part.startswith(".") and part != ".." for part in name.split("/"))
    )


def _refuse_odd(entries: dict[str, dict[str, object]], where: str) -> None:
    folders = {str(parent) for name in entries for parent in PurePosixPath(name).parents}
    for name in entries:
        odd = "\0" in name or any(part in ("", "..") or len(part.encode()) > 255 for part in name.split("/"))
        if odd or name in folders:
            raise BadSetting(f"An object here cannot be a file: {name[:80]!r}", where=where, mend="Rename it")


def _version(about: dict[str, object]) -> str:
    """What changes with an object's content: its tag, else when it was written."""
    tags = (about.get(key) for key in ("ETag", "etag", "md5Hash", "content_md5", "blob_id", "LastModified", "mtime"))
    return str(next((tag for tag in tags if tag), ""))
