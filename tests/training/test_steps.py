"""What a training step refuses: at planning where it can be known, else before anything starts."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from medvlsynther import catalog
from medvlsynther.cards import Change, Trainer
from medvlsynther.errors import BadSetting, MissingInput, UnknownName
from medvlsynther.pipeline.plan import plan
from medvlsynther.pipeline.recipe import load_recipe, read_card
from medvlsynther.records import ImageRef, Question
from tests.conftest import ROOT
from tests.stages.harness import run_stage

IMAGE = ImageRef(name="a.png", sha256="0" * 64)


def question(number: int, **changes: Any) -> Question:
    given = {"question_id": str(number), "dataset": "d", "index": number, "question": "?", "options": ("a", "b")}
    return Question(**{**given, "answer": "A", "images": (IMAGE,), **changes})


def planned(*sets: str, recipe: str = "train@sft-3b", after: str = "quickstart") -> Any:
    return plan(load_recipe(recipe, after=after, sets=sets))[-1]


def test_every_trainer_card_reads_and_names_its_source() -> None:
    cards = [Trainer.load(name) for name in catalog.names("trainers")]
    assert {card.method for card in cards} == {"sft", "grpo"}
    assert all(card.source or card.base == "bundled:tiny" for card in cards)


def test_the_published_values_are_those_of_the_cards() -> None:
    for name in ("grpo-3b", "grpo-7b"):
        card = Trainer.load(name)
        shown = (card.learning_rate, card.rollouts, card.kl, card.batch_rows, card.mini_batch_rows, card.epochs)
        assert shown == (1e-6, 8, 0.01, 64, 32, 1.0)
    for name in ("sft-3b", "sft-7b"):
        card = Trainer.load(name)
        assert (card.learning_rate, card.epochs, card.weight_decay, card.warmup) == (1e-5, 5.0, 1e-4, 0.05)
        assert (card.schedule, card.batch_rows) == ("cosine", 16)


def test_the_twenty_two_published_runs_are_variants_whose_data_sets_are_variants_too() -> None:
    sets = read_card("medsynvqa").variants
    runs = [name for name in read_card("train").variants if name.split("-", 2)[2:] and name.split("-", 2)[2] in sets]
    assert len(runs) == 22
    batches = {name: planned(recipe=f"train@{name}").settings for name in runs}
    rows = [s["trainer"].changed(s["change"]).batch_rows for s in batches.values() if s["trainer"].method == "grpo"]
    assert sorted(rows) == [32] * 8 + [48] * 10 + [64] * 2
    odd = batches["grpo-7b-5k-glm-glm"]
    assert odd["trainer"].changed(odd["change"]).kl == 0


@pytest.mark.parametrize(
    ("sets", "kind", "said"),
    [
        ("train.sft.trainer=grpo-3b", BadSetting, "is for grpo"),
        ("train.sft.backend=verl", BadSetting, "not from export.verl"),
        ("train.sft.backend=keras", UnknownName, "in training.backends/"),
        ("train.sft.change={lr: 1}", BadSetting, "no lr to change"),
        ("train.sft.change={batch_rows: 0}", BadSetting, "batch_rows"),
    ],
)
def test_a_plan_that_cannot_train_is_refused_with_its_place(sets: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        planned(sets)
    assert "train@sft-3b: train.sft" in str(caught.value)


def test_a_change_keeps_the_cards_name_and_makes_another_step() -> None:
    card = Trainer.load("tiny-sft").changed(Change({"updates": 3}))
    assert (card.name, card.updates) == ("tiny-sft", 3)
    assert planned().id != planned("train.sft.change={epochs: 1}").id


@pytest.mark.parametrize(
    ("rows", "kind", "said"),
    [
        ([question(0, split="validation")], MissingInput, "no rows to train on"),
        ([question(0), question(1, images=(IMAGE,) * 7)], BadSetting, "1 of 2 rows have more than 6 images: 1 with 7"),
    ],
)
def test_rows_that_cannot_be_trained_on_are_named(
    rows: list[Question], kind: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=said):
        run_stage("train.sft", tmp_path, {"questions": rows, "checkpoints": None}, trainer=Trainer.load("tiny-sft"))


def test_every_command_in_the_document_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "MedVLThinker-Eval").mkdir()
    (tmp_path / "MedVLThinker-Eval" / "a.parquet").touch()
    text = (ROOT / "docs" / "train.md").read_text(encoding="utf-8")
    lines = re.findall(r"^medvlsynther (?:run|plan) (.+)$", text, re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        recipe, *options = shlex.split(line)
        given = list(zip(options[::2], options[1::2], strict=True))
        after = dict(given).get("--after")
        assert not after or load_recipe(after).stages
        sets = [value for name, value in given if name == "--set"]
        assert plan(load_recipe(recipe, after="quickstart" if after else None, sets=sets))


def test_evaluation_is_wired_to_what_was_trained() -> None:
    steps = plan(load_recipe("loop"))
    named = {step.name: step for step in steps}
    assert named["train.grpo"].inputs["checkpoints"] is named["train.sft"]
    assert named["answer"].inputs["checkpoints"] is named["train.grpo"]
    assert named["answer"].inputs["questions"] is named["heldout"]
