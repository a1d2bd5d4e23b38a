"""Items that can be answered blind leave; luck, failures and favourite letters do not count."""

from pathlib import Path

import pytest

from medvlsynther.engines.base import Request
from medvlsynther.errors import ReplyError
from medvlsynther.records import Trial
from tests.stages.harness import Outcome, figure, item, model, run_stage

ITEMS = [item(n) for n in range(1, 4)]
FIGURES = [figure(n) for n in range(1, 5)]


def knows(request: Request) -> str:
    """A simulated model that always knows the key by its text."""
    options = request.slots["options"]
    return f"<answer>{next(letter for letter, text in options.items() if text == 'Pleural effusion')}</answer>"


def always_a(request: Request) -> str:
    """A simulated model that says A whatever is asked."""
    del request
    return "<answer>A</answer>"


def blind(folder: Path, answer: object, names: tuple[str, ...] = ("glm-4.5v",), **settings: object) -> Outcome:
    models = tuple(model(name) for name in names)
    tables = {"items": ITEMS, "figures": FIGURES}
    return run_stage("blind", folder, tables, answer, models=models, **settings)  # type: ignore[arg-type]


def test_what_is_answered_in_every_order_leaves(tmp_path: Path) -> None:
    found = blind(tmp_path, knows)
    assert found.rows == []
    assert set(found.rejects.values()) == {"blind_answerable"}


def test_a_favourite_letter_earns_nothing(tmp_path: Path) -> None:
    found = blind(tmp_path, always_a)
    assert [row.item_id for row in found.rows] == [row.item_id for row in ITEMS]
    assert found.rows[0].trials == (
        Trial(view="stem", model="glm-4.5v", asked=4, right=1),
        Trial(view="options", model="glm-4.5v", asked=4, right=1),
    )


def test_two_models_that_are_right_at_once_are_enough(tmp_path: Path) -> None:
    assert len(blind(tmp_path, always_a, ("glm-4.5v", "qwen2.5-vl-7b")).rejects) == len(ITEMS)


def test_the_image_never_reaches_a_blind_model(tmp_path: Path) -> None:
    seen: list[Request] = []

    def look(request: Request) -> str:
        seen.append(request)
        return "I cannot tell."

    blind(tmp_path, look, views=("stem", "options", "caption"), rotations=2)
    assert len(seen) == len(ITEMS) * 2 * 2 + 2
    assert all(request.images == () for request in seen)
    without_stem = [request for request in seen if request.slots["question"] == ""]
    assert len(without_stem) == 2, "options alone are asked once, whoever shares them"
    assert {bool(request.slots["caption"]) for request in without_stem} == {False}


def test_the_caption_is_counted_and_never_a_reason(tmp_path: Path) -> None:
    found = blind(tmp_path, knows, views=("caption",))
    assert [row.trials[0].right for row in found.rows] == [4, 4, 4]


def test_a_failed_call_is_unknown(tmp_path: Path) -> None:
    def fails(request: Request) -> str:
        raise ReplyError("timeout", request.id)

    found = blind(tmp_path, fails)
    assert [trial.unknown for trial in found.rows[0].trials] == [4, 4]
    assert found.rejects == {}


@pytest.mark.parametrize(
    ("every", "keep", "reason"),
    [(1, (1, 8), None), (1, (1, 7), "outside_band"), (2, (1, 7), None), (99, (1, 7), "never_solved")],
)
def test_solving_keeps_what_is_in_the_band(
    every: int, keep: tuple[int, int], reason: str | None, tmp_path: Path
) -> None:
    def sometimes(request: Request) -> str:
        assert request.images
        return "<answer>A</answer>" if request.sample % every == 0 and every < 99 else "<answer>B</answer>"

    found = run_stage("solve", tmp_path, {"items": ITEMS, "figures": FIGURES}, sometimes, model=model(), keep=keep)
    assert set(found.rejects.values()) == ({reason} if reason else set())
    for row in found.rows:
        assert row.trials[-1].asked == 8
        assert row.trials[-1].right == len(range(0, 8, every))
