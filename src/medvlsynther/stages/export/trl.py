"""Rows for TRL: prompt and completion for SFT, prompt and answer columns for GRPO, images as a column of their own."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pyarrow as pa

from medvlsynther.cards import Prompt
from medvlsynther.context import Context
from medvlsynther.errors import InputError
from medvlsynther.export.columns import Sourced, options_json, sourced
from medvlsynther.export.package import FOLDER, Order, ship
from medvlsynther.export.processor import ModelFolder
from medvlsynther.export.prompt import asked, reply
from medvlsynther.export.rows import Row, Tables
from medvlsynther.export.shards import IMAGES, MESSAGES, Shards, featured, image_cells, plain_fields
from medvlsynther.records import Figure, Item, Label, Question, Verdict
from medvlsynther.store.table import Table

VERSION = 1

HOW = """```python
from datasets import load_dataset

rows = load_dataset("path/to/this/folder", "default", split="train")
```

Give `rows` to `SFTTrainer` or `GRPOTrainer` as they are; set `max_length=None`, or long prompts are cut in silence."""


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    verdicts: Table[Verdict] | None,
    labels: Table[Label] | None,
    *,
    kind: Literal["sft", "grpo"],
    name: str = "medsynvqa",
    split: float = 0.0,
    seed: int = 42,
    order: Literal["given", "easy_first"] = "given",
    instruction: Prompt = Prompt.load("answer"),
    processor: ModelFolder | None = None,
    max_prompt_tokens: int = 4096,
) -> Iterator[Question]:
    """Questions as served, and `dataset/`: `data/*.parquet` and the card.

    Prompts hold no placeholder: TRL puts the images before the text of the first user message. Rows without images
    are a configuration of their own, "text", because a GRPO batch that mixes the two fails. `easy_first` orders rows by
    how often `solve` reached their keys, for a trainer that keeps their order.

    With a `processor` every prompt is measured by it, and one above `max_prompt_tokens` is refused: TRL would cut it
    in silence, or run out of memory.

    Rejects: prompt_too_long; for SFT no_thoughts, because a completion without thoughts would teach to skip them.
    Source: TRL 1.16, conversational prompt-completion and prompt-only data sets.
    """
    count = processor.counter() if processor else None

    def cells(row: Row) -> Mapping[str, Any]:
        item, words = row.item, asked(instruction, row.item)
        if count and (tokens := count(words, row.images).prompt) > max_prompt_tokens:
            raise InputError("prompt_too_long", f"{tokens} tokens")
        given = {"prompt": words.plain(), "images": image_cells(row)}
        if kind == "sft":
            given["completion"] = [{"role": "assistant", "content": reply(item, thoughts=True)}]
        answers = {"answer_label": item.answer, "answer": item.key, "options": options_json(item)}
        return given | answers | sourced(row, name).model_dump()

    completion = [pa.field("completion", MESSAGES)] if kind == "sft" else []
    columns = pa.schema(
        [
            pa.field("prompt", MESSAGES),
            *completion,
            pa.field("images", IMAGES),
            *(pa.field(column, pa.string()) for column in ("answer_label", "answer", "options")),
            *plain_fields(Sourced),
        ]
    )
    return ship(
        ctx,
        Tables(items, figures, verdicts, labels),
        Order("export.trl", name, split, seed, HOW),
        Shards(ctx.folder / FOLDER, featured(columns)),
        cells,
        part=lambda row: row.split if row.images else f"{row.split}_text",
        easy_first=order == "easy_first",
    )
