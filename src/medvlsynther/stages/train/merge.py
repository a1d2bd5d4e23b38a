"""A checkpoint that verl wrote, sharded over GPUs, as a model that every library loads."""

from collections.abc import Iterator

from medvlsynther.cards import Trainer
from medvlsynther.context import Context
from medvlsynther.fingerprint import LENGTH
from medvlsynther.records import Checkpoint
from medvlsynther.store.corpus import Corpus
from medvlsynther.training.launching import python
from medvlsynther.training.merging import STEP, found, merge
from medvlsynther.training.outcome import WEIGHTS, digest
from medvlsynther.training.survey import require, survey

VERSION = 1
RECORD_WISE = False
BACKEND = "verl"


def run(ctx: Context, *, checkpoint: Corpus, trainer: Trainer, base: str | None = None) -> Iterator[Checkpoint]:
    """One checkpoint: the merged model, which has loaded and answered.

    `checkpoint` is a step's folder, the policy's folder in it, or the folder of all steps, of which the last whole one
    is taken; `trainer` is the card that it was trained with, `base` what training began with, where not the card's
    base. Merging runs under the Python of the site's `training: verl`.

    Raises: MissingInput for a checkpoint that is not whole; MissingExtra without verl; TrainingStopped where the model
    cannot be merged or says nothing.
    """
    place, target = ctx.place(BACKEND), ctx.lasting / "model"
    folder = found(checkpoint.path)
    require(survey(place), (BACKEND,), BACKEND)
    merge(folder, target, python(place), place.environment)
    weights = digest(target, WEIGHTS)[:LENGTH]
    step = folder.parent.name.removeprefix(STEP)
    yield Checkpoint(
        checkpoint_id=weights,
        name=f"{trainer.name}-{weights[:8]}",
        folder=target.relative_to(ctx.store.root).as_posix(),
        base=base or trainer.base,
        trainer=trainer.name,
        trainer_hash=trainer.hash,
        method=trainer.method,
        step=int(step) if step.isdigit() else 0,
    )


def expect(_rows: int | None, _settings: object) -> int:
    """One checkpoint."""
    return 1
