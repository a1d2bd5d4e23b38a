"""The child that trains with verl: looks at the data, has verl check its configuration, trains, merges.

Runs under a Python with verl: `python -m …_verl_child <job.json> <place.json text>`. verl itself is a process of its
own, whose words are passed on and read: curves are what it logs.
"""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from medvlsynther.errors import BadSetting, TrainingStopped, UserError
from medvlsynther.store.layout import write_aside
from medvlsynther.training.backends._verl_data import look
from medvlsynther.training.backends._verl_keys import BOARD, Facts, overrides, steps_of
from medvlsynther.training.base import CHECKPOINTS, CURVES, MODEL, STOPPED, Job, Place
from medvlsynther.training.merging import STEP, TRACKER, latest_whole, merge
from medvlsynther.training.outcome import read_curves

CURVE = {
    "critic/score/mean": "reward",
    "response_length/mean": "length_tokens",
    "response_length/clip_ratio": "cut",
    "actor/kl_loss": "kl",
    "actor/pg_loss": "loss",
    "actor/entropy": "entropy",
    "actor/grad_norm": "gradient",
    "actor/lr": "learning_rate",
}
"""What verl logs to our names."""
VALIDATED = re.compile(r"val-(?:aux|core)/.+/(format|accuracy)/mean@\d+")
LINE = re.compile(r"\bstep:(\d+) - (.+)")
VALUE = re.compile(r"(?:np\.\w+\()?([-+.\w]+)\)?")
"""A number as Python prints it, or as numpy 2 does."""
HOPELESS = ("reward", "loss", "kl", "gradient")
"""Curves that must be numbers."""


def main(job_text: str, place_text: str) -> None:
    """Train; what stops it is told in `stopped.json` and by the exit status."""
    job, place = Job.model_validate_json(Path(job_text).read_bytes()), Place.model_validate_json(place_text)
    try:
        train(job, place)
    except UserError as error:
        job.path(STOPPED).write_text(json.dumps({"what": str(error.what), "mend": error.mend}), encoding="utf-8")
        raise SystemExit(str(error)) from None


def _end(*_: object) -> None:
    raise SystemExit("ended from outside")


def train(job: Job, place: Place) -> None:
    """Train and merge; what is done already is not done again.

    Raises: UserError for what is wrong with data or settings; TrainingStopped where verl ends early.
    """
    facts, gpus = look(job), gpus_of(place)
    keys = overrides(job, place, facts, gpus, version("verl"))
    compose(keys)
    steps = steps_of(job.card, facts.rows)
    checkpoints = job.path(CHECKPOINTS)
    if (latest_whole(checkpoints) or 0) < steps:
        _repair(checkpoints)
        _cut_back(job.path(CURVES), latest_whole(checkpoints) or 0)
        _train(launched(keys, place), job, steps)
    done = latest_whole(checkpoints)
    if done is None:
        raise TrainingStopped("verl ended and left no checkpoint")
    merge(checkpoints / f"{STEP}{done}", job.path(MODEL), sys.executable, {})


def gpus_of(place: Place) -> int:
    """GPUs of each machine."""
    if place.gpus:
        return place.gpus
    import torch

    return int(torch.cuda.device_count())


def launched(keys: list[str], place: Place) -> list[str]:
    """The process that trains."""
    return [*place.launch, place.python or sys.executable, "-m", "verl.trainer.main_ppo", *keys]


def compose(keys: list[str]) -> Any:
    """The whole configuration of verl with our keys in it, as its own checks let it pass.

    Raises: BadSetting with what verl says against it.
    """
    from hydra import compose as composed
    from hydra import initialize_config_module
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        with initialize_config_module("verl.trainer.config", version_base=None):
            config = composed("ppo_trainer", overrides=keys)
        _validate(config)
    except (HydraException, OmegaConfBaseException, ValueError, AssertionError, TypeError) as error:
        said = " ".join(str(error).split())[:400]
        raise BadSetting(f"verl refuses the configuration: {said}", mend="Mend the trainer or the options") from None
    return config


