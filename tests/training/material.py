"""A job, and a backend whose child is a few lines of Python: what launching does whoever trains."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medvlsynther.cards import Change, Trainer
from medvlsynther.training.base import JOB, MODEL, Job, Place

MAKES_MODEL = "folder.joinpath('model').mkdir(); folder.joinpath('model/model.safetensors').write_bytes(b'weights')"


def job(folder: Path, trainer: str = "tiny-sft", **change: Any) -> Job:
    """A job of a trainer card."""
    card = Trainer.load(trainer)
    return Job(
        method=card.method,
        card=card.changed(Change(change)),
        card_name=card.name,
        card_hash=card.hash,
        seed=7,
        initial=card.base,
        data=str(folder / "dataset"),
        folder=str(folder / "lasting"),
    )


@dataclass
class Scripted:
    """A backend whose child runs `script`, in which `folder` is the job's folder."""

    script: str = MAKES_MODEL
    EXPORT: str = "export.trl"

    def check(self, job: Job, place: Place) -> None:
        """Nothing."""

    def command(self, job: Job, place: Place) -> list[str]:
        """The script."""
        head = "import os, sys, time, pathlib; folder = pathlib.Path(sys.argv[1]).parent\n"
        return [sys.executable, "-c", head + self.script, str(job.path(JOB))]

    def finished(self, job: Job) -> Path | None:
        """The model, once it is there."""
        return job.path(MODEL) if job.path(MODEL).is_dir() else None
