"""The benchmark of growth, as a process: it measures every kind of stage, resumes, and says what is met."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "scale.py"
STAGES = ("collect biomedica", "collect articles", "images", "dedupe", "subset", "audit.images", "export.hf")


def run(folder: Path, *stages: str) -> str:
    command = [sys.executable, str(SCRIPT), "--sizes", "50", "100", "--folder", str(folder), "--stages", *stages]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_every_stage_gets_a_line_and_exponents(tmp_path: Path) -> None:
    told = run(tmp_path, *STAGES)
    lines = [json.loads(line) for line in (tmp_path / "measured.jsonl").read_text().splitlines()]
    assert [(line["job"], line["figures"]) for line in lines] == [(stage, n) for stage in STAGES for n in (50, 100)]
    assert all(line["cpu_s"] > 0 and line["peak_mb"] > 50 and line["rows"] > 0 for line in lines)
    grown = told.partition("growth exponent")[2]
    assert all(grown.count(stage) >= 2 for stage in STAGES)
    assert grown.count("met") + grown.count("MET") >= 2 * len(STAGES) + 2
    assert "24,000,000 figures" in grown


@pytest.mark.slow
def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    first = run(tmp_path, "subset")
    assert run(tmp_path, "subset") == first
