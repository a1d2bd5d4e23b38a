"""What every source is, and what they share: walking a folder, bounded reading, the images beside a document.

A source module offers

    shards(root) -> list[str]                            units of parallel work, as relative names in natural order
    read(root, shard, corpus, policy) -> Iterator[Article | Reject]

`shards` raises MissingInput for a folder with nothing to read; `read` raises nothing for bad content: every article is
an `Article` or a `Reject`, and every figure of an article stands among its figures or its rejects.
"""

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Protocol

from medvlsynther.errors import InputError, MissingInput
from medvlsynther.records import Article, Reject
from medvlsynther.rules.licence import Policy
from medvlsynther.sources._media import File, Media

_IMAGE_FOLDERS = frozenset({"figs", "figures", "graphics", "images", "img", "media"})
"""Folders beside a document in which its images may lie."""


class Source(Protocol):
    """A source module."""

    def shards(self, root: Path) -> list[str]:
        """Units of parallel work."""
        ...

    def read(self, root: Path, shard: str, corpus: str, policy: Policy) -> Iterator[Article | Reject]:
        """The articles of one unit."""
        ...


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which "PMC9" stands before "PMC10"."""
    parts = re.split(r"(\d{1,18})", name)
    return tuple((1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts)


def walk(root: Path) -> list[str]:
    """All files below a folder as relative posix names in natural order; hidden files and folders stay out.

    Raises: MissingInput where there is no such folder.
    """
    if not root.is_dir():
        raise MissingInput(
            f"No folder {str(root)!r}", where="collect.path", mend="Give the folder that holds the corpus"
        )
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        base = Path(folder).relative_to(root)
        found += [(base / name).as_posix() for name in files if not name.startswith(".")]
    return sorted(found, key=natural)


def some(found: list[str], root: Path, what: str) -> list[str]:
    """The names found.

    Raises: MissingInput where there are none.
    """
    if not found:
        raise MissingInput(
            f"No {what} below {str(root)!r}", where="collect.path", mend="Give the folder that holds them"
        )
    return found


def read_bytes(path: Path, most: int) -> bytes:
    """A whole file of at most that many bytes (and one more, so that the reader sees that it is too large).

    Raises: InputError with unreadable_file.
    """
    if not path.is_file():
        raise InputError("unreadable_file", "it is no regular file")
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise InputError("unreadable_file", error.strerror or str(error)) from None


def media_beside(root: Path, shard: str) -> Media:
    """The images in a document's folder."""
    folder = (root / shard).parent
    try:
        return _media(root, folder, folder.stat().st_mtime_ns)
    except OSError:
        return Media(())


@lru_cache(maxsize=8)
def _media(root: Path, folder: Path, _changed_ns: int) -> Media:
    """One listing serves all documents of a folder."""
    base = folder.relative_to(root)
    return Media(File(PurePosixPath(name).name, (base / name).as_posix()) for name in sorted(_files(folder)))


def _files(folder: Path, prefix: str = "") -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file():
                yield f"{prefix}{entry.name}"
            elif not prefix and entry.name.lower() in _IMAGE_FOLDERS and entry.is_dir():
                yield from _files(folder / entry.name, f"{entry.name}/")
