"""What is watched while TRL trains: curves on disk, numbers that are no numbers, checkpoints that are whole."""

import math
import shutil
from pathlib import Path
from typing import Any

import orjson
from transformers import TrainerCallback

from medvlsynther.store.layout import write_aside
from medvlsynther.training.backends._trl_rows import Stop
from medvlsynther.training.base import CHECKPOINTS, CURVES, Job
from medvlsynther.training.outcome import read_curves

WHOLE = "whole"
"""Written into a checkpoint after everything else."""

CURVE_NAMES = {
    "reward": "reward",
    "reward_std": "reward_spread",
    "format": "format",
    "accuracy": "accuracy",
    "parsed": "parsed",
    "collapsed": "collapsed",
    "overlong": "overlong",
    "completions/mean_length": "length_tokens",
    "completions/clipped_ratio": "cut",
    "frac_reward_zero_std": "groups_without_signal",
    "kl": "kl",
    "entropy": "entropy",
    "loss": "loss",
    "mean_token_accuracy": "token_accuracy",
    "grad_norm": "gradient",
    "learning_rate": "learning_rate",
}
"""TRL's names to those of `curves.jsonl`."""


class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is not there when types are checked
    """Writes a row a step; stops a run whose loss or gradient is no number, before it is saved."""

    def __init__(self, job: Job) -> None:
        self._path = job.path(CURVES)

    def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """One row of the curves."""
        if not logs or "loss" not in logs or not state.is_world_process_zero:
            return
        bad = [name for name in ("loss", "grad_norm") if not math.isfinite(float(logs.get(name, 0.0)))]
        if bad:
            what = f"{' and '.join(bad)} no number at step {state.global_step}"
            raise Stop(f"Training diverged: {what}", "Lower learning_rate; what was saved before is resumed from")
        row = {"step": state.global_step, "steps": state.max_steps}
        row |= {ours: float(logs[theirs]) for theirs, ours in CURVE_NAMES.items() if theirs in logs}
        with self._path.open("ab") as file:
            file.write(orjson.dumps(row) + b"\n")

    def on_save(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Mark the checkpoint that was just written."""
        if state.is_world_process_zero:
            write_aside(Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE, b"")


def last_whole(job: Job) -> str | None:
    """The newest whole checkpoint; half ones are removed, and curves are cut back to it."""
    folders = {int(path.name.rpartition("-")[2]): path for path in job.path(CHECKPOINTS).glob("checkpoint-*")}
    for folder in [path for path in folders.values() if not (path / WHOLE).is_file()]:
        shutil.rmtree(folder)
    step = max((number for number, path in folders.items() if path.is_dir()), default=0)
    rows = [row for row in read_curves(job.path(CURVES)) if row["step"] <= step]
    write_aside(job.path(CURVES), b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(folders[step]) if step else None
