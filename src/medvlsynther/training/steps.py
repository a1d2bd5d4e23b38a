"""One training as a step of a recipe: which rows, which weights to begin with, what is refused beforehand."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

from medvlsynther import catalog
from medvlsynther.cards import Change, Trainer
from medvlsynther.errors import BadSetting, MissingInput
from medvlsynther.records import Checkpoint, Question
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table
from medvlsynther.training.base import Backend, Job, Place
from medvlsynther.training.launching import launch
from medvlsynther.training.outcome import outcome

DATASET = "dataset"
"""Where an export stage keeps its files."""


class Workplace(Protocol):
    """What training needs of a stage's context."""

    store: Store
    folder: Path

    @property
    def lasting(self) -> Path:
        """A folder that outlives a killed run."""

    def place(self, backend: str) -> Place:
        """Where a backend runs."""

    def progress(self, done: int, total: int) -> None:
        """Show how far it is."""


def train(
    ctx: Workplace,
    method: Literal["sft", "grpo"],
    questions: Table[Question],
    checkpoints: Table[Checkpoint] | None,
    trainer: Trainer,
    change: Change,
    backend: str | None,
    seed: int,
) -> Iterator[Checkpoint]:
    """The checkpoint that training ends with; a trained model of the step before it is where it begins.

    Raises: BadSetting, MissingInput, MissingExtra and UserError for what can be known before; TrainingStopped.
    """
    chosen = trainer.changed(change)
    name = backend or chosen.backend
    module: Backend = catalog.module("training.backends", name)
    initial = _initial(checkpoints, chosen, ctx.store)
    job = _job(trainer, chosen, seed, initial, questions.path.parent, ctx.lasting)
    assert job.method == method, "examine lets no other pass"
    _check_rows(questions, chosen)
    place = ctx.place(name)
    model = launch(job, module, place, ctx.progress)
    yield outcome(job, name, place, model, ctx.folder, ctx.store.root.absolute())


def examine(method: Literal["sft", "grpo"], settings: Mapping[str, Any], sources: Mapping[str, str | None]) -> None:
    """Nothing, when a plan holds together: the trainer's method, its changes, the backend and its rows.

    Raises: BadSetting, UnknownName.
    """
    card: Trainer = settings["trainer"].changed(settings["change"])
    if card.method != method:
        raise BadSetting(f"Trainer {settings['trainer'].name!r} is for {card.method}", mend=f"Name one for {method}")
    module: Backend = catalog.module("training.backends", settings["backend"] or card.backend)
    if sources["questions"] != module.EXPORT:
        what = f"The rows come from {sources['questions']}, not from {module.EXPORT}"
        raise BadSetting(what, mend=f"Put {module.EXPORT} right before the training")


def planned(step: Mapping[str, Any], begins: str | None, rows: Path, folder: Path) -> tuple[Job, str]:
    """The job that a step with such settings will be, and its backend.

    `begins` names the training whose model it goes on with, `rows` is the folder of the export's step.
    """
    trainer: Trainer = step["trainer"]
    card = trainer.changed(step["change"])
    initial = f"<model of {begins}>" if begins else card.base
    return _job(trainer, card, step["seed"], initial, rows, folder), step["backend"] or card.backend


def _job(trainer: Trainer, card: Trainer, seed: int, initial: str, rows: Path, folder: Path) -> Job:
    return Job(
        method=card.method,
        card=card,
        card_name=trainer.name,
        card_hash=trainer.hash,
        seed=seed,
        initial=initial,
        data=str((rows / DATASET).absolute()),
        folder=str(folder.absolute()),
    )


def _initial(checkpoints: Table[Checkpoint] | None, card: Trainer, store: Store) -> str:
    trained = list(checkpoints or ())
    return str((store.root / trained[-1].folder).absolute()) if trained else card.base


def _check_rows(questions: Table[Question], card: Trainer) -> None:
    rows = [
        (i, len(images or ()))
        for i, images, split in questions.columns("question_id", "images", "split")
        if split == "train"
    ]
    if not rows:
        raise MissingInput("There are no rows to train on", mend="Widen the band or look at the rejects of the export")
    many = [(i, count) for i, count in rows if count > card.max_images]
    if many:
        shown = ", ".join(f"{i} with {count}" for i, count in islice(many, 3))
        raise BadSetting(
            f"{len(many)} of {len(rows)} rows have more than {card.max_images} images: {shown}",
            mend="Raise max_images in the trainer, or curate figures with fewer",
        )


__all__ = ["examine", "planned", "train"]
