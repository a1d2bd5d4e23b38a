"""Evaluation by real inference: a tiny model with random weights answers a benchmark made from the bundled corpus.

It knows nothing, so that chance has to lie in the interval of its accuracy; what it says must not depend on whether it
is asked in this process or behind a server.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medvlsynther.records import Answer
from medvlsynther.store.layout import DONE
from medvlsynther.store.table import Table
from tests.test_evaluate_run import CARD
from tests.test_real_inference import IN_PROCESS, served
from tests.tools import tiny

tiny.require()

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CHANCE = 0.2
"""Five options a question."""
BEHIND = """\
models:
  "*": {{engine: openai, server: llamacpp, base_url: "http://127.0.0.1:{port}/v1", served_as: tiny, concurrency: 8,
        attempts: 1}}
"""
LETTERS = ("evaluate@letter", "--set", "answer.controls=[no_image]")
TEXTS = ("evaluate", "--set", "answer.sampling={temperature: 0.0, max_tokens: 16, extend: false}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.built(tmp_path_factory.mktemp("model") / "tiny", "qwen2.5-vl")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """A server with the model."""
    with served(folder) as found:
        yield found


@pytest.fixture(scope="module")
def benchmark_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a card and, in `data`, the questions that quickstart exports."""
    made = tmp_path_factory.mktemp("benchmark")
    medvlsynther(made, "run", "quickstart", "--set", "explain=null", "--set", "curate.total=30")
    (export,) = made.glob("store/steps/export.hf-*")
    (export / "dataset" / "data").rename(made / "data")
    count = json.loads((export / DONE).read_bytes())["rows"]
    (made / "own.yaml").write_text(CARD.format(count=count))
    return made


def medvlsynther(work: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "medvlsynther", *arguments]
    done = subprocess.run(command, cwd=work, env=tiny.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def evaluated(work: Path, site: str, model: Path, benchmark: Path, *recipe: str) -> tuple[list[Answer], dict[str, Any]]:
    """All answers of a run with that site file, and the report's scores by measure and reason."""
    work.mkdir()
    (work / "tiny.yaml").write_text(tiny.CARD.format(folder=model))
    (work / "medvlsynther.yaml").write_text(site)
    sets = (f"questions.path={benchmark / 'data'}", f"questions.benchmarks=[{benchmark / 'own.yaml'}]")
    more = (*sets, "answer.model=tiny.yaml", "topics=null")
    medvlsynther(work, "run", *recipe, *(part for one in more for part in ("--set", one)))
    (answers,) = work.glob("store/steps/answer-*/answers.parquet")
    (report,) = work.glob("store/steps/scores-*/report.json")
    scores = json.loads(report.read_bytes())["scores"]
    own = {f"{s['measure']} {s['group']}".strip(): s for s in scores if s["dataset"] == "own"}
    return list(Table(Answer, answers)), own


def both(folder: Path, port: int, benchmark: Path, work: Path, *recipe: str) -> tuple[list[Answer], dict[str, Any]]:
    """What is equal in this process and behind a server: answers and scores."""
    here, scores = evaluated(work / "here", IN_PROCESS, folder, benchmark, *recipe)
    there, others = evaluated(work / "there", BEHIND.format(port=port), folder, benchmark, *recipe)
    assert here == there
    assert scores == others
    return here, scores


def test_letters_are_the_same_in_process_and_behind_a_server_and_chance_lies_in_the_interval(
    folder: Path, port: int, benchmark_folder: Path, tmp_path: Path
) -> None:
    answers, scores = both(folder, port, benchmark_folder, tmp_path, *LETTERS)
    assert {answer.text for answer in answers} <= set("ABCDE")
    assert len({answer.text for answer in answers}) > 1
    accuracy = scores["accuracy"]
    assert accuracy["low"] <= CHANCE <= accuracy["high"]
    assert accuracy["high"] - accuracy["low"] < 0.6
    assert scores["replies none"]["value"] == 0


def test_texts_are_the_same_and_noise_is_counted_not_guessed_at(
    folder: Path, port: int, benchmark_folder: Path, tmp_path: Path
) -> None:
    answers, scores = both(folder, port, benchmark_folder, tmp_path, *TEXTS)
    cut = sum(answer.finish == "length" for answer in answers)
    failed = sum(answer.failure is not None for answer in answers)
    assert cut > len(answers) / 2
    assert scores["replies cut"]["value"] == cut
    reasons = ("none", "several", "refused", "out_of_range", "truncated", "not_asked")
    unread = {reason: scores[f"replies {reason}"]["value"] for reason in reasons}
    assert unread["not_asked"] == failed
    assert unread["truncated"] > 0
    assert scores["accuracy"]["value"] <= 1 - sum(unread.values()) / len(answers)
