"""Supervised training on exported rows with thoughts: the loss is taken on replies alone."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from medvlsynther.cards import Change, Trainer
from medvlsynther.context import Context
from medvlsynther.records import Checkpoint, Question
from medvlsynther.store.table import Table
from medvlsynther.training import steps

VERSION = 1
RECORD_WISE = False
METHOD: Literal["sft", "grpo"] = "sft"


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
    yield from steps.train(ctx, METHOD, questions, checkpoints, trainer, change, backend, seed)


def examine(settings: Mapping[str, Any], sources: Mapping[str, str | None]) -> None:
    """Nothing, when the plan holds together. Raises: BadSetting, UnknownName."""
    steps.examine(METHOD, settings, sources)


def expect(_rows: int | None, _settings: object) -> int:
    """One checkpoint."""
    return 1
