"""An Inspect task: samples with their images as files, and a task that grades with this project's reader of answers."""

from collections.abc import Iterator, Mapping

from medvlsynther.cards import Prompt
from medvlsynther.catalog import ASSETS
from medvlsynther.context import Context
from medvlsynther.export.columns import published
from medvlsynther.export.lines import Line, Lines, image_files
from medvlsynther.export.package import FOLDER, Order, Shipment, ship
from medvlsynther.export.prompt import asked
from medvlsynther.export.rows import Row, Tables
from medvlsynther.records import Figure, Item, Label, Question, Verdict
from medvlsynther.store.table import Table

VERSION = 1

HOW = """With `pip install medvlsynther inspect-ai`:

```sh
inspect eval task.py --model …
```"""


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
    instruction: Prompt = Prompt.load("answer"),
) -> Iterator[Question]:
    """Questions as served, and `dataset/`: task.py, `train.jsonl`, `images/`, `evidence/` and the card.

    `inspect eval dataset/task.py --model …` runs it; the task needs this package for grading.

    Source: the documentation of Inspect on datasets and custom scorers.
    """
    dataset = ctx.folder / FOLDER

    def line(row: Row) -> Line:
        images = [{"type": "image", "image": path} for path in image_files(dataset, row)]
        sample = {
            "id": row.item.item_id,
            "input": asked(instruction, row.item).parts(images),
            "target": row.item.answer,
            "metadata": {"options": row.item.lettered, "article_id": row.figure.article.article_id},
        }
        return Line(sample, published(row, name))

    return ship(
        ctx,
        Tables(items, figures, verdicts, labels),
        Order("export.inspect", name, split, seed, HOW),
        Lines(dataset),
        line,
        further=_task,
    )


def _task(_: Shipment) -> Mapping[str, bytes]:
    return {"task.py": (ASSETS / "export" / "inspect_task.py.txt").read_bytes()}
