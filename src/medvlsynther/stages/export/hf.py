"""The data set as parquet, with the evidence of every row, a card, and the attributions that its licences ask for."""

from collections.abc import Iterator, Mapping
from typing import Any

from medvlsynther.context import Context
from medvlsynther.export.audits import audits
from medvlsynther.export.columns import DESCRIBED, Published, published
from medvlsynther.export.croissant import croissant
from medvlsynther.export.package import FOLDER, Order, Shipment, ship
from medvlsynther.export.rows import Row, Tables
from medvlsynther.export.shards import Shards, image_cells, schema
from medvlsynther.records import Figure, Item, Label, Overlap, Question, Verdict
from medvlsynther.rules.probes import Probe
from medvlsynther.store.table import Table

VERSION = 1

HOW = """```python
from datasets import load_dataset

rows = load_dataset("path/to/this/folder", split="train")
rows[0]["images"][0]  # a PIL image
```

The first ten columns are those of the published MedVLSynther data sets; `options` and `misc` hold JSON in a string."""


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    verdicts: Table[Verdict] | None,
    labels: Table[Label] | None,
    probes: Table[Probe] | None,
    overlaps: Table[Overlap] | None,
    *,
    name: str = "medsynvqa",
    split: float = 0.0,
    seed: int = 42,
) -> Iterator[Question]:
    """Questions as served, and `dataset/`: `data/*.parquet`, README.md, croissant.json, ATTRIBUTION.tsv.

    `split` is the share of validation, by article. `load_dataset` on the folder or on its parquet files decodes the
    images. Rejects: what `guards.check_item` and `guards.check_image` refuse, image_missing, image_damaged.
    """
    columns = schema(Published)

    def cells(row: Row) -> Mapping[str, Any]:
        return {"images": image_cells(row), **published(row, name).model_dump()}

    def metadata(shipment: Shipment) -> Mapping[str, bytes]:
        return {"croissant.json": croissant(shipment, columns, DESCRIBED)}

    return ship(
        ctx,
        Tables(items, figures, verdicts, labels),
        Order("export.hf", name, split, seed, HOW),
        Shards(ctx.folder / FOLDER, columns),
        cells,
        further=metadata,
        audits=audits(probes, overlaps, items),
    )
