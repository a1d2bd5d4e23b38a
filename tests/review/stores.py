"""Finished runs made of given rows, without running anything."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from medvlsynther.audit.sets import Exhibit, Print
from medvlsynther.pipeline.plan import table_name
from medvlsynther.records import Figure, Item, Label, Overlap, Record, Reject, Verdict
from medvlsynther.store.finished import Run, finished
from medvlsynther.store.layout import DONE, Store
from medvlsynther.store.table import TableWriter
from tests.export.material import Material


def lay(
    material: Material, rejects: Sequence[Reject] = (), name: str = "made", overlaps: Sequence[Overlap] = ()
) -> Run:
    """A run: figures, items, verdicts, a filter that turns `rejects` away, labels, and what an audit found."""
    store = material.store
    out = {reject.id for reject in rejects}
    kept = [item for item in material.items if item.item_id not in out] if rejects else material.items
    steps = [
        step(store, "images", Figure, material.figures),
        step(store, "lint", Item, material.items, inputs={"items": None, "figures": "images-0"}),
    ]
    if material.verdicts is not None:
        steps.append(step(store, "verify", Verdict, material.verdicts, inputs={"items": "lint-0"}))
    if rejects:
        steps.append(step(store, "filter", Item, kept, rejects, inputs={"items": "lint-0", "verdicts": "verify-0"}))
    if material.labels is not None:
        steps.append(step(store, "label", Label, material.labels, inputs={"items": steps[-1][1]}))
    if overlaps:
        steps.append(step(store, "audit.read", Exhibit, list(exhibits(material, overlaps))))
        steps.append(step(store, "audit.joint", Overlap, overlaps))
    return finished(store, name, steps)


def exhibits(material: Material, overlaps: Sequence[Overlap]) -> Iterator[Exhibit]:
    """Both sides of each pair, with the stored pictures of our own item."""
    figures = {
        item.item_id: figure
        for item in material.items
        for figure in material.figures
        if figure.figure_id == item.figure_id
    }
    for pair in overlaps:
        prints = tuple(Print(name=i.name, small=i.sha256 or "") for i in figures[pair.train_id].images)
        yield Exhibit(set_name=pair.train_set, role="train", item_id=pair.train_id, images=prints)
        yield Exhibit(set_name=pair.test_set, role="test", item_id=pair.test_id, images=prints)


def step(
    store: Store,
    stage: str,
    record: type[Record],
    rows: Sequence[Record],
    rejects: Sequence[Reject] = (),
    inputs: dict[str, str | None] | None = None,
) -> tuple[str, str]:
    """A finished step with these rows; its name and id."""
    folder = store.step(f"{stage}-0")
    folder.mkdir(parents=True)
    _write(folder / table_name(record), record, rows)
    _write(folder / "rejects.parquet", Reject, rejects)
    reasons = [reject.reason for reject in rejects]
    manifest = {
        "id": folder.name,
        "stage": stage,
        "settings": {},
        "cards": {"rubrics/audited": "0" * 64},
        "inputs": inputs or {},
        "table": table_name(record),
        "rows": len(rows),
        "rejects": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        "usage": {"writer": {"prompt_tokens": 10, "cached_tokens": 0, "image_tokens": 4, "reply_tokens": 5}},
    }
    (folder / DONE).write_bytes(orjson.dumps(manifest))
    return stage, folder.name


def _write(path: Path, record: type[Record], rows: Sequence[Record]) -> None:
    with TableWriter(record, path) as writer:
        for row in rows:
            writer.add(row)
