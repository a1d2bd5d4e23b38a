"""A run as it lies in a store: its steps in order, what each says of itself, and the tables that people ask about."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.parquet as pq

from medvlsynther.errors import MissingInput
from medvlsynther.records import Item, Record
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table, arrow_schema

R = TypeVar("R", bound=Record)

REJECTS = "rejects.parquet"
"""Table of what ended in a step, beside the step's own."""


@dataclass(frozen=True)
class Done:
    """One finished step."""

    name: str
    """Its key in the recipe."""
    folder: Path
    """Where it lies."""
    manifest: dict[str, Any]
    """What it says of itself."""

    @property
    def id(self) -> str:
        """Step id."""
        return self.folder.name

    @property
    def table(self) -> Path:
        """Its table."""
        return self.folder / str(self.manifest["table"])

    @property
    def rejects(self) -> Path:
        """Its rejects."""
        return self.folder / REJECTS

    def holds(self, record: type[Record]) -> bool:
        """Whether its table is one of such records."""
        return bool(pq.read_schema(self.table).equals(arrow_schema(record)))


@dataclass(frozen=True)
class Run:
    """The finished steps of a recipe; what is still to do is named."""

    name: str
    """The recipe as the user wrote it."""
    store: Store
    """Where it lies."""
    steps: tuple[Done, ...]
    """Finished steps, in the recipe's order."""
    to_do: tuple[str, ...] = ()
    """Names of steps that are not finished."""

    def holding(self, record: type[Record]) -> Iterator[Done]:
        """The steps that wrote such records, the last one first."""
        return (step for step in reversed(self.steps) if step.holds(record))

    def last(self, record: type[R]) -> Table[R] | None:
        """The last table of such records; None where the run has none."""
        step = next(self.holding(record), None)
        return Table(record, step.table) if step else None

    def need(self, record: type[R]) -> Table[R]:
        """The last table of such records.

        Raises: MissingInput where the run has none yet.
        """
        table = self.last(record)
        if table is None:
            mend = f"medvlsynther run {self.name}"
            raise MissingInput(f"This run has no {record.__name__.lower()}s yet", where=self.name, mend=mend)
        return table

    def source(self, step: Done, record: type[R]) -> Table[R] | None:
        """The table of such records that a step read."""
        for source in step.manifest["inputs"].values():
            found = next((each for each in self.steps if each.id == source), None)
            if found and found.holds(record):
                return Table(record, found.table)
        return None

    def judged(self) -> Table[Item] | None:
        """The items that the last verdicts are about; the last items where nothing was judged."""
        judges = (step for step in reversed(self.steps) if step.table.name == "verdicts.parquet")
        step = next(judges, None)
        return self.source(step, Item) if step else self.last(Item)


def finished(store: Store, name: str, planned: Iterable[tuple[str, str]]) -> Run:
    """The run of a plan, given as (name, step id) in order.

    Raises: MissingInput where not one step is finished.
    """
    done, to_do = [], []
    for step, step_id in planned:
        manifest = store.manifest(step_id)
        if manifest is None:
            to_do.append(step)
        else:
            done.append(Done(step, store.step(step_id), manifest))
    if not done:
        raise MissingInput("No step of it is finished", where=name, mend=f"medvlsynther run {name}")
    return Run(name, store, tuple(done), tuple(to_do))