def _validate(config: Any) -> None:
    try:
        from verl.trainer.ppo.utils import need_critic, need_reference_policy
        from verl.utils.config import validate_config
    except ImportError:  # before 0.6 verl validates inside its trainer
        return
    validate_config(config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))


def _repair(checkpoints: Path) -> None:
    """Point verl to the last whole step: a tracker may name one that a full disk or a moved folder broke."""
    tracker = checkpoints / TRACKER
    if not tracker.is_file():
        return
    whole = latest_whole(checkpoints)
    if whole is None:
        tracker.unlink()
    else:
        tracker.write_text(str(whole), encoding="ascii")


def _cut_back(curves: Path, step: int) -> None:
    """Leave out what was logged after the step that is resumed from: it comes again."""
    kept = [row for row in read_curves(curves) if row["step"] <= step]
    if kept:
        write_aside(curves, "".join(f"{json.dumps(row)}\n" for row in kept).encode())
    else:
        curves.unlink(missing_ok=True)


def _train(command: list[str], job: Job, steps: int) -> None:
    """Run verl to its end, or to the first step at which a curve is no number.

    Raises: TrainingStopped.
    """
    env = {**os.environ, "TENSORBOARD_DIR": str(job.path(BOARD)), "WANDB_DIR": job.folder}
    broken: dict[str, float] = {}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as run:
        assert run.stdout
        try:
            with job.path(CURVES).open("a", encoding="utf-8") as curves:
                for row in _rows(run.stdout, steps):
                    curves.write(json.dumps({name: v for name, v in row.items() if math.isfinite(v)}) + "\n")
                    curves.flush()
                    if not all(math.isfinite(row.get(name, 0.0)) for name in HOPELESS):
                        broken = row
                        break
        finally:
            if broken or sys.exc_info()[0]:
                run.terminate()
    if broken:
        raise _spoilt(broken, job.path(CHECKPOINTS))
    if run.returncode:
        raise TrainingStopped(f"verl ended with {run.returncode}; the log says why")


def _rows(lines: Any, steps: int) -> Iterator[dict[str, float]]:
    """A row of the curves for every step that verl logs; all that it says is passed on."""
    for line in lines:
        sys.stdout.write(line)
        sys.stdout.flush()
        row = read_line(line)
        if row:
            yield {"step": row.pop("step"), "steps": steps, **row}


def read_line(line: str) -> dict[str, float]:
    """The curves that one line of verl's console log holds; none for any other line."""
    found = LINE.search(line)
    if not found:
        return {}
    row: dict[str, float] = {}
    for part in found[2].split(" - "):
        name, _, text = part.rpartition(":")
        validated = VALIDATED.fullmatch(name)
        ours = validated[1] if validated else CURVE.get(name)
        number = _number(text)
        if ours and number is not None:
            row[ours] = number
    return {"step": int(found[1]), **row} if row else {}


def _number(text: str) -> float | None:
    inner = VALUE.fullmatch(text.strip())
    try:
        return float(inner[1]) if inner else None
    except ValueError:
        return None


def _spoilt(row: dict[str, float], checkpoints: Path) -> TrainingStopped:
    """Why training stopped where a curve is no number; checkpoints of that step and of later ones are gone."""
    names = [name for name in HOPELESS if not math.isfinite(row.get(name, 0.0))]
    step = int(row["step"])
    for folder in checkpoints.glob(f"{STEP}*"):
        if folder.name.removeprefix(STEP).isdigit() and int(folder.name.removeprefix(STEP)) >= step:
            shutil.rmtree(folder)
    _repair(checkpoints)
    mend = f"Run again to resume from step {latest_whole(checkpoints) or 0}; if it comes back, lower the learning rate"
    return TrainingStopped(f"{', '.join(names)} was no number at step {step}", mend=mend)


__all__ = ["Facts", "compose", "launched", "main", "read_line", "train"]

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    main(sys.argv[1], sys.argv[2])
