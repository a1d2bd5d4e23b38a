"""What an audit found of a run, and what it could have found: counts by class, and the worst pairs with pictures."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow.compute as pc
import pyarrow.parquet as pq

from medvlsynther.audit.calibration import Power
from medvlsynther.audit.findings import told_power
from medvlsynther.audit.likeliest import ends, gravest, likeliest
from medvlsynther.audit.sets import Exhibit
from medvlsynther.records import Overlap
from medvlsynther.report.samples import Picture, picture
from medvlsynther.rules.overlap.classes import KINDS
from medvlsynther.store.finished import Run
from medvlsynther.store.images import ImageStore
from medvlsynther.store.table import Table

PAIRS, CANDIDATES = 12, 2000
"""Pairs that are shown, and pairs of items of the worst classes among which they are looked for."""


@dataclass(frozen=True)
class Pair:
    """Two items that share something."""

    overlap: Overlap
    kind: str
    """Its class, or the layer where it was not judged."""
    left: Picture
    right: Picture


@dataclass(frozen=True)
class Contamination:
    """The audit of a run."""

    counts: Mapping[tuple[str, str], int]
    """Pairs by (test set, class); those that were not judged under their layer."""
    power: Mapping[str, str]
    """Train set to the sentence that says what would have been found."""
    unchecked: Mapping[str, int]
    """What the audit's steps could not look at, by reason."""
    pairs: tuple[Pair, ...]
    """The worst, with both pictures."""


def contamination(run: Run) -> Contamination | None:
    """The audit of a run; None where it was compared with nothing."""
    overlaps, exhibits = run.last(Overlap), run.last(Exhibit)
    if overlaps is None:
        return None
    powers = list(run.last(Power) or ())
    audited = _train_sets(exhibits) if exhibits else []
    unchecked: Counter[str] = Counter()
    for step in run.steps:
        if step.name.startswith("audit."):
            unchecked.update(step.manifest["rejects"])
    return Contamination(
        _counts(overlaps),
        {name: told_power(powers, name) for name in audited},
        dict(sorted(unchecked.items())),
        _pairs(run, overlaps, exhibits),
    )


def _train_sets(exhibits: Table[Exhibit]) -> list[str]:
    rows = pq.read_table(exhibits.path, columns=["set_name"], filters=pc.field("role") == "train")
    return sorted(pc.unique(rows["set_name"]).to_pylist())


def _counts(table: Table[Overlap]) -> dict[tuple[str, str], int]:
    """Pairs by test set and class, by column: an audit may have millions. Judged pairs are counted once, by class."""
    found: Counter[tuple[str, str]] = Counter()
    with pq.ParquetFile(table.path) as file:
        for batch in file.iter_batches(columns=["test_set", "layer", "kind"]):
            for against, layer, kind in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                found[against, kind or f"{layer} (not judged)"] += 1
    judged = {against for against, kind in found if kind in KINDS}
    order: dict[str, int] = {kind: place for place, kind in enumerate(KINDS)}
    shown = [key for key in found if key[1] in KINDS or key[0] not in judged]
    return {key: found[key] for key in sorted(shown, key=lambda key: (key[0], order.get(key[1], len(order)), key[1]))}


def _pairs(run: Run, overlaps: Table[Overlap], exhibits: Table[Exhibit] | None) -> tuple[Pair, ...]:
    """The likeliest pairs of images, those first whose items have the gravest classes."""
    classes = gravest(overlaps, CANDIDATES)
    shown = likeliest(overlaps, PAIRS, classes)
    ids = {item for one in shown for item in (one.train_id, one.test_id)}
    known = _exhibits(exhibits, ids) if exhibits and ids else {}
    images = ImageStore(run.store.images)

    def side(name: tuple[str, str], place: int | None) -> Picture:
        exhibit = known.get(name)
        if exhibit is None or place is None or place >= len(exhibit.images):
            return Picture(fault="no image here")
        return picture(images, exhibit.images[place].small, exhibit.images[place].name)

    return tuple(
        Pair(
            one,
            classes.get(ends(one)) or f"{one.layer} (not judged)",
            side((one.train_set, one.train_id), one.train_image),
            side((one.test_set, one.test_id), one.test_image),
        )
        for one in shown
    )


def _exhibits(table: Table[Exhibit], ids: set[str]) -> dict[tuple[str, str], Exhibit]:
    rows = pq.read_table(table.path, filters=pc.field("item_id").isin(sorted(ids))).to_pylist()
    return {(row["set_name"], row["item_id"]): Exhibit.model_validate(row) for row in rows}
