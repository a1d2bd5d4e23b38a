"""Batches as TRL counts them: rows a process computes at once, times how often, times processes."""

from typing import NamedTuple

from medvlsynther.cards import Trainer
from medvlsynther.errors import BadSetting


class Numbers(NamedTuple):
    """What TRL is told."""

    device_rows: int
    """Rows that a process computes at once."""
    accumulated: int
    """Times before an update."""
    updates_a_batch: int
    """GRPO: updates between two rounds of sampling."""


def numbers(card: Trainer, processes: int, where: str) -> Numbers:
    """The card's batch in equal parts: the largest that `device_rows` allows.

    Raises: BadSetting where the processes cannot share an update evenly.
    """
    mini = card.batch_rows if card.method == "sft" else (card.mini_batch_rows or card.batch_rows) * card.rollouts
    if mini % processes:
        what = f"{mini} rows an update cannot be shared by {processes} processes"
        raise BadSetting(what, where=where, mend=f"Change batch_rows, or use fewer GPUs (training.{where}.gpus)")
    share = mini // processes
    at_once = next(size for size in range(min(card.device_rows, share), 0, -1) if share % size == 0)
    updates = 1 if card.method == "sft" else card.batch_rows // (card.mini_batch_rows or card.batch_rows)
    return Numbers(at_once, share // at_once, updates)
