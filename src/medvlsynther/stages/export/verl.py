"""Rows for verl's RLHFDataset: an explicit schema, a placeholder for every image, bytes inside, bounded pixels."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pyarrow as pa

from medvlsynther.cards import Prompt
from medvlsynther.context import Context
from medvlsynther.errors import InputError
from medvlsynther.export.columns import Sourced, options_json, sourced
from medvlsynther.export.package import FOLDER, Order, ship
from medvlsynther.export.pixels import bounded
from medvlsynther.export.processor import ModelFolder
from medvlsynther.export.prompt import asked
from medvlsynther.export.rows import Row, Tables
from medvlsynther.export.shards import IMAGES, MESSAGES, Shards, featured, image_cells, plain_fields
from medvlsynther.records import Figure, Item, Label, Question, Record, Verdict
from medvlsynther.store.table import Table

VERSION = 1

HOW = """```sh
data.train_files="[data/train-00000-of-00001.parquet]" data.prompt_key=prompt data.image_key=images
```

`extra_info` holds tokens, licence and attribution of each row."""


class Extra(Sourced):
    """`extra_info`: what reward functions and logs get to see."""

    split: str
    """"train" or "validation"."""
    index: int
    """Position in the data set."""
    question: str
    """The stem."""
    options: str
    """JSON object of letter to option text."""
    answer_label: str
    """Letter of the key."""
    answer: str
    """Text of the key; the published reward asks that it equals `ground_truth`."""
    n_image_tokens: int | None
    """Tokens that the images take in the prompt; null where no processor was named."""
    n_prompt_tokens: int | None
    """Tokens of the whole prompt; null where no processor was named."""


class RewardModel(Record):
    """`reward_model`."""

    style: str
    """"rule"."""
    ground_truth: str
    """Text of the key."""


COLUMNS = pa.schema(
    [
        pa.field("data_source", pa.string()),
        pa.field("prompt", MESSAGES),
        pa.field("images", IMAGES),
        pa.field("ability", pa.string()),
        pa.field("reward_model", pa.struct(plain_fields(RewardModel))),
        pa.field("extra_info", pa.struct(plain_fields(Extra))),
    ]
)


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
    order: Literal["given", "easy_first"] = "given",
    instruction: Prompt = Prompt.load("answer"),
    max_pixels: int = 1024 * 28 * 28,
    processor: ModelFolder | None = None,
    max_prompt_tokens: int = 4096,
) -> Iterator[Question]:
    """Questions as served, and `dataset/`: `data/*.parquet` and the card.

    Images are 8-bit RGB of at most `max_pixels`. With a `processor` every prompt is measured by it, and one above
    `max_prompt_tokens` is refused, because verl never truncates a prompt with images. `easy_first` orders rows by how
    often `solve` reached their keys, for a trainer that keeps their order.

    Rejects: prompt_too_long, image_too_elongated, and what every exporter refuses.
    Source: the schema that verl 0.9.1 reads.
    """
    count = processor.counter() if processor else None

    def cells(row: Row) -> Mapping[str, Any]:
        images = tuple(bounded(data, max_pixels) for data in row.images)
        words = asked(instruction, row.item)
        tokens = count(words, images) if count else None
        if tokens and tokens.prompt > max_prompt_tokens:
            raise InputError("prompt_too_long", f"{tokens.prompt} tokens")
        item = row.item
        extra = Extra(
            **sourced(row, name).model_dump(),
            split=row.split,
            index=row.index,
            question=item.question,
            options=options_json(item),
            answer_label=item.answer,
            answer=item.key,
            n_image_tokens=tokens.image if tokens else None,
            n_prompt_tokens=tokens.prompt if tokens else None,
        )
        return {
            "data_source": name,
            "prompt": words.plain(len(images)),
            "images": image_cells(row, images),
            "ability": "medical_vqa",
            "reward_model": {"style": "rule", "ground_truth": item.key},
            "extra_info": extra.model_dump(),
        }

    return ship(
        ctx,
        Tables(items, figures, verdicts, labels),
        Order("export.verl", name, split, seed, HOW),
        Shards(ctx.folder / FOLDER, featured(COLUMNS)),
        cells,
        easy_first=order == "easy_first",
    )
