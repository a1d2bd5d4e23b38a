"""What a finished training leaves in its step: a manifest, a model card, curves, and the row that names the weights."""

import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import yaml

from medvlsynther import __version__
from medvlsynther.errors import TrainingStopped
from medvlsynther.fingerprint import LENGTH
from medvlsynther.records import Checkpoint, Metric
from medvlsynther.store.layout import write_aside
from medvlsynther.training.base import CURVES, Job, Place
from medvlsynther.training.survey import Survey, survey

MANIFEST, CARD = "manifest.json", "README.md"
WEIGHTS = ("*.safetensors", "*.bin")
CHUNK = 1 << 22


def digest(folder: Path, patterns: tuple[str, ...] = ("*",)) -> str:
    """SHA-256 over names and contents of the files that match, in the order of their names."""
    total = sha256()
    for path in sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}):
        each = sha256()
        with path.open("rb") as file:
            while part := file.read(CHUNK):
                each.update(part)
        total.update(path.name.encode() + b"\0" + each.digest())
    return total.hexdigest()


def read_curves(path: Path) -> list[dict[str, Any]]:
    """The rows of a curves file; none where it is not there."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.is_file() else []


def outcome(job: Job, backend: str, place: Place, model: Path, into: Path, store: Path) -> Checkpoint:
    """The checkpoint's row; `into` gets manifest.json, README.md and curves.jsonl.

    Raises: TrainingStopped where the model's folder holds no weights.
    """
    if not any(path for pattern in WEIGHTS for path in model.glob(pattern)):
        raise TrainingStopped("The training left no weights", where=str(model), mend="Run again")
    weights = digest(model, WEIGHTS)[:LENGTH]
    curves = read_curves(job.path(CURVES))
    last = {key: value for row in curves for key, value in row.items() if isinstance(value, int | float)}
    step = int(last.pop("step", 0))
    last.pop("steps", None)
    checkpoint = Checkpoint(
        checkpoint_id=weights,
        name=f"{job.card_name}-{weights[:8]}",
        folder=model.relative_to(store).as_posix(),
        base=job.initial if not Path(job.initial).is_dir() else digest(Path(job.initial), WEIGHTS)[:LENGTH],
        trainer=job.card_name,
        trainer_hash=job.card_hash,
        method=job.method,
        step=step,
        metrics=tuple(Metric(name=name, value=float(value)) for name, value in sorted(last.items())),
    )
    found = survey(place)
    write_aside(into / MANIFEST, orjson.dumps(manifest(job, backend, checkpoint, found), option=orjson.OPT_INDENT_2))
    write_aside(into / CARD, card(job, checkpoint, found).encode())
    if curves:
        shutil.copyfile(job.path(CURVES), into / CURVES)
    return checkpoint


def manifest(job: Job, backend: str, checkpoint: Checkpoint, found: Survey) -> dict[str, Any]:
    """All that a reader needs to train it again: data, versions, seeds, hardware, settings."""
    return {
        "checkpoint": checkpoint.model_dump(),
        "backend": backend,
        "medvlsynther": __version__,
        "seed": job.seed,
        "data": {"sha256": digest(Path(job.data) / "data", ("*.parquet",)), "files": _files(Path(job.data) / "data")},
        "settings": job.card.model_dump(),
        "python": found.python,
        "versions": found.versions,
        "hardware": {
            "system": found.system,
            "machine": found.machine,
            "cores": found.cores,
            "memory_bytes": found.memory_bytes,
            "gpus": [gpu.model_dump() for gpu in found.gpus],
        },
    }


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.parquet"))


def card(job: Job, checkpoint: Checkpoint, found: Survey) -> str:
    """The model card."""
    top: Mapping[str, Any] = {
        "base_model": job.initial if "/" in job.initial and not Path(job.initial).is_dir() else None,
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["medical", job.method, "medvlsynther"],
    }
    head = yaml.safe_dump({key: value for key, value in top.items() if value}, sort_keys=False)
    settings = "\n".join(
        f"| {name} | {value} |"
        for name, value in job.card.model_dump().items()
        if name not in ("description", "source") and value is not None
    )
    ended = "\n".join(f"| {metric.name} | {metric.value:.4g} |" for metric in checkpoint.metrics)
    versions = ", ".join(f"{name} {version}" for name, version in sorted(found.versions.items()))
    return CARD_TEXT.format(
        head=head,
        name=checkpoint.name,
        about=job.card.description,
        base=checkpoint.base,
        step=checkpoint.step,
        digest=checkpoint.checkpoint_id,
        source=job.card.source or "our own",
        seed=job.seed,
        settings=settings,
        ended=ended,
        versions=versions,
    )


CARD_TEXT = """\
---
{head}---

# {name}

{about}. Began with `{base}` and took {step} steps; the weights have the digest `{digest}`.

The data set that it was trained on carries licence and attribution of every row; `manifest.json` holds its fingerprint.
A model trained on questions that models wrote repeats their faults. It gives no medical advice.

## Settings

Source: {source}. Seed: {seed}.

| setting | value |
|---|---|
{settings}

## Where training ended

| curve | last value |
|---|---|
{ended}

## Made with

{versions}
"""
