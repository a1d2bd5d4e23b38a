"""The benchmark of growth, as a process: it measures, says what is met, and measures nothing twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "scale.py"
STAGES = ("collect articles", "dedupe")


def run(folder: Path) -> str:
    command = [sys.executable, str(SCRIPT), "--sizes", "50", "100", "--folder", str(folder), "--stages", *STAGES]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_every_stage_gets_lines_and_exponents_once(tmp_path: Path) -> None:
    told = run(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "measured.jsonl").read_text().splitlines()]
    assert [(line["job"], line["figures"]) for line in lines] == [(stage, n) for stage in STAGES for n in (50, 100)]
    assert all(line["cpu_s"] > 0 and line["peak_mb"] > 50 and line["rows"] > 0 for line in lines)
    grown = told.partition("growth exponent")[2]
    assert all(grown.count(stage) == 2 for stage in STAGES)
    assert grown.lower().count("met") >= 2 * len(STAGES) + 2
    assert "24,000,000 figures" in grown
    assert run(tmp_path) == told
