"""Conversations in the message format of OpenAI's API: JSON lines with each image inside, as a data URL."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from medvlsynther.cards import Prompt
from medvlsynther.context import Context
from medvlsynther.export.columns import published
from medvlsynther.export.guards import open_image
from medvlsynther.export.lines import Line, Lines
from medvlsynther.export.package import FOLDER, Order, ship
from medvlsynther.export.prompt import asked, reply
from medvlsynther.export.rows import Row, Tables
from medvlsynther.records import Figure, Item, Label, Question, Verdict
from medvlsynther.store.table import Table

VERSION = 1

HOW = """A line of `train.jsonl` is one conversation, its images inside as data URLs; its last message is the reply.
`evidence/train.jsonl` tells, line by line, where each comes from."""


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
    """Questions as served, and `dataset/`: `train.jsonl`, `evidence/` and the card.

    A line holds `messages` and nothing else, because fine-tuning services refuse more; the last message is the reply.
    For inference with vLLM, leave it off. `evidence/train.jsonl` tells, line by line, where each comes from.
    """

    def line(row: Row) -> Line:
        messages: list[dict[str, Any]] = asked(instruction, row.item).parts([_part(data) for data in row.images])
        messages.append({"role": "assistant", "content": reply(row.item)})
        return Line({"messages": messages}, published(row, name))

    return ship(
        ctx,
        Tables(items, figures, verdicts, labels),
        Order("export.chat", name, split, seed, HOW),
        Lines(ctx.folder / FOLDER),
        line,
    )


def _part(data: bytes) -> dict[str, Any]:
    with open_image(data) as opened:
        kind = (opened.format or "PNG").lower()
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{b64encode(data).decode()}"}}
