"""What training leaves."""

from typing import Literal

from medvlsynther.records._base import Record


class Metric(Record):
    """One number that training ended with."""

    name: str
    """As in the curves: "reward", "loss", …"""
    value: float
    """The last one logged."""


class Checkpoint(Record):
    """A trained model: which weights, and how they came about."""

    checkpoint_id: str
    """Digest of the weights, 16 hex digits: what answers of this model are kept under."""
    name: str
    """For people: the trainer card's name and the first digits of the digest."""
    folder: str
    """Its folder in Hugging Face's format, seen from the store."""
    base: str
    """Hub id or digest of the weights that training began with."""
    trainer: str
    """Name of the trainer card."""
    trainer_hash: str
    """SHA-256 of the trainer card's text."""
    method: Literal["sft", "grpo"]
    """How it was trained."""
    step: int
    """Steps that were taken."""
    metrics: tuple[Metric, ...] = ()
    """What was logged last."""
