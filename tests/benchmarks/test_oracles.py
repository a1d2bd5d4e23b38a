"""The oracle benchmark, as a process: it passes on the cases there are, and it can fail."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "oracles.py"


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), str(folder)], capture_output=True, text=True, check=False)


def test_the_rules_agree_with_the_published_values_and_the_careful_human(shared: Path) -> None:
    done = run(shared / "oracles")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILS" not in done.stdout
    for name in ("released_regrade", "released_metrics", "read_choice: letter", "rubric card: strict", "read_object"):
        assert name in done.stdout


PARSED: dict[str, Any] = {
    "case_id": "j1",
    "raw": '{"a": 1}',
    "ref_pipeline": {"a": 1},
    "human_accept": True,
    "human_value": {"a": 1},
    "contested": False,
}


def test_every_disagreement_is_printed_and_fails(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"ref_pipeline": {"a": 2}},
        {"ref_pipeline": None},
        {"human_value": {"a": 2}},
        {"human_accept": False},
    ]
    cases = [{**PARSED, "case_id": f"j{n}", **change} for n, change in enumerate(changes)]
    (tmp_path / "json_parse.jsonl").write_text("\n".join(map(json.dumps, cases)), encoding="utf-8")
    done = run(tmp_path)
    assert done.returncode == 1
    differing = [line for line in done.stdout.splitlines() if "DIFFERS" in line]
    assert all(any(f" j{n}:" in line for line in differing) for n in range(1, 5))
    assert not any(" j0:" in line for line in differing)


def test_a_contested_case_is_printed_and_does_not_fail(tmp_path: Path) -> None:
    case = {**PARSED, "human_accept": False, "contested": True}
    (tmp_path / "json_parse.jsonl").write_text(json.dumps(case), encoding="utf-8")
    done = run(tmp_path)
    assert done.returncode == 0
    assert "contested" in done.stdout


def test_a_folder_without_cases_fails(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 1
