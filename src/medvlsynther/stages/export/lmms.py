"""A task for lmms-eval: the data set as parquet with its prompts, a task card, and the functions that it names."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from medvlsynther.cards import Prompt
from medvlsynther.catalog import ASSETS
from medvlsynther.context import Context
from medvlsynther.export.columns import Published, published
from medvlsynther.export.package import FOLDER, Order, Shipment, ship
from medvlsynther.export.prompt import asked
from medvlsynther.export.rows import Row, Tables
from medvlsynther.export.shards import Shards, image_cells, schema
from medvlsynther.records import Figure, Item, Label, Question, Verdict
from medvlsynther.store.table import Table

VERSION = 1

HOW = """In this folder, with `pip install medvlsynther lmms-eval`:

```sh
python -m lmms_eval --include_path . --tasks NAME --model …
```"""

REPLY_TOKENS = 4096
"""Longest reply, as in the published evaluation."""


class Prompted(Published):
    """A row with what the model is asked."""

    system: str
    """System message; "" for none."""
    prompt: str
    """The text after the images."""


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
    """Questions as served, and `dataset/`: `data/*.parquet`, `<name>.yaml`, utils.py and the card.

    In that folder, `python -m lmms_eval --include_path . --tasks <name> --model …` runs it; grading needs this package.

    Source: task configuration as lmms-eval 0.7 reads it.
    """

    def cells(row: Row) -> Mapping[str, Any]:
        words = asked(instruction, row.item)
        prompted = {"system": words.system, "prompt": words.user}
        return {"images": image_cells(row), **published(row, name).model_dump(), **prompted}

    return ship(
        ctx,
        Tables(items, figures, verdicts, labels),
        Order("export.lmms", name, split, seed, HOW.replace("NAME", name)),
        Shards(ctx.folder / FOLDER, schema(Prompted)),
        cells,
        further=_task,
    )


def _task(shipment: Shipment) -> Mapping[str, bytes]:
    functions = ("doc_to_visual", "doc_to_text", "doc_to_messages", "process_results")
    card = {
        "task": shipment.order.name,
        "dataset_path": ".",
        "test_split": "train",
        "output_type": "generate_until",
        "doc_to_target": "answer_label",
        "generation_kwargs": {"max_new_tokens": REPLY_TOKENS, "temperature": 0, "do_sample": False},
        "metric_list": [{"metric": "accuracy", "aggregation": "mean", "higher_is_better": True}],
        "metadata": [{"version": VERSION}],
    }
    named = "".join(f"{function}: !function utils.{function}\n" for function in functions)
    text = yaml.safe_dump(card, sort_keys=False) + named
    utils = (ASSETS / "export" / "lmms_utils.py.txt").read_bytes()
    return {f"{shipment.order.name}.yaml": text.encode(), "utils.py": utils}
