"""verl's sharded checkpoints: which one is whole, and how it becomes a folder that every library loads.

A checkpoint is a folder of one file a GPU, `fsdp_config.json` and `huggingface/` with configuration and processor.
verl writes the tracker beside the checkpoints when one is whole; a run that was killed leaves the rest half-written.
"""

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from medvlsynther.errors import BadSetting, MissingInput, TrainingStopped

TRACKER, STEP, ACTOR, SHARDING = "latest_checkpointed_iteration.txt", "global_step_", "actor", "fsdp_config.json"
CONFIGURATION = "huggingface"
LONGEST_S = 4 * 3600.0
PROOF = Path(__file__).with_name("_answers.py")
AGAIN = "Take an earlier step, or train on until the next checkpoint is written"


def found(path: Path) -> Path:
    """The checkpoint at a path: the folder itself, the policy of a step's folder, or of the latest whole step.

    Raises: MissingInput where there is none, or it is only half there.
    """
    tracker = path / TRACKER
    if tracker.is_file():
        path = path / f"{STEP}{tracker.read_text(encoding='ascii', errors='replace').strip()}"
    folder = path / ACTOR if (path / ACTOR).is_dir() else path
    check_whole(folder)
    return folder


def check_whole(folder: Path) -> None:
    """Nothing, when every file that merging reads is there to its end.

    Raises: MissingInput with what lacks.
    """
    reason = _lacking(folder)
    if reason:
        raise MissingInput(f"The checkpoint is not whole: {reason}", where=str(folder), mend=AGAIN)


def _lacking(folder: Path) -> str:
    try:
        world = json.loads((folder / SHARDING).read_bytes())["world_size"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"no readable {SHARDING}"
    if not isinstance(world, int) or world < 1:
        return f"{SHARDING} tells no number of GPUs"
    for rank in range(world):
        shard = folder / f"model_world_size_{world}_rank_{rank}.pt"
        if not shard.is_file():
            return f"{shard.name} of {world} is missing"
        if not zipfile.is_zipfile(shard):
            return f"{shard.name} ends too early"
    if not (folder / CONFIGURATION / "config.json").is_file():
        return f"no {CONFIGURATION}/config.json"
    return ""


def latest_whole(checkpoints: Path) -> int | None:
    """The last step whose checkpoint is whole; None where there is none."""
    names = (path.name.removeprefix(STEP) for path in checkpoints.glob(f"{STEP}*"))
    steps = sorted((int(name) for name in names if name.isdigit()), reverse=True)
    return next((step for step in steps if not _lacking(checkpoints / f"{STEP}{step}" / ACTOR)), None)


def merge(checkpoint: Path, target: Path, python: str, environment: Mapping[str, str]) -> None:
    """Write the checkpoint as a Hugging Face folder, which then has loaded and answered; `target` appears at once.

    `python` is one with verl. Weights are bf16.

    Raises: MissingInput for a checkpoint that is not whole; TrainingStopped with the reason where merging fails or
    the model cannot answer.
    """
    folder = found(checkpoint)
    aside = target.with_name(f".{target.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.parent.mkdir(parents=True, exist_ok=True)
    merger = ("-m", "verl.model_merger", "merge", "--backend", "fsdp")
    _run([python, *merger, "--local_dir", str(folder), "--target_dir", str(aside)], environment, "cannot be merged")
    for extra in ("preprocessor_config.json", "processor_config.json", "chat_template.jinja"):
        source = folder / CONFIGURATION / extra
        if source.is_file() and not (aside / extra).exists():
            shutil.copyfile(source, aside / extra)
    _run([python, str(PROOF), str(aside)], environment, "was merged and does not answer")
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)


def _run(command: Sequence[str], environment: Mapping[str, str], what: str) -> None:
    try:
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, timeout=LONGEST_S)
    except OSError as error:
        raise BadSetting(f"{command[0]} cannot be started: {error.strerror}", mend="Mend the site file") from None
    except subprocess.TimeoutExpired:
        raise TrainingStopped(f"The checkpoint {what}: it takes too long") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).decode("utf-8", "replace").splitlines()
        said = " ".join(" ".join(line for line in lines if "it/s]" not in line).split())[-400:]
        raise TrainingStopped(f"The checkpoint {what}: {said}")
