"""The contract of training: a job that any process can read, the place where it runs, and what a backend offers.

Training runs in a child process under a Python of its own: TRL and verl want different versions of the same packages,
and none of them belongs to the core.
"""

from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field

from medvlsynther.cards import Trainer
from medvlsynther.records import Record

TINY = "bundled:tiny"
"""A base that is built on the spot: a tiny model with random weights."""

MODEL, CHECKPOINTS, CURVES, LOG, JOB, STOPPED = (
    *("model", "checkpoints", "curves.jsonl", "log.txt"),
    *("job.json", "stopped.json"),
)
"""What lies in a job's folder: the finished model, checkpoints to resume from, curves, what was said, the job itself,
and why the last try ended early."""


class Place(Record):
    """Where and on what a backend trains: an entry of the site file, and no part of any result."""

    python: str | None = None
    """Python with the backend's packages and medvlsynther; None: this one."""
    launch: tuple[str, ...] = ()
    """Command that starts the training processes, instead of the backend's own: (torchrun, --nproc-per-node, "4")."""
    gpus: int | None = Field(default=None, ge=0)
    """GPUs to use; None: all that are visible."""
    gpu_memory_gb: float | None = Field(default=None, gt=0)
    """Memory of each, to plan with; None: 80, as the published runs had."""
    nodes: int = Field(default=1, ge=1)
    """Machines."""
    log_to: Literal["none", "tensorboard", "wandb"] = "none"
    """Where curves go beside `curves.jsonl`."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables for the child."""
    options: tuple[str, ...] = ()
    """Further options of the backend, as it spells them."""
    tokens_per_second: float | None = Field(default=None, gt=0)
    """Throughput to estimate hours from."""


class Job(Record):
    """One training, as the child reads it."""

    method: Literal["sft", "grpo"]
    """What is done."""
    card: Trainer
    """Every hyper-parameter, changes applied."""
    card_name: str
    """Name of the card."""
    card_hash: str
    """SHA-256 of the card's text."""
    seed: int
    """Of everything that is drawn."""
    initial: str
    """Weights to begin with: a folder, a hub id, or "bundled:tiny"."""
    data: str
    """Folder of an exported data set; its `data/` holds parquet files, `train-*` and perhaps `validation-*`."""
    folder: str
    """The lasting folder: checkpoints, curves, log and model."""

    def path(self, name: str) -> Path:
        """Something in the lasting folder."""
        return Path(self.folder) / name


class Backend(Protocol):
    """A module of `training/backends`."""

    EXPORT: str
    """The export stage whose files it reads, e.g. "export.trl"."""

    def check(self, job: Job, place: Place) -> None:
        """Nothing, when the job can start as far as that can be known before.

        Raises: UserError: no GPU, too little memory, a missing package, a setting that the backend does not know.
        """
        ...

    def command(self, job: Job, place: Place) -> list[str]:
        """What is launched; it reads `job.json` in the job's folder, and resumes from the last whole checkpoint."""
        ...

    def finished(self, job: Job) -> Path | None:
        """The trained model's folder in Hugging Face's format; None while there is none."""
        ...
