"""A tiny model really learns, by the command itself, killed in the middle; and the closed loop runs whole."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="TRL has an environment of its own: make test-trl")

from benchmarks.train import command, environment, learned, prepare, steps
from medvlsynther.rules.stats import wilson
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

SAVED = 20
"""Steps between two checkpoints of the trainer card for tiny GRPO."""


def logged(folder: Path) -> int:
    """Steps of GRPO so far."""
    return sum(len(path.read_bytes().splitlines()) for path in folder.glob("store/training/train.grpo-*/curves.jsonl"))


@pytest.mark.xdist_group("learning")  # takes as long as all others together
def test_reward_rises_held_out_figures_are_told_apart_and_blank_ones_are_not(tmp_path: Path) -> None:
    recipe = prepare(tmp_path, seed=0)
    with (tmp_path / "first.txt").open("wb") as said:
        first = subprocess.Popen(command(recipe), cwd=tmp_path, env=environment(), stdout=said, stderr=said)
        while logged(tmp_path) < SAVED + 3:
            assert first.poll() is None, (tmp_path / "first.txt").read_text()
            time.sleep(0.1)
        first.send_signal(signal.SIGKILL)
        first.wait()
    before = logged(tmp_path)
    again = subprocess.run(
        command(recipe), cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr

    found = steps(tmp_path)
    shown = learned(tmp_path)
    rows = [json.loads(line) for line in (found["train.grpo"] / "curves.jsonl").read_bytes().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, rows[-1]["steps"] + 1))
    (log,) = tmp_path.glob("store/training/train.grpo-*/log.txt")
    computed = log.read_text().count("'loss'")
    assert computed <= before + len(rows) - SAVED + 1, "it began anew instead of resuming"

    quarters = shown.parts(4)
    assert quarters[-1] >= quarters[0] + 0.2, quarters
    assert shown.low > shown.chance + 0.1, shown
    low = wilson(shown.blank * shown.blank_n, shown.blank_n).low
    assert low <= shown.chance, "without the image it knows what it cannot know"


def test_the_closed_loop_runs_whole(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "medvlsynther", "run", "loop"]
    done = subprocess.run(run, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "store/runs/loop/plan.json").read_bytes())
    folders = {step["name"]: tmp_path / "store/steps" / step["id"] for step in plan}
    made = [json.loads((folders[f"train.{kind}"] / "manifest.json").read_bytes()) for kind in ("sft", "grpo")]
    assert made[1]["checkpoint"]["base"] == made[0]["checkpoint"]["checkpoint_id"], "GRPO begins where SFT ended"
    assert made[0]["settings"]["method"] == "sft"
    for kind in ("sft", "grpo"):
        assert {"README.md", "curves.jsonl"} <= {path.name for path in folders[f"train.{kind}"].iterdir()}
    assert json.loads((folders["answer"] / "step.json").read_bytes())["rows"] > 0
    assert f"tiny-grpo-{made[1]['checkpoint']['checkpoint_id'][:8]}" in done.stdout


def test_the_gpu_benchmark_runs_on_a_cpu_as_a_smoke_test(tmp_path: Path) -> None:
    script = [sys.executable, str(ROOT / "benchmarks" / "train_gpu.py"), "--smoke", "--folder", str(tmp_path)]
    done = subprocess.run(script, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "million parameters, 40 figures" in done.stdout
    assert "held out" in done.stdout
