"""Result files read row by row, whoever wrote them; a row that cannot be read is counted and the others go on."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson

from medvlsynther import catalog
from medvlsynther.cards import Benchmark
from medvlsynther.errors import BadSetting, InputError, MissingExtra, MissingInput
from medvlsynther.evaluation.formats._common import Place, Result
from medvlsynther.questions.entry import TEXT_LIMIT
from medvlsynther.records import Reject

ORDER = ("published", "lmms_eval", "vlmevalkit", "plain")
"""Formats in the order in which they are tried: the narrower first."""

FILE_LIMIT_BYTES = 1 << 30
"""Largest file that is read whole."""

LINE_LIMIT_BYTES = 1 << 26
"""Longest line."""

_END = object()


def read_results(path: Path, model: str = "") -> Iterator[Result | Reject]:
    """Every row of a result file in order, and a Reject for each that cannot be used.

    The format is told by the rows' fields. A name that the joint evaluation set uses becomes that of its card.
    Of several rows about one question the first counts: a harness that was resumed may write it again.

    Rejects: row_unreadable (a half-written line), format_unknown, duplicate_id, no_options, options_unreadable,
    gold_outside_options, …
    Raises: MissingInput, MissingExtra (xlsx), BadSetting for a file that is of no known kind.
    """
    if not path.is_file():
        raise MissingInput(f"No file {str(path)!r}", mend="Give a file of results")
    served = served_names()
    seen: set[str] = set()
    for number, row in enumerate(_rows(path)):
        try:
            found = _read(row, Place(path, number, model or model_of(path)), served)
            if found.question.question_id in seen:
                raise InputError("duplicate_id", found.question.question_id)
        except InputError as error:
            yield Reject(id=f"{path.name}:{number + 1}", reason=error.reason, detail=error.detail)
            continue
        seen.add(found.question.question_id)
        yield found


def model_of(path: Path) -> str:
    """What to call the model of a file: the folder's name for the published scripts' files, else the file's own."""
    return path.resolve().parent.name if path.stem.endswith("eval_results") else path.stem


def served_names() -> dict[str, str]:
    """Names in the joint evaluation set to names of cards."""
    return {Benchmark.load(name).served_as: name for name in catalog.names(Benchmark.FOLDER)}


def _read(row: object, place: Place, served: Mapping[str, str]) -> Result:
    if not isinstance(row, dict):
        raise InputError("row_unreadable", "not one whole object")
    dataset = row.get("dataset_name")
    if isinstance(dataset, str) and dataset in served:
        row = {**row, "dataset_name": served[dataset]}
    found: Result = _format(row).read(row, place)
    return found


def _format(row: Mapping[str, Any]) -> ModuleType:
    for name in ORDER:
        form = catalog.module("evaluation.formats", name)
        if form.fits(row):
            return form
    raise InputError("format_unknown", f"fields {', '.join(map(str, row))}"[:200])


def _rows(path: Path) -> Iterator[object]:
    readers = {
        ".jsonl": _lines,
        ".json": _list,
        ".csv": lambda file: _table(file, ","),
        ".tsv": lambda file: _table(file, "\t"),
        ".xlsx": _sheet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadSetting(f"Cannot read {path.name}", mend=f"Known: {', '.join(readers)}")
    return reader(path)


def _lines(path: Path) -> Iterator[object]:
    """One value a line; None for a line that holds none."""
    with path.open("rb") as file:
        while line := file.readline(LINE_LIMIT_BYTES):
            if line.strip():
                yield _value(line)


def _value(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _list(path: Path) -> Iterator[object]:
    _check_size(path)
    found = _value(path.read_bytes())
    if not isinstance(found, list):
        raise BadSetting(f"{path.name} holds no list", mend="Give a list of objects, or one object a line in .jsonl")
    return iter(found)


def _table(path: Path, delimiter: str) -> Iterator[object]:
    csv.field_size_limit(TEXT_LIMIT)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file, delimiter=delimiter)
        while True:
            try:
                row: object = next(rows, _END)
            except csv.Error:
                row = None
            if row is _END:
                return
            yield row


def _sheet(path: Path) -> Iterator[object]:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise MissingExtra("openpyxl", "xlsx") from None
    from zipfile import BadZipFile

    _check_size(path)
    try:
        rows = load_workbook(path, read_only=True, data_only=True).worksheets[0].iter_rows(values_only=True)
        titles = [str(title) for title in next(rows, ())]
        for row in rows:
            yield dict(zip(titles, row, strict=False))
    except (InvalidFileException, BadZipFile, SyntaxError, LookupError, OSError, ValueError) as error:
        raise BadSetting(
            f"Cannot read {path.name}: {error}", mend="Give a whole workbook of Excel, or a .tsv"
        ) from None


def _check_size(path: Path) -> None:
    if path.stat().st_size > FILE_LIMIT_BYTES:
        raise BadSetting(
            f"{path.name} is larger than {FILE_LIMIT_BYTES} bytes", mend="Give one object a line in .jsonl"
        )
