"""A data set as a folder: rows in a format's own files, and beside them README.md and ATTRIBUTION.tsv."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from medvlsynther.errors import BadSetting, StepFailed
from medvlsynther.export.audits import NONE, Audits
from medvlsynther.export.card import Order, readme
from medvlsynther.export.census import Census
from medvlsynther.export.credits import Credits
from medvlsynther.export.funnel import behind
from medvlsynther.export.rows import Row, Tables, served
from medvlsynther.records import Question
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store, write_aside
from medvlsynther.store.scratch import Scratch

FOLDER = "dataset"
"""Where a step keeps the data set that it exports."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
"""What the Hub takes as the name of a data set."""

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Workplace(Protocol):
    """What exporting needs of a stage's context."""

    store: Store
    folder: Path
    images: ImageStore

    def reject(self, id: str, reason: str, detail: str = "") -> None:  # noqa: A002 - the record's own field name
        """Count an input that ends here."""


class Writer(AbstractContextManager["Writer[Any]"], Protocol[T_contra]):
    """The files of one format."""

    def add(self, part: str, row: T_contra) -> None:
        """Append a row to a part of the data set: "train", "validation", "train_text", …"""

    def pattern(self, part: str) -> str:
        """Glob of a part's files, seen from the data set's folder."""

    def rows(self) -> int | None:
        """Rows that can be read back from the finished files; None where reading them back would cost as much again."""


@dataclass(frozen=True)
class Shipment:
    """A data set whose rows are written: what further files are made from."""

    order: Order
    folder: Path
    census: Census
    parts: list[str] = field(default_factory=list)
    """Parts that have files, sorted."""


def ship(
    place: Workplace,
    tables: Tables,
    order: Order,
    writer: Writer[T],
    make: Callable[[Row], T],
    *,
    part: Callable[[Row], str] = lambda row: row.split,
    easy_first: bool = False,
    further: Callable[[Shipment], Mapping[str, bytes]] = lambda _: {},
    audits: Audits = NONE,
) -> Iterator[Question]:
    """Write a data set into `place.folder / "dataset"` and give its questions.

    `make` turns a row into what the writer takes, or refuses it with InputError; `further` gives more files by name;
    `easy_first` orders the rows by their pass rates.

    Raises: BadSetting for a name that no data set can have, or an unfit split.
    """
    if not NAME.fullmatch(order.name):
        raise BadSetting(f"name is {order.name!r}", mend="Use letters, digits, '.', '_' and '-'")
    census = Census()

    def refuse(item_id: str, reason: str, detail: str) -> None:
        census.rejects[reason] += 1
        place.reject(item_id, reason, detail)

    dataset = place.folder / FOLDER
    with Scratch(place.folder) as scratch:
        owing = Credits(scratch)
        rows = served(
            tables,
            place.images.read,
            refuse,
            make,
            split=order.split,
            seed=order.seed,
            easy_first=easy_first,
            scratch=scratch,
        )
        with writer:
            for row, made in rows:
                writer.add(part(row), made)
                census.add(row, part(row))
                owing.add(row.figure)
                yield row.question(order.name)
        census.owed = owing.owed()
        owing.write(dataset / "ATTRIBUTION.tsv")
    if writer.rows() not in (None, census.rows):
        raise StepFailed(f"{census.rows} rows were written and {writer.rows()} can be read back")
    shipment = Shipment(order, dataset, census, sorted(census.parts))
    funnel = behind(place.store, (tables.figures, tables.items, tables.verdicts, tables.labels))
    card = readme(order, census, funnel, _configs(shipment.parts, writer), audits)
    for name, data in {"README.md": card.encode(), **further(shipment)}.items():
        write_aside(dataset / name, data)


def _configs(parts: list[str], writer: Writer[Any]) -> list[dict[str, Any]]:
    """The Hub's list of configurations: rows without images have one of their own, where a format keeps them apart."""
    configs: dict[str, list[dict[str, str]]] = {}
    for part in parts:
        split, _, kind = part.partition("_")
        configs.setdefault(kind or "default", []).append({"split": split, "path": writer.pattern(part)})
    return [{"config_name": name, "data_files": files} for name, files in configs.items()]


__all__ = ["FOLDER", "Order", "Shipment", "ship"]
