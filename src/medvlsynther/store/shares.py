"""What shares of a run leave beside a step that is not done: marks, and results of work on shards.

steps/.<step id>.shares/
  <i>-of-<n>.done             share i of n has done its part
  <i>-of-<n>.<name>.results   results by shard, in order, one writer each

A file of results is a line that says what it is, then for each shard 24 bytes (which call of the stage, which shard,
length, CRC-32) and the records as JSON: data, never code. Whatever is torn, damaged, of another release or about
another step is not believed, and worked out anew.
"""

import secrets
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import orjson
from pydantic import ValidationError

from medvlsynther import __version__, records
from medvlsynther.errors import BadSetting, StoreTrouble
from medvlsynther.records import Record
from medvlsynther.store.layout import Store, write_aside

MOST_BYTES = 1 << 30
"""Longest result of one shard that is kept."""
_FORMAT = 1
_HEAD = struct.Struct(">IQQI")


@dataclass(frozen=True)
class Share:
    """One of several processes that work on one recipe."""

    number: int
    """From 0."""
    of: int
    """How many there are."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The share that is written so: "0/3" is the first of three.

        Raises: BadSetting.
        """
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and len(text) < 20 and int(number) < int(of)):
            raise BadSetting(f"No share {text!r}", where="--shard", mend="Write i/n with i from 0 to n-1, as in 0/3")
        return cls(int(number), int(of))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def name(self) -> str:
        """As part of a file name."""
        return f"{self.number}-of-{self.of}"

    def others(self) -> list["Share"]:
        """The other shares, in order."""
        return [Share(number, self.of) for number in range(self.of) if number != self.number]

    def has(self, shard: int) -> bool:
        """Whether a shard is of this share."""
        return shard % self.of == self.number

    def rows(self, count: int) -> tuple[int, int]:
        """The rows of a table that are of this share: from the first up to the second."""
        return self.number * count // self.of, (self.number + 1) * count // self.of


class Leavings:
    """What shares left of one step."""

    def __init__(self, store: Store, step_id: str) -> None:
        self.step_id = step_id
        self.folder = store.leavings(step_id)
        self._store = store

    def mark(self, share: Share) -> None:
        """Say that a share has done its part.

        Raises: StoreTrouble.
        """
        remote = self._store.remote
        if remote is not None:
            for path in sorted(self.folder.glob(f"{share.name}.*.results")):
                remote.upload(path, f"steps/{self.folder.name}/{path.name}")
            remote.write(f"steps/{self.folder.name}/{share.name}.done", b"")
        write_aside(self.folder / f"{share.name}.done", b"")

    def marked(self, share: Share) -> bool:
        """Whether a share has done its part."""
        return (self.folder / f"{share.name}.done").exists()

    def gather(self) -> None:
        """Know what shares elsewhere left, where the store lies in a bucket.

        Raises: StoreTrouble.
        """
        remote = self._store.remote
        for name in remote.sizes(f"steps/{self.folder.name}") if remote is not None else ():
            if remote is not None and not (self.folder / name).exists():
                remote.download(f"steps/{self.folder.name}/{name}", self.folder / name)

    def results(self) -> "Results":
        """All results that can be believed."""
        return Results([Reader(path, self.step_id) for path in sorted(self.folder.glob("*.results"))])

    def writer(self, share: Share) -> "Writer":
        """A file for results of this share."""
        return Writer(self.folder / f"{share.name}.{secrets.token_hex(8)}.results", self.step_id)

    def remove(self) -> None:
        """The step is done: nothing of it is needed any more."""
        self._store.forget_leavings(self.step_id)


class _Place(NamedTuple):
    call: int
    shard: int


