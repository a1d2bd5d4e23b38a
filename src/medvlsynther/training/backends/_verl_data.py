"""What verl will meet in the data: rows, images, and the length of prompts by the model's own processor.

verl never cuts a prompt with images, and where its own filter is on it drops a row that it cannot read in silence. So
the filter stays off, every length is measured before, and verl's data set must hold as many rows as the files do.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from medvlsynther.errors import BadSetting, MissingInput
from medvlsynther.export.prompt import PLACEHOLDER
from medvlsynther.store.layout import write_aside
from medvlsynther.training.backends._verl_keys import Facts
from medvlsynther.training.base import TINY, Job

KEPT = "facts.json"
BATCH = 64
SAMPLED = 16
"""Rows whose stated length is measured again before the others are believed."""


def look(job: Job) -> Facts:
    """What is known about data and weights; remembered in the job's folder while neither changes.

    Raises: MissingInput without rows; BadSetting for a model without a chat template, a row with more images or
    tokens than the trainer allows, or where verl reads another number of rows.
    """
    train, validation = files(job)
    model = weights(job)
    signs = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in (*train, *validation)]
    key = {"model": model, "files": signs, "card": job.card_hash}
    kept = job.path(KEPT)
    if kept.is_file():
        found = orjson.loads(kept.read_bytes())
        if found["key"] == key:
            return Facts.model_validate(found["facts"])
    facts = _looked(job, model, train, validation)
    write_aside(kept, orjson.dumps({"key": key, "facts": facts.model_dump()}))
    return facts


def files(job: Job) -> tuple[list[Path], list[Path]]:
    """Parquet files to train on, and to validate on."""
    folder = Path(job.data) / "data"
    return sorted(folder.glob("train-*.parquet")), sorted(folder.glob("validation-*.parquet"))


def weights(job: Job) -> str:
    """The folder of the weights, or a hub id that verl fetches itself.

    A fixed revision is fetched here, since verl has no key for it.
    """
    if job.initial == TINY:
        raise BadSetting("verl trains no bundled model", mend="Take `backend: trl`")
    if Path(job.initial).is_dir() or not job.card.revision:
        return job.initial
    from huggingface_hub import snapshot_download

    return str(snapshot_download(job.initial, revision=job.card.revision))


def _looked(job: Job, model: str, train: list[Path], validation: list[Path]) -> Facts:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(model)
    if not getattr(processor, "chat_template", None):
        raise BadSetting(f"{model} has no chat template", mend="Take an instruct model")
    rows = sum(pq.ParquetFile(path).metadata.num_rows for path in train)
    if not rows:
        raise MissingInput("There are no rows to train on", where=job.data, mend="Look at the rejects of the export")
    images, tokens = 0, 0
    for path in (*train, *validation):
        most, longest = _longest(path, processor)
        images, tokens = max(images, most), max(tokens, longest)
    card = job.card
    if images > card.max_images:
        raise BadSetting(f"A row has {images} images and the trainer allows {card.max_images}", mend="Raise max_images")
    if tokens > card.max_prompt_tokens:
        raise BadSetting(
            f"A prompt has {tokens} tokens and the trainer allows {card.max_prompt_tokens}",
            mend="Raise max_prompt_tokens, or export with `processor` and a lower max_prompt_tokens or max_pixels",
        )
    facts = Facts(
        model=model,
        train=tuple(map(str, train)),
        validation=tuple(map(str, validation)),
        rows=rows,
        images=images,
        prompt_tokens=tokens,
    )
    _count(facts, processor)
    return facts


def _count(facts: Facts, processor: Any) -> None:
    """The data set of verl holds every row.

    Raises: BadSetting where it does not.
    """
    from omegaconf import OmegaConf
    from verl.utils.dataset.rl_dataset import RLHFDataset

    config = OmegaConf.create(
        {
            "prompt_key": "prompt",
            "image_key": "images",
            "max_prompt_length": facts.prompt_tokens,
            "filter_overlong_prompts": False,
            "truncation": "error",
        }
    )
    held = len(RLHFDataset(list(facts.train), processor.tokenizer, config, processor))
    if held != facts.rows:
        raise BadSetting(f"verl reads {held} rows of {facts.rows}", mend="Export again with export.verl")


def _longest(path: Path, processor: Any) -> tuple[int, int]:
    """Most images and most prompt tokens of a file's rows.

    Lengths that the export stated are believed where those of some rows, the longest among them, prove right.
    """
    images, stated = 0, []
    for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=["extra_info"]):
        stated += [row["extra_info"].get("n_prompt_tokens") for row in batch.to_pylist()]
    for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=["images"]):
        images = max(images, pc.max(pc.list_value_length(batch["images"])).as_py() or 0)
    if not stated or None in stated:
        return images, max((tokens(row, processor) for row in _rows(path)), default=0)
    place = stated.index(max(stated))
    proof = {place, *range(min(SAMPLED, len(stated)))}
    measured = {n: tokens(row, processor) for n, row in enumerate(_rows(path)) if n in proof}
    if all(stated[n] == length for n, length in measured.items()):
        return images, max(stated)
    return images, max(tokens(row, processor) for row in _rows(path))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=["prompt", "images"]):
        yield from batch.to_pylist()


def tokens(row: dict[str, Any], processor: Any) -> int:
    """Tokens of a row's prompt, by the processor of the model."""
    pictures = [Image.open(BytesIO(image["bytes"])).convert("RGB") for image in row["images"] or ()]
    messages = [{"role": m["role"], "content": _parts(m["content"])} for m in row["prompt"]]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return len(processor(text=[text], images=pictures or None)["input_ids"][0])


def _parts(content: str) -> list[dict[str, str]]:
    """A message's placeholders and text as the parts that chat templates take, as verl cuts them."""
    first, *rest = content.split(PLACEHOLDER)
    parts = [{"type": "text", "text": first}] if first else []
    for text in rest:
        parts.append({"type": "image"})
        if text:
            parts.append({"type": "text", "text": text})
    return parts
