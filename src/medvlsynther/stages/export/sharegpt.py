"""Conversations for LLaMA-Factory and ms-swift: JSON lines with `messages` and `images`, the latter as files."""

from collections.abc import Iterator, Mapping

import orjson

from medvlsynther.cards import Prompt
from medvlsynther.context import Context
from medvlsynther.export.columns import published
from medvlsynther.export.lines import Line, Lines, image_files
from medvlsynther.export.package import FOLDER, Order, Shipment, ship
from medvlsynther.export.prompt import asked, reply
from medvlsynther.export.rows import Row, Tables
from medvlsynther.records import Figure, Item, Label, Question, Verdict
from medvlsynther.store.table import Table

VERSION = 1

HOW = """ms-swift: `--dataset train.jsonl`, run in this folder.
LLaMA-Factory: `--dataset_dir path/to/this/folder --dataset NAME_train`.
`evidence/train.jsonl` tells, line by line, where each comes from."""

TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


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
    """Questions as served, and `dataset/`: `train.jsonl`, `images/`, `evidence/`, dataset_info.json and the card.

    Each image has one `<image>` before the text. Items without thoughts get a reply of the answer alone. ms-swift reads
    the lines as they are; LLaMA-Factory with `--dataset_dir` on the folder and `--dataset <name>_train`.

    Source: the multimodal examples in the documentation of both trainers.
    """
    dataset = ctx.folder / FOLDER

    def line(row: Row) -> Line:
        messages = asked(instruction, row.item).plain(len(row.images))
        talk = [*messages, {"role": "assistant", "content": reply(row.item)}]
        return Line({"messages": talk, "images": image_files(dataset, row)}, published(row, name))

    return ship(
        ctx,
        Tables(items, figures, verdicts, labels),
        Order("export.sharegpt", name, split, seed, HOW.replace("NAME", name)),
        Lines(dataset),
        line,
        further=_registered,
    )


def _registered(shipment: Shipment) -> Mapping[str, bytes]:
    """LLaMA-Factory's list of data sets."""
    listed = {
        f"{shipment.order.name}_{part}": {
            "file_name": f"{part}.jsonl",
            "formatting": "sharegpt",
            "columns": {"messages": "messages", "images": "images"},
            "tags": TAGS,
        }
        for part in shipment.parts
    }
    return {"dataset_info.json": orjson.dumps(listed, option=orjson.OPT_INDENT_2)}
