"""Supervised training on exported rows with thoughts: the loss is taken on replies alone."""

from collections.abc import Iterator

from medvlsynther.cards import Change, Trainer
from medvlsynther.context import Context
from medvlsynther.records import Checkpoint, Question
from medvlsynther.store.table import Table
from medvlsynther.training.steps import train

VERSION = 1
RECORD_WISE = False


def run(
    ctx: Context,
    questions: Table[Question],
    checkpoints: Table[Checkpoint] | None,
    *,
    trainer: Trainer,
    change: Change = Change({}),
    backend: str | None = None,
    seed: int = 42,
) -> Iterator[Checkpoint]:
    """One checkpoint; `change` replaces values of the card, `backend` its backend.

    The rows are those of the export stage right above. Where a training stands above, its model is trained further.
    """
    yield from train(ctx, "sft", questions, checkpoints, trainer, change, backend, seed)


def expect(_rows: int | None, _settings: object) -> int:
    """One checkpoint."""
    return 1
