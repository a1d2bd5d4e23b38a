"""The evaluation recipe on the bundled corpus' own questions: end to end, by hand-made card, resumed in any way."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.test_cli import medvlsynther
from tests.test_interruption import results

CARD = """\
description: The bundled corpus' own questions
title: Quickstart
repo: none
format: served
served_as: quickstart
split: train
count: {count}
licence: CC0-1.0
"""

SITE = """\
workers: {workers}
models:
  "*": {{engine: openai, base_url: "http://127.0.0.1:{port}/v1", served_as: simulated, concurrency: {concurrency}}}
"""


@pytest.fixture(scope="module")
def benchmark_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a card and, in `data`, the questions that quickstart exports."""
    folder = tmp_path_factory.mktemp("benchmark")
    done = medvlsynther("run", "quickstart", cwd=folder)
    assert done.returncode == 0, done.stderr
    (export,) = folder.glob("store/steps/export.hf-*")
    (export / "dataset" / "data").rename(folder / "data")
    count = json.loads((export / "step.json").read_text())["rows"]
    (folder / "own.yaml").write_text(CARD.format(count=count))
    return folder


def evaluate(folder: Path, benchmark: Path, *more: str, model: str = "lexical") -> "subprocess.CompletedProcess[str]":
    sets = (
        f"questions.path={benchmark / 'data'}",
        f"questions.benchmarks=[{benchmark / 'own.yaml'}]",
        f"answer.model={model}",
    )
    return medvlsynther("run", "evaluate", *(part for one in sets for part in ("--set", one)), *more, cwd=folder)


@pytest.fixture
def server() -> Iterator[int]:
    command = [sys.executable, str(ROOT / "tests" / "simulated_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.slow
def test_a_guesser_is_as_right_as_chance_and_ignores_the_image(benchmark_folder: Path, tmp_path: Path) -> None:
    done = evaluate(tmp_path, benchmark_folder, "--set", "answer.controls=[no_image, blank, other_image, rotations]")
    assert done.returncode == 0, done.stderr
    assert "lexical ignores the image" in done.stdout
    (folder,) = tmp_path.glob("store/steps/scores-*")
    scores = json.loads((folder / "report.json").read_text())["scores"]
    (accuracy,) = (s for s in scores if (s["measure"], s["group"], s["dataset"]) == ("accuracy", "", "own"))
    assert accuracy["low"] <= 0.2 <= accuracy["high"]
    assert {path.name for path in folder.iterdir()} >= {"report.md", "report.tex", "accuracy.svg", "controls.svg"}
    again = evaluate(tmp_path, benchmark_folder, "--set", "answer.controls=[no_image, blank, other_image, rotations]")
    assert again.stdout.count("kept") == 5


@pytest.mark.slow
def test_the_published_protocol_is_a_variant(benchmark_folder: Path, tmp_path: Path) -> None:
    done = medvlsynther(
        "plan", "evaluate@released", "--set", f"questions.path={benchmark_folder / 'data'}",
        "--set", "answer.model=lexical", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    done = medvlsynther("run", "evaluate", "--set", f"questions.path={benchmark_folder / 'data'}", cwd=tmp_path)
    assert done.returncode == 2
    assert "--set answer.model=" in done.stderr


@pytest.mark.slow
def test_stopped_and_resumed_with_other_settings_of_the_site_the_result_is_the_same(
    benchmark_folder: Path, server: int, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()

    def run(folder: Path, workers: int, concurrency: int, *more: str) -> "subprocess.CompletedProcess[str]":
        site = SITE.format(workers=workers, concurrency=concurrency, port=server)
        (folder / "medvlsynther.yaml").write_text(site)
        return evaluate(folder, benchmark_folder, "--set", "topics=null", *more, model="qwen2.5-vl-7b")

    assert run(whole, 1, 16).returncode == 0
    stopped = run(broken, 2, 1, "--max-tokens", "3000")
    assert stopped.returncode == 2, stopped.stdout
    assert run(broken, 1, 7).returncode == 0
    assert results(whole) == results(broken)
    (answers,) = broken.glob("store/steps/answer-*")
    assert (
        json.loads((answers / "step.json").read_text())["rows"]
        == json.loads(next(broken.glob("store/steps/questions-*/step.json")).read_text())["rows"]
    )


AUDIT = """\
description: Half of the questions are training data
stages:
  audit.read: {{benchmarks: ["{card}"], path: "{data}", train: [{{path: "{train}", split: train}}]}}
  audit.identity: {{}}
  audit.images: {{}}
  audit.text: {{}}
  audit.joint: {{}}
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_after_an_audit_scores_are_also_given_without_what_leaked(benchmark_folder: Path, tmp_path: Path) -> None:
    rows = pq.read_table(benchmark_folder / "data").slice(0, 20)
    (tmp_path / "half").mkdir()
    pq.write_table(rows, tmp_path / "half" / "train-00000-of-00001.parquet")
    card, data, train = (
        str(path) for path in (benchmark_folder / "own.yaml", benchmark_folder / "data", tmp_path / "half")
    )
    (tmp_path / "audit.yaml").write_text(AUDIT.format(card=card, data=data, train=train))
    done = evaluate(tmp_path, benchmark_folder, "--after", "audit.yaml")
    assert done.returncode == 0, done.stderr
    (report,) = tmp_path.glob("store/steps/scores-*/report.json")
    scores = json.loads(report.read_text())["scores"]
    own = {s["group"]: s for s in scores if (s["dataset"], s["measure"]) == ("own", "accuracy")}
    whole, clean, flagged = (own[group] for group in ("", "leak=clean", "leak=flagged"))
    assert whole["n"] == clean["n"] + flagged["n"]
    assert 20 <= flagged["n"] < whole["n"]
    assert "flagged" in done.stdout


def test_a_results_file_is_graded_and_reported(tmp_path: Path) -> None:
    rows = [
        {
            "id": n,
            "dataset": "mine",
            "options": ["Yes", "No"],
            "answer": "A",
            "reply": f"<answer>{'AB'[n % 2]}</answer>",
        }
        for n in range(10)
    ]
    (tmp_path / "mine.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows) + '{"half')
    done = medvlsynther("grade", "mine.jsonl", "--out", "report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "50.00" in done.stdout
    assert "row_unreadable" in done.stdout
    assert len((tmp_path / "report" / "grades.jsonl").read_text().splitlines()) == 10
    for arguments in (("nothing.jsonl",), ("mine.jsonl", "--grader", "unknown")):
        done = medvlsynther("grade", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
