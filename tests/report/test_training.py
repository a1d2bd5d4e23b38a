"""Curves of a training: every sound note is drawn, nothing else, and what cannot be read is counted."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medvlsynther.report import page
from medvlsynther.report.training import CURVES, POINTS, QUANTITIES, curves
from medvlsynther.store.finished import Run
from tests.export.material import Material
from tests.review.stores import lay

NOTE = {"step": 1, "reward": 0.1, "format": 0.5, "accuracy": 0.2, "length_tokens": 90.0, "kl": 0.01, "loss": 2.0}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return lay(Material(tmp_path).fill(articles=2))


def noted(run: Run, text: str) -> Run:
    (run.steps[-1].folder / CURVES).write_text(text, encoding="utf-8")
    return run


def test_every_quantity_is_drawn_and_what_is_not_known_is_not(run: Run) -> None:
    lines = (NOTE | {"learning_rate": 1e-6, "gpu": 3}, NOTE | {"step": 2, "reward": 0.4})
    text = page.html([noted(run, "\n".join(map(json.dumps, lines)))], lambda _: 0.0)
    assert all(f">{title}<" in text for title in QUANTITIES.values())
    assert "gpu" not in text
    assert 'href="#curves"' in text


def test_a_run_that_was_not_trained_has_no_such_section(run: Run) -> None:
    assert 'id="curves"' not in page.html([run], lambda _: 0.0)


def test_two_trainings_share_a_plot(run: Run, tmp_path: Path) -> None:
    other = lay(Material(tmp_path / "other").fill(articles=2), name="other")
    found = curves([noted(run, json.dumps(NOTE)), noted(other, json.dumps(NOTE))])
    assert list(found.lines["reward"]) == ["made label", "other label"]


def test_lines_that_are_no_notes_are_counted(run: Run) -> None:
    broken = ["{", "[]", '"x"', '{"reward": 1}', '{"step": null}', '{"step": true}', "[" * 5000, '{"step": NaN}']
    found = curves([noted(run, "\n".join((*broken, json.dumps(NOTE), "", '{"step": 2, "rew')))])
    assert found.unread == {"label": len(broken) + 1}
    assert found.lines["reward"] == {"label": [(1.0, 0.1)]}
    assert "lines that label noted cannot be read" in page.html([run], lambda _: 0.0).replace("<bdi>", "").replace(
        "</bdi>", ""
    )


def test_what_a_trainer_has_no_number_for_is_left_out(run: Run) -> None:
    values = (None, math.nan, math.inf, -math.inf, True, "0.5", 10**400)
    lines = [json.dumps({"step": n, "reward": value, "kl": 0.5}) for n, value in enumerate(values)]
    found = curves([noted(run, "\n".join(lines))])
    assert "reward" not in found.lines
    assert len(found.lines["kl"]["label"]) == len(values)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.floats(-5, 5)), min_size=1, max_size=80))
def test_of_a_step_noted_twice_the_later_note_counts(run: Run, notes: list[tuple[int, float]]) -> None:
    found = curves([noted(run, "\n".join(json.dumps({"step": step, "loss": loss}) for step, loss in notes))])
    assert found.lines["loss"]["label"] == sorted(dict(notes).items())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.integers(1, 5000))
def test_a_long_curve_keeps_its_mean_and_its_end(run: Run, steps: int) -> None:
    found = curves([noted(run, "\n".join(f'{{"step": {step}, "loss": {step}}}' for step in range(steps)))])
    points = found.lines["loss"]["label"]
    assert len(points) <= POINTS
    assert points[-1][0] == steps - 1
    assert 0 <= points[0][1] <= points[-1][1] <= steps - 1
