"""The rows of an exported data set as TRL takes them, and what is found out about them before training starts."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson

from medvlsynther.store.layout import write_aside
from medvlsynther.training.base import Job

CACHE, CHECKED = "cache", "rows.json"
SHOWN = 3


class Stop(Exception):
    """Training cannot begin or go on: what is wrong, and the mend."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what, self.mend = what, mend


def load(job: Job) -> Any:
    """The train rows. GRPO batches hold rows with images or rows without, never both: TRL fails on a mixture.

    Raises: Stop for a mixture, for no rows, and for too few to fill one batch.
    """
    from datasets import concatenate_datasets

    seen, blind = _part(job, "train"), _part(job, "train_text")
    parts = [part for part in (seen, blind) if part is not None and len(part)]
    if job.method == "grpo" and len(parts) > 1:
        what = f"{len(blind)} of {len(seen) + len(blind)} rows have no image, and TRL cannot mix the two in GRPO"
        raise Stop(what, "Train them apart, or with verl")
    if not parts:
        raise Stop("There are no rows to train on", "Look at the rejects of the export")
    rows = concatenate_datasets(parts)
    if job.method == "grpo" and len(rows) < job.card.batch_rows:
        what = f"{len(rows)} rows do not fill one batch of {job.card.batch_rows}"
        raise Stop(what, "Lower batch_rows with `change`, or take more rows")
    return rows


def _part(job: Job, name: str) -> Any:
    from datasets import Dataset

    files = sorted((Path(job.data) / "data").glob(f"{name}-[0-9]*.parquet"))
    if not files:
        return None
    return Dataset.from_parquet([str(file) for file in files], cache_dir=str(job.path(CACHE)))


def check(job: Job, rows: Any, processor: Any, context_tokens: int | None) -> None:
    """Nothing, when each row fits; found out once a job.

    Raises: Stop that names the longest rows.
    """
    if processor.chat_template is None:
        raise Stop(f"{job.initial} has no chat template", "Take an instruction-tuned model, or add one to its folder")
    if job.path(CHECKED).is_file():
        return
    count, card = counter(processor), job.card
    room = min(card.max_prompt_tokens + card.max_reply_tokens, context_tokens or 1 << 40)
    long: list[str] = []
    longest = 0
    for row in rows:
        prompt, reply = count(row)
        longest = max(longest, prompt + reply)
        reply_room = reply if job.method == "sft" else card.max_reply_tokens
        if prompt > card.max_prompt_tokens or reply > card.max_reply_tokens or prompt + reply_room > room:
            long.append(f"{row['item_id']} with {prompt} + {reply} tokens")
    if long:
        what = f"{len(long)} of {len(rows)} rows are too long: {'; '.join(long[:SHOWN])}"
        raise Stop(what, "Give the export `processor` and limits, raise max_prompt_tokens, or use smaller images")
    write_aside(job.path(CHECKED), orjson.dumps({"rows": len(rows), "longest_tokens": longest}))


def counter(processor: Any) -> Callable[[dict[str, Any]], tuple[int, int]]:
    """A function from a row to the tokens of its prompt, images included, and of its completion."""

    def count(row: dict[str, Any]) -> tuple[int, int]:
        images = [image.convert("RGB") for image in row["images"]]
        text = processor.apply_chat_template(messages(row["prompt"], len(images)), **TEMPLATED)
        prompt = len(processor(text=[text], images=images or None)["input_ids"][0])
        replies = (turn["content"] for turn in row.get("completion") or ())
        return prompt, sum(len(processor.tokenizer(reply)["input_ids"]) for reply in replies)

    return count


TEMPLATED = {"tokenize": False, "add_generation_prompt": True}


def messages(prompt: Iterable[dict[str, str]], images: int) -> list[dict[str, Any]]:
    """A prompt of plain text with its images as parts before the user's words, as TRL puts them."""
    pictures = [{"type": "image"}] * images
    return [
        {
            "role": turn["role"],
            "content": [*(pictures if turn["role"] == "user" else []), {"type": "text", "text": turn["content"]}],
        }
        for turn in prompt
    ]