class Reader:
    """One file of results, read in its order."""

    def __init__(self, path: Path, step_id: str) -> None:
        self._file: BinaryIO | None = path.open("rb")
        self.place: _Place | None = None
        self._length = self._crc = 0
        if self._file.readline(1000) != _first_line(step_id):
            self._end()
        else:
            self._next()

    def take(self, place: _Place) -> bytes | None:
        """The result at a place, if it comes next among those not before it."""
        while self.place is not None and self.place < place:
            assert self._file is not None
            self._file.seek(self._length, 1)
            self._next()
        if self.place != place:
            return None
        assert self._file is not None
        data = self._file.read(self._length)
        if len(data) < self._length or zlib.crc32(data) != self._crc:
            self._end()
            return None
        self._next()
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._end()

    def _next(self) -> None:
        assert self._file is not None
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            self._end()
            return
        call, shard, self._length, self._crc = _HEAD.unpack(head)
        place = _Place(call, shard)
        if self._length > MOST_BYTES or (self.place is not None and place <= self.place):
            self._end()
            return
        self.place = place

    def _end(self) -> None:
        self.place = None
        if self._file is not None:
            self._file.close()
            self._file = None


class Results:
    """Results of all shares, asked for in the order of the stage's work."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    def take(self, call: int, shard: int) -> list[Record] | None:
        """What work on a shard gave; None where that is not known.

        Raises: StoreTrouble for whole results that hold something else.
        """
        for reader in self._readers:
            if (data := reader.take(_Place(call, shard))) is not None:
                return unpacked(data)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self._readers:
            reader.close()


class Writer:
    """A file of results; it is made when the first is kept."""

    def __init__(self, path: Path, step_id: str) -> None:
        self.path = path
        self._step_id = step_id
        self._file: BinaryIO | None = None

    def keep(self, call: int, shard: int, found: Sequence[object]) -> None:
        """Keep what work on a shard gave, unless it is something that cannot be kept: then it is worked out anew.

        Raises: StoreTrouble when it cannot be written.
        """
        data = packed(found)
        if data is None:
            return
        try:
            if self._file is None:
                self.path.parent.mkdir(exist_ok=True)
                self._file = self.path.open("xb")
                self._file.write(_first_line(self._step_id))
            self._file.write(_HEAD.pack(call, shard, len(data), zlib.crc32(data)) + data)
            self._file.flush()
        except OSError as error:
            mend = "Free some space and run again: nothing is lost"
            raise StoreTrouble(f"Cannot write: {error.strerror}", where=str(self.path), mend=mend) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def packed(found: Sequence[object]) -> bytes | None:
    """Records as bytes from which equal ones can be made; None where one is no record or would not come back equal."""
    lines = []
    for each in found:
        kind = type(each)
        if not isinstance(each, Record) or getattr(records, kind.__name__, None) is not kind:
            return None
        line = each.model_dump_json().encode()
        if b"\n" in line or kind.model_validate_json(line) != each:
            return None
        lines.append(kind.__name__.encode() + b" " + line)
    return b"\n".join(lines)


def unpacked(data: bytes) -> list[Record]:
    """The records of `packed`.

    Raises: StoreTrouble where they are something else.
    """
    return list(_records(data))


def _records(data: bytes) -> Iterator[Record]:
    for line in data.split(b"\n") if data else ():
        name, _, text = line.partition(b" ")
        kind = getattr(records, name.decode("ascii", "replace"), None)
        if not (isinstance(kind, type) and issubclass(kind, Record)):
            raise _unreadable(f"no record is called {name[:40]!r}")
        try:
            yield kind.model_validate_json(text)
        except ValidationError as error:
            raise _unreadable(f"{error.error_count()} wrong fields in a {kind.__name__}") from None


def _unreadable(why: str) -> StoreTrouble:
    return StoreTrouble(f"A share left results that cannot be read: {why}", mend="Remove steps/.*.shares and run again")


def _first_line(step_id: str) -> bytes:
    return orjson.dumps({"results_of_shards": _FORMAT, "step": step_id, "medvlsynther": __version__}) + b"\n"
