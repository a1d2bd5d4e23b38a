"""Reads a set of questions from a local folder: the authors' own files, the joint evaluation set, or our own export."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ConfigDict, model_validator

from medvlsynther import catalog
from medvlsynther.cards import Benchmark
from medvlsynther.errors import InputError, MissingExtra, MissingInput
from medvlsynther.questions.entry import Entry, Row
from medvlsynther.questions.images import Images
from medvlsynther.questions.tables import files_of, listing, rows_of
from medvlsynther.records import Question, Record, Reject
from medvlsynther.store.corpus import Corpus

SERVED = "served"
"""Format of the joint evaluation set and of our own exports."""

_SERVED_COLUMNS = frozenset({"question", "options", "answer_label"})

HUB = "hub:"
"""Prefix of a set on the Hugging Face hub: "hub:<repo>" or "hub:<repo>@<revision>"."""


def local(path: str) -> Path:
    """The local path of a set; one on the hub is fetched into the hub's own cache.

    Raises: MissingExtra; MissingInput for a repository that cannot be fetched.
    """
    if not path.startswith(HUB):
        return Path(path)
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError:
        raise MissingExtra("huggingface_hub", "hub") from None
    repo, _, revision = path.removeprefix(HUB).partition("@")
    try:
        return Path(snapshot_download(repo, repo_type="dataset", revision=revision or None))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise MissingInput(f"Cannot fetch {repo!r}: {error}", mend="Fetch it and give its local path") from None


class Folder(Record):
    """Where sets lie: a folder, or "hub:<repo>" or "hub:<repo>@<revision>"."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    corpus: Corpus
    """Its files."""

    @model_validator(mode="before")
    @classmethod
    def _at(cls, value: Any) -> Any:
        return {"corpus": Corpus.at(local(value))} if isinstance(value, str) else value

    def of(self, benchmark: Benchmark) -> Corpus:
        """The files of one set: those in a folder named as its card where there is one, else all, the joint set."""
        own = self.corpus.path / benchmark.name
        return Corpus.at(own) if own.is_dir() else self.corpus


@dataclass(frozen=True)
class Source:
    """Which questions are read, and from where."""

    name: str
    """Name of the set; ids begin with it."""
    corpus: Corpus
    """Folder with its files."""
    split: str = "test"
    """Split whose files are read."""
    benchmark: Benchmark | None = None
    """What is known of the set; None for one of the served format that no card describes."""
    selected: bool = True
    """Only the rows that the card selects, i.e. the evaluated ones; False for all."""
    only: str = ""
    """The one file of the folder that is read; "" for all that hold the split."""


def read_entries(source: Source) -> Iterator[Entry | Reject]:
    """Every question of a set in order, open and faulty ones included; a Reject for a row that cannot be read.

    Ids are made unique: the second bearer of an id gets "~2" behind it and the fault duplicate_id.

    Raises: MissingInput for a folder without files of that set.
    """
    root, seen = source.corpus.path, dict[str, int]()
    listed = [source.only] if source.only else listing(root)
    form = _format(source, listed)
    finder = _Finder(listed)
    index = -1
    for row in _rows(source, form, listed):
        if isinstance(row, Reject):
            yield row
            continue
        index += 1  # counted before selecting, so that a question has one id however it is read
        if source.selected and not _is_selected(row, source.benchmark, form):
            continue
        try:
            entry: Entry = form.entry(row, finder)
        except InputError as error:
            yield Reject(id=f"{source.name}/{row.file}:{row.number}", reason=error.reason, detail=error.detail)
            continue
        yield _unique(_placed(entry, source, index), seen)


def read_questions(source: Source) -> Iterator[Question | Reject]:
    """Every question that can be asked, and a Reject with its reason for each that cannot.

    Reasons: those of `read_entries`; no_question, no_options, too_many_options, gold_outside_options, gold_several,
    gold_held_back, gold_contradicts_itself, duplicate_id, image_missing. Images are looked for, not decoded.
    """
    images = Images(source.corpus.path)
    for index, entry in enumerate(read_entries(source)):
        if isinstance(entry, Reject):
            yield entry
            continue
        fault = _fault(entry, images)
        if fault is not None or entry.letter is None:
            yield Reject(id=entry.id, reason=fault or "no_options")
            continue
        yield Question(
            question_id=entry.id,
            dataset=source.name,
            index=index,
            question=entry.question,
            options=entry.options,
            answer=entry.letter,
            images=entry.images,
            split=source.split,
        )


