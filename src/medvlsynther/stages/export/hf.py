"""The data set as parquet, with the evidence of every row, a card, and the attributions that its licences ask for."""

from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.export.package import Package
from medvlsynther.export.rows import Published, Tables, published, served
from medvlsynther.export.shards import Shards, image_cells, schema
from medvlsynther.records import Figure, Item, Label, Question, Verdict
from medvlsynther.store.table import Table

VERSION = 1


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    verdicts: Table[Verdict] | None,
    labels: Table[Label] | None,
    *,
    name: str = "medsynvqa",
    split: float = 0.0,
    seed: int = 42,
) -> Iterator[Question]:
    """Questions as served, and `dataset/`: `data/*.parquet`, README.md, croissant.json, ATTRIBUTION.tsv.

    `split` is the share of validation, by article. `load_dataset` on the folder or on its parquet files decodes the
    images. Rejects: what `guards.check_item` and `guards.check_image` refuse, image_missing, image_damaged.
    """
    tables, columns = Tables(items, figures, verdicts, labels), schema(Published)
    package = Package(ctx.folder / "dataset", name, ctx.store, tables)
    with Shards(package.folder / "data", columns) as shards:
        for row in served(tables, ctx.images.read, package.refusing(ctx.reject), split=split, seed=seed):
            cells = published(row, name)
            images = image_cells(cells.image_names, row.images)
            shards.add(row.split, {"images": images, **cells.model_dump()})
            package.census.add(row)
            yield row.question(name)
    package.finish("export.hf", columns, shards.files)
