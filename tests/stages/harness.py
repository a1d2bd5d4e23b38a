"""Runs one stage on given rows, with a scripted model: what a stage does without a recipe around it.

Items and figures differ by number in what a model sees: equal requests would be asked once.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from medvlsynther import catalog
from medvlsynther.cards import Model
from medvlsynther.context import Context
from medvlsynther.engines.base import Endpoint, Reply, Request
from medvlsynther.executors.local import Local
from medvlsynther.progress import Board, Budget, Meter
from medvlsynther.records import ArticleRef, Figure, ImageRef, Item, Licence, Origin, Record, Reject
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table, TableWriter

Answer = Callable[[Request], str | Reply]
Tables = Mapping[str, Sequence[Record] | None]
SCRIPTED = "scripted_answers"
ORIGIN = Origin(prompt="p", prompt_hash="0", model="m", model_hash="0")


@dataclass
class Outcome:
    """What a stage gave."""

    rows: list[Any]
    rejects: dict[str, str]
    """Id to reason."""
    folder: Path


def figure(number: int, **changes: Any) -> Figure:
    """A figure with one prepared image."""
    licence = Licence(code="CC-BY-4.0", standing="allowed", attribution="A drawn figure, CC BY 4.0")
    article = ArticleRef(article_id=f"PMC{number}.1", pmcid=f"PMC{number}", licence=licence)
    image = ImageRef(name="a.png", sha256=f"{number:064x}", width_px=384, height_px=300)
    given: dict[str, Any] = {
        "figure_id": f"PMC{number}.1/f1",
        "article": article,
        "caption": "Axial CT of the chest shows a pleural effusion.",
        "images": (image,),
        "category": "computerized tomography",
    }
    return Figure(**(given | changes))


def item(number: int, **changes: Any) -> Item:
    """An item about `figure(number)`."""
    given: dict[str, Any] = {
        "item_id": f"PMC{number}.1/f1#1",
        "figure_id": f"PMC{number}.1/f1",
        "question": f"Which finding is seen in patient {number}?",
        "options": ("Pleural effusion", "Pneumothorax", "Lung mass", "Rib fracture", "Hiatal hernia"),
        "answer": "A",
        "origin": ORIGIN,
    }
    return Item(**(given | changes))


def run_stage(
    name: str,
    folder: Path,
    tables: Tables,
    answer: Answer | None = None,
    **settings: Any,
) -> Outcome:
    """The rows and rejects of stage `name`; every model is answered by `answer`."""
    store = Store(folder / "store")
    store.prepare()
    part = folder / "part"
    part.mkdir(parents=True, exist_ok=True)
    module = ModuleType(SCRIPTED)
    module.answer = answer  # type: ignore[attr-defined]
    sys.modules[SCRIPTED] = module
    rejects: list[Reject] = []
    ctx = Context(
        store,
        part,
        Meter(Board(None), name, None),
        endpoint=lambda _: Endpoint(engine="scripted", function=f"{SCRIPTED}:answer"),
        executor=Local(1),
        on_reject=rejects.append,
        budget=Budget(),
    )
    inputs = {key: _table(rows, folder / f"{key}.parquet") for key, rows in tables.items()}
    rows = list(catalog.module("stages", name).run(ctx, **inputs, **settings))
    ctx.close()
    assert len({r.id for r in rejects}) == len(rejects)
    return Outcome(rows, {r.id: r.reason for r in rejects}, part)


def _table(rows: Sequence[Record] | None, path: Path) -> Table[Any] | None:
    if rows is None:
        return None
    kind = type(rows[0])
    with TableWriter(kind, path) as writer:
        for row in rows:
            writer.add(row)
    return Table(kind, path)


def model(name: str = "glm-4.5v") -> Model:
    """A model card; whatever it names, the scripted function answers."""
    return Model.load(name)