def _fault(entry: Entry, images: Images) -> str | None:
    if entry.faults:
        return entry.faults[0]
    try:
        for image in entry.images:
            images.read(image.member)
    except InputError as error:
        return error.reason
    return None


def _format(source: Source, listed: Iterable[str]) -> ModuleType:
    """The module that reads this folder: the served format where its parquet files have those columns."""
    parquet = [name for name in listed if name.lower().endswith(".parquet")]
    if source.benchmark is None or any(_is_served(source.corpus.path / name) for name in parquet[:1]):
        return catalog.module("questions.formats", SERVED)
    return catalog.module("questions.formats", source.benchmark.format, where=f"benchmarks/{source.benchmark.name}")


def _is_served(path: Path) -> bool:
    try:
        return set(pq.read_schema(path).names) >= _SERVED_COLUMNS
    except (OSError, pa.ArrowException):
        return False


def _rows(source: Source, form: ModuleType, listed: list[str]) -> Iterator[Row | Reject]:
    served = form.__name__.endswith(f".{SERVED}")
    in_split: Callable[[Row, str], bool] | None = getattr(form, "in_split", None)
    patterns = () if source.benchmark is None or served else source.benchmark.files.get(source.split, ())
    for file in files_of(listed, form.SUFFIXES, source.split, patterns, str(source.corpus.path)):
        try:
            for row in rows_of(source.corpus.path, file):
                if (in_split is None or in_split(row, source.split)) and _is_of_set(row, source, served):
                    yield row
        except InputError as error:
            yield Reject(id=f"{source.name}/{file}", reason=error.reason, detail=error.detail)


def _is_of_set(row: Row, source: Source, served: bool) -> bool:
    """False for a row of another benchmark in the joint set."""
    return not served or source.benchmark is None or row.text("dataset_name") == source.benchmark.served_as


def _is_selected(row: Row, benchmark: Benchmark | None, form: ModuleType) -> bool:
    if benchmark is None or form.__name__.endswith(f".{SERVED}"):
        return True
    wanted: Mapping[str, tuple[str, ...]] = benchmark.select
    return all(
        row.text(column).casefold() in (value.casefold() for value in values) for column, values in wanted.items()
    )


def _placed(entry: Entry, source: Source, index: int) -> Entry:
    """The entry with full ids, and with its images in this folder."""
    faults = entry.faults if entry.question else ("no_question", *entry.faults)
    images = tuple(image.model_copy(update={"corpus": source.corpus.digest}) for image in entry.images)
    origin = source.benchmark.name if source.benchmark else source.name
    return replace(
        entry,
        id=f"{source.name}/{entry.id or index}",
        images=images,
        faults=faults,
        keys=tuple(key.replace("{set}", origin) for key in entry.keys),
        image_keys=tuple(tuple(key.replace("{set}", origin) for key in keys) for keys in entry.image_keys),
    )


def _unique(entry: Entry, seen: dict[str, int]) -> Entry:
    count = seen[entry.id] = seen.get(entry.id, 0) + 1
    if count == 1:
        return entry
    return replace(entry, id=f"{entry.id}~{count}", faults=(*entry.faults, "duplicate_id"))


class _Finder:
    """Finds files by the end of their path; of several, the first in order."""

    def __init__(self, listed: Iterable[str]) -> None:
        self._by_name: dict[str, list[str]] = {}
        for path in listed:
            self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def __call__(self, name: str) -> str:
        wanted = name.replace("\\", "/").removeprefix("./").strip("/")
        for path in self._by_name.get(wanted.rpartition("/")[2], ()):
            if path == wanted or path.endswith(f"/{wanted}"):
                return path
        return wanted
