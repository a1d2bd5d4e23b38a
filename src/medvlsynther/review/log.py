"""Reviewers' logs: one JSONL file each, only ever added to. A line is on the disk before it is acknowledged."""

import errno
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import orjson
from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator

from medvlsynther.errors import BadSetting, MissingInput, StoreTrouble
from medvlsynther.fingerprint import text_hash
from medvlsynther.records import Decision, Record
from medvlsynther.rules.reviews import Entry, Sameness, Sheet

SUFFIX = ".jsonl"
FOLDERS = 3
"""Folders above a log that may be new with it: the run's, `reviews`, and the store's."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def rater_name(text: str) -> str:
    """A reviewer's name as it stands in files.

    Raises: BadSetting for what cannot be a file's name.
    """
    name = "-".join(text.strip().lower().split())
    if not NAME.fullmatch(name):
        raise BadSetting(f"{text[:60]!r} is no name", mend="Use letters, digits and dashes, 40 at most")
    return name


class Logs:
    """The logs of one run. Several servers may add to them at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._read: dict[str, tuple[int, Sheet]] = {}
        self._named: set[Path] = set()
        self.damaged: dict[str, int] = {}
        """Reviewer to the lines read so far that are no entries: never acknowledged, or spoilt since."""

    def raters(self) -> list[str]:
        """Everybody with a log."""
        return sorted(path.stem for path in self.folder.glob(f"*{SUFFIX}") if NAME.fullmatch(path.stem))

    def sheet(self, rater: str) -> Sheet:
        """A reviewer's log as it is now; lines that others added since are read."""
        path = self._path(rater)
        with self._lock:
            offset, sheet = self._read.get(rater) or (0, Sheet(rater))
            size = path.stat().st_size if path.is_file() else 0
            if size < offset:  # another file took its place
                offset, sheet = 0, Sheet(rater)
                self.damaged.pop(rater, None)
            if size > offset:
                with path.open("rb") as file:
                    file.seek(offset)
                    offset += self._take(file.read(), sheet)
            self._read[rater] = (offset, sheet)
            return sheet

    def _take(self, data: bytes, sheet: Sheet) -> int:
        """Add whole lines; what a killed server left half written is no line and was never acknowledged."""
        end = data.rfind(b"\n") + 1
        for line in data[:end].splitlines():
            try:
                sheet.add(Entry.model_validate_json(line))
            except ValidationError:
                self.damaged[sheet.rater] = self.damaged.get(sheet.rater, 0) + bool(line.strip())
        return end

    def add(self, rater: str, entry: Entry) -> Sheet:
        """Write one line, wait until it is on the disk, and give the log with it.

        Raises: StoreTrouble where it cannot be written; then nothing is acknowledged.
        """
        path = self._path(rater)
        line = entry.model_dump_json(exclude_defaults=True).encode() + b"\n"
        with self._lock:
            try:
                self._append(path, line)
            except OSError as error:
                mend = "Free some space, then save again"
                raise StoreTrouble(f"Not saved: {error.strerror}", where=str(path), mend=mend) from None
            return self.sheet(rater)

    def _append(self, path: Path, line: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            whole = b"\n" + line if torn else line
            if os.write(handle, whole) != len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
        if path not in self._named:
            for folder in path.parents[:FOLDERS]:
                _sync(folder)
            self._named.add(path)

    def _path(self, rater: str) -> Path:
        return self.folder / f"{rater_name(rater)}{SUFFIX}"

    def decisions(self) -> Iterator[Decision]:
        """What every reviewer decided in the end, reviewers by name."""
        for rater in self.raters():
            yield from self.sheet(rater).decisions()


def _sync(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Reviews(Record):
    """The logs of one run as a recipe's setting: written as the folder, known by what stands in it."""

    decisions: tuple[Decision, ...] = ()
    """Of all reviewers, by name."""
    pairs: dict[str, tuple[Sameness, ...]] = Field(default_factory=dict)
    """Pair of images to what reviewers said of it."""

    @model_validator(mode="wrap")
    @classmethod
    def _at(cls, value: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        """A folder of logs, read.

        Raises: MissingInput where there is none.
        """
        if not isinstance(value, str):
            return build(value)
        logs = Logs(Path(value))
        names = logs.raters()
        if not names:
            raise MissingInput(f"No reviews in {value!r}", mend="medvlsynther review RECIPE says where it keeps them")
        pairs: dict[str, list[Sameness]] = {}
        for name in names:
            for pair, entry in logs.sheet(name).latest("pair").items():
                pairs.setdefault(pair, []).append(entry.same or "unsure")
        return cls(decisions=tuple(logs.decisions()), pairs={pair: tuple(said) for pair, said in pairs.items()})

    def identity(self) -> object:
        """What decides a result: what was said, not how long it took."""
        fields = {"answer", "correct", "seconds", "rulings"}
        said = [each.model_dump(mode="json", exclude=fields) for each in self.decisions]
        return {"reviews": text_hash(orjson.dumps([said, self.pairs], option=orjson.OPT_SORT_KEYS))}
