"""Room on disk for what a stage has to remember of every row, so that its memory stays the same at any size.

A database of SQLite in the step's own folder, on the disk that holds the store, without a journal: it is gone when the
stage ends, however it ends, and nothing of it reaches a result.
"""

import os
import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from medvlsynther.errors import StoreTrouble

CACHE_KIB = 8192
"""Pages that SQLite keeps in memory; the rest is the business of the operating system."""

_SHORT = 48
"""Bytes of a key up to which it is kept as it is; a longer one is kept as its 128-bit hash."""


class Scratch:
    """A place for sets and lists that outgrow memory; a context manager, and gone at its end."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f".scratch-{os.getpid()}-{id(self):x}.db"
        self._open: sqlite3.Connection | None = None
        self._tables = 0

    def __enter__(self) -> Self:
        try:
            self._open = sqlite3.connect(self._path, isolation_level=None)
        except sqlite3.Error as error:
            raise self._trouble(error) from None
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", f"cache_size=-{CACHE_KIB}"):
            self.run(f"PRAGMA {pragma}")
        self.run("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.close()
        self._path.unlink(missing_ok=True)

    def keys(self) -> "Keys":
        """An empty set of texts."""
        return Keys(self, self._table("key BLOB PRIMARY KEY) WITHOUT ROWID"))

    def lists(self) -> "Lists":
        """No lists yet, by key."""
        name = self._table("key BLOB, value TEXT)")
        self.run(f"CREATE INDEX {name}_key ON {name} (key)")
        return Lists(self, name)

    def run(self, statement: str, *values: bytes | str) -> list[Any]:
        """The rows that a statement gives.

        Raises: StoreTrouble where the disk is full or cannot be written.
        """
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._trouble(error) from None

    def rows(self, statement: str) -> Iterator[Any]:
        """The rows that a statement gives, one by one; nothing may be written meanwhile.

        Raises: StoreTrouble.
        """
        try:
            yield from self._database.execute(statement)
        except sqlite3.Error as error:
            raise self._trouble(error) from None

    def count(self, statement: str, *values: bytes | str) -> int:
        """How many rows a statement changed.

        Raises: StoreTrouble.
        """
        try:
            return self._database.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise self._trouble(error) from None

    @property
    def _database(self) -> sqlite3.Connection:
        assert self._open is not None, "a scratch is used inside its `with`"
        return self._open

    def _trouble(self, error: sqlite3.Error) -> StoreTrouble:
        mend = "Free some space and run again: nothing finished is lost"
        return StoreTrouble(f"Cannot remember more: {error}", where=str(self._path), mend=mend)

    def _table(self, columns: str) -> str:
        self._tables += 1
        name = f"table_{self._tables}"
        self.run(f"CREATE TABLE {name} ({columns}")
        return name


class Keys:
    """A set of texts on disk; exact, but for two long texts whose 128-bit hashes agree."""

    def __init__(self, scratch: Scratch, name: str) -> None:
        self._scratch = scratch
        self._insert = f"INSERT OR IGNORE INTO {name} VALUES (?)"
        self._select = f"SELECT 1 FROM {name} WHERE key = ?"

    def add(self, key: str) -> bool:
        """Remember a text; True for one that was not known.

        Raises: StoreTrouble.
        """
        return self._scratch.count(self._insert, _short(key)) > 0

    def __contains__(self, key: str) -> bool:
        return bool(self._scratch.run(self._select, _short(key)))


class Lists:
    """Lists of texts by key on disk, each in the order in which it grew."""

    def __init__(self, scratch: Scratch, name: str) -> None:
        self._scratch = scratch
        self._insert = f"INSERT INTO {name} VALUES (?, ?)"
        self._select = f"SELECT value FROM {name} WHERE key = ? ORDER BY rowid"

    def add(self, key: str, value: str) -> None:
        """Append a text to the list of a key.

        Raises: StoreTrouble.
        """
        self._scratch.run(self._insert, _short(key), value)

    def of(self, key: str) -> list[str]:
        """The list of a key; empty for one without."""
        return [value for (value,) in self._scratch.run(self._select, _short(key))]


def _short(key: str) -> bytes:
    data = key.encode("utf-8", "surrogatepass")
    # The first byte tells whole keys from hashes, so that no text can pose as another's hash.
    return b"=" + data if len(data) <= _SHORT else b"#" + blake2b(data, digest_size=16).digest()
