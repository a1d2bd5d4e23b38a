"""The files of an audit's report: a page, tables for spreadsheets, and the sheet on which two people judge pairs."""

import base64
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from pydantic import model_validator

from medvlsynther.audit.sets import Exhibit
from medvlsynther.catalog import ASSETS
from medvlsynther.errors import BadSetting, MissingInput
from medvlsynther.records import Overlap, Record
from medvlsynther.rules.overlap.classes import KINDS, Kind
from medvlsynther.rules.stats import gwet_ac1

SHEET_LIMIT_BYTES = 16 << 20
"""Largest sheet that is read back."""

RATERS = ("rater_1", "rater_2")
"""Columns of the two raters; each writes "same" or "different"."""


class Pair(NamedTuple):
    """A pair of items as it is shown."""

    number: int
    joint: Overlap
    train: Exhibit
    test: Exhibit
    train_image: int | None
    test_image: int | None


class Sheet(Record):
    """A filled adjudication sheet; its text decides, not its path."""

    text: str
    """The CSV as the raters left it."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        path = Path(value)
        if not path.is_file():
            raise MissingInput(f"No sheet {value!r}", mend="Give the filled adjudication.csv of an earlier report")
        if path.stat().st_size > SHEET_LIMIT_BYTES:
            raise BadSetting(f"{value!r} is too large for an adjudication sheet")
        return {"text": path.read_text(encoding="utf-8-sig", errors="replace")}


class Adjudication(Record):
    """What two people said of the pairs."""

    judged: int
    """Pairs that both judged."""
    same: int
    """Pairs that both call the same."""
    agreement: float | None
    """Gwet's AC1; None where nobody judged or where it cannot be formed."""


def adjudicated(sheet: Sheet) -> Adjudication:
    """How two raters judged, and how far they agree.

    Raises: BadSetting for a sheet without the two columns.
    """
    reader = csv.DictReader(io.StringIO(sheet.text))
    if not set(RATERS) <= set(reader.fieldnames or ()):
        raise BadSetting(f"The sheet has no columns {' and '.join(RATERS)}", mend="Fill in adjudication.csv as written")
    first, second = [], []
    for row in reader:
        one, other = ((row[rater] or "").strip().lower() for rater in RATERS)
        if one and other:
            first.append(one)
            second.append(other)
    both = sum(one == other == "same" for one, other in zip(first, second))
    return Adjudication(judged=len(first), same=both, agreement=gwet_ac1(first, second) if first else None)


def worst(overlaps: Iterable[Overlap], count: int) -> list[Overlap]:
    """The joint rows to look at first: by class, then by id, no more than `count` a comparison and class."""
    kept: dict[tuple[str, str, str], list[Overlap]] = {}
    for overlap in overlaps:
        if overlap.layer == "joint" and overlap.kind is not None:
            same = kept.setdefault((overlap.train_set, overlap.test_set, overlap.kind), [])
            if len(same) < count:
                same.append(overlap)
    order: dict[str, int] = {kind: place for place, kind in enumerate(KINDS)}
    return sorted((one for same in kept.values() for one in same), key=lambda one: order[one.kind or ""])


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file with a header; what a spreadsheet would take for a formula is made text."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([[_cell(value) for value in row] for row in rows])


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


PAIR_HEADER = ("train_set", "train_id", "test_set", "test_id", "class", "layer", "measure", "score", "evidence")
SHEET_HEADER = (
    "pair", "class", "test_set", "test_id", "test_question", "test_options", "test_answer", "train_id",
    "train_question", "train_options", "train_answer", *RATERS, "note",
)  # fmt: skip


def pair_rows(overlaps: Iterable[Overlap]) -> Iterator[tuple[object, ...]]:
    """All rows of the audit."""
    for one in overlaps:
        yield (
            one.train_set, one.train_id, one.test_set, one.test_id, one.kind or "", one.layer, one.measure,
            "" if one.score is None else one.score, one.evidence,
        )  # fmt: skip


def sheet_rows(pairs: Iterable[Pair]) -> Iterator[tuple[object, ...]]:
    """The pairs for two raters."""
    for pair in pairs:
        yield (
            pair.number, pair.joint.kind, pair.joint.test_set, pair.joint.test_id, pair.test.stem,
            " | ".join(pair.test.options), pair.test.key, pair.joint.train_id, pair.train.stem,
            " | ".join(pair.train.options), pair.train.key, "", "", "",
        )  # fmt: skip


def removal_rows(overlaps: Iterable[Overlap], classes: Sequence[Kind]) -> Iterator[tuple[str, ...]]:
    """The train items to take out, each once, with the pair that speaks against it."""
    seen: set[tuple[str, str]] = set()
    for one in overlaps:
        place = (one.train_set, one.train_id)
        if one.kind in classes and one.train_set != one.test_set and place not in seen:
            seen.add(place)
            yield (*place, str(one.kind), one.test_set, one.test_id, one.evidence)


def page(facts: Mapping[str, Any], pairs: Sequence[Pair], pictures: Mapping[str, bytes]) -> str:
    """The report as one HTML page that needs nothing else; whatever came from a set is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS / "audit"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = [
        {
            "number": pair.number,
            "joint": pair.joint,
            "sides": [
                _side("train", pair.train, pair.train_image, pictures),
                _side("test", pair.test, pair.test_image, pictures),
            ],
        }
        for pair in pairs
    ]
    return environment.get_template("report.html.jinja").render(facts, pairs=shown, kinds=KINDS)


def _side(name: str, exhibit: Exhibit, number: int | None, pictures: Mapping[str, bytes]) -> dict[str, object]:
    chosen = exhibit.images[number or 0 :][:1] if number is not None else exhibit.images[:1]
    data = next((pictures[image.small] for image in chosen if image.small in pictures), None)
    return {"name": name, "item": exhibit, "picture": _data_url(data) if data else None}


def _data_url(data: bytes) -> str:
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
