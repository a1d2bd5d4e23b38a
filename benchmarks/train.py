"""Does a tiny model learn? SFT, then GRPO, on drawn figures, by the command itself; held-out accuracy at the end.

    .venv-trl/bin/python benchmarks/train.py [--seeds 3] [--folder FOLDER]

One row a seed: the reward of GRPO by sixths, sampled accuracy on held-out figures with its 95 % interval, and the same
with the images blanked, which has to fall to chance: to what the commonest letter gives.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import shapes

FIGURES = 720
HELD_OUT = 0.25
RECIPE = """\
description: Drawn figures, SFT, GRPO, and what a model that never saw them makes of others
stages:
  figures: {{stage: released.figures, path: "{drawn}", licence: CC0-1.0}}
  items: {{stage: released.items, path: "{drawn}", writer: drawn}}
  sft-rows: {{stage: export.trl, kind: sft, name: shapes, split: {held_out}, seed: {seed}}}
  train.sft: {{trainer: tiny-sft, seed: {seed}}}
  grpo-rows: {{stage: export.trl, kind: grpo, name: shapes, split: {held_out}, seed: {seed}}}
  train.grpo: {{trainer: tiny-grpo, seed: {seed}}}
  heldout: {{}}
  answer: {{controls: [blank], sampling: {{temperature: 1.0, max_tokens: 48, rollouts: 4, extend: false}}}}
  grade: {{}}
  scores: {{}}
"""
QUIET = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TRANSFORMERS_VERBOSITY": "error"}


@dataclass(frozen=True)
class Learned:
    """What one run shows."""

    rewards: tuple[float, ...]
    """Mean reward of each step of GRPO."""
    accuracy: float
    """Sampled accuracy on held-out figures."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    """Upper end."""
    blank: float
    """Accuracy on the same questions with the images blanked."""
    blank_n: int
    """Questions behind it."""
    chance: float
    """Accuracy of the commonest letter: the best that can be had without the image."""

    def parts(self, count: int) -> list[float]:
        """Mean rewards of `count` equal parts of GRPO."""
        size = len(self.rewards) / count
        return [fmean(self.rewards[round(n * size) : round((n + 1) * size)]) for n in range(count)]


def prepare(folder: Path, seed: int) -> Path:
    """Draw the figures and write the recipe; gives the recipe's path."""
    drawn = shapes.write(folder / "drawn", FIGURES, seed=seed)
    recipe = folder / "shapes.yaml"
    recipe.write_text(RECIPE.format(drawn=drawn, held_out=HELD_OUT, seed=seed))
    return recipe


def command(recipe: Path, *sets: str) -> list[str]:
    """The command that runs it."""
    return [sys.executable, "-m", "medvlsynther", "run", str(recipe), *(f"--set={each}" for each in sets)]


def environment() -> dict[str, str]:
    """Offline, and on one thread: more of them wait for each other on a loaded machine."""
    return {**os.environ, **QUIET}


def steps(folder: Path) -> dict[str, Path]:
    """Name of each step of the run to its folder."""
    plan = json.loads((folder / "store/runs/shapes/plan.json").read_bytes())
    return {step["name"]: folder / "store/steps" / step["id"] for step in plan}


def curves(step: Path) -> list[dict[str, Any]]:
    """The logged rows of a training."""
    return [json.loads(line) for line in (step / "curves.jsonl").read_bytes().splitlines()]


def learned(folder: Path) -> Learned:
    """What a finished run shows."""
    found = steps(folder)
    scores = pq.read_table(found["scores"] / "scores.parquet").to_pylist()
    accuracy = next(s for s in scores if s["measure"] == "accuracy" and s["dataset"] == "shapes")
    blank = next(s for s in scores if s["measure"] == "accuracy_under" and s["group"] == "blank")
    letters = Counter(pq.read_table(next(found["heldout"].glob("questions.parquet")))["answer"].to_pylist())
    chance = max(letters.values()) / letters.total()
    rewards = tuple(row["reward"] for row in curves(found["train.grpo"]) if "reward" in row)
    return Learned(rewards, accuracy["value"], accuracy["low"], accuracy["high"], blank["value"], blank["n"], chance)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Train a tiny model on drawn figures.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    print("seed   reward by sixths of GRPO        held out [95 %]       blank  chance   wall s")
    for seed in range(given.seeds):
        folder = (given.folder or Path(tempfile.mkdtemp())) / str(seed)
        folder.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        subprocess.run(command(prepare(folder, seed)), cwd=folder, env=environment(), check=True, capture_output=True)
        shown = learned(folder)
        rewards = " ".join(f"{part:.2f}" for part in shown.parts(6))
        interval = f"{shown.accuracy:.2f} [{shown.low:.2f}, {shown.high:.2f}]"
        against = f"{shown.blank:.2f}    {shown.chance:.2f}"
        print(f"{seed:4}   {rewards}   {interval:>20}   {against}   {time.monotonic() - begun:6.0f}", flush=True)


if __name__ == "__main__":
    main()
