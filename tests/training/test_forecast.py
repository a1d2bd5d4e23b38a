"""What `plan` tells of a training: by hand, for every recipe of trainings, and on every kind of place."""

from pathlib import Path

import pytest

from medvlsynther.cards import Change, Trainer
from medvlsynther.cli import plan as plan_verb
from medvlsynther.pipeline.estimate import Estimate, estimate
from medvlsynther.pipeline.plan import plan
from medvlsynther.pipeline.recipe import expand, load_recipe
from medvlsynther.pipeline.site import Site
from medvlsynther.store.layout import Store
from medvlsynther.training.base import Job, Place
from medvlsynther.training.forecast import PROMPT_TOKENS, REPLY_TOKENS, forecast
from medvlsynther.training.memory import need


def job(name: str, **change: object) -> Job:
    """A job by a card with some values changed."""
    card = Trainer.load(name)
    changed = card.changed(Change(change))
    return Job(
        method=card.method,
        card=changed,
        card_name=name,
        card_hash=card.hash,
        seed=1,
        initial=card.base,
        data="/data",
        folder="/lasting",
    )


def test_a_published_run_is_told_in_full() -> None:
    found = forecast(job("grpo-7b"), "verl", Place(tokens_per_second=10_000), 13_087)
    lines = list(found.lines())
    assert found.fits
    assert found.need == need(Trainer.load("grpo-7b"), "verl", 8, 80e9)
    assert lines[0].startswith("grpo-7b by verl on 8 GPUs of 80.0 GB: at most 55.7 GB each (weights 4.1 GB")
    tokens = 64 * 8 * (PROMPT_TOKENS + REPLY_TOKENS)
    assert lines[1] == f"At most 204 steps of some {tokens:,} tokens."
    assert lines[2] == f"Some {204 * tokens / 10_000 / 3600:,.1f} hours at 10,000 tokens a second."
    assert "verl.trainer.main_ppo" in found.commands[0]


def test_what_does_not_fit_is_told_with_what_does() -> None:
    found = forecast(job("grpo-7b"), "verl", Place(gpus=1, gpu_memory_gb=24), None)
    lines = list(found.lines())
    assert not found.fits
    assert lines[1].startswith("It does not fit. What fits: backend: trl, change: {lora_rank: 32")
    assert len(lines) == 2, "no steps while the rows are not known"
    assert found.commands == ()


def test_a_tiny_model_asks_for_no_gpu() -> None:
    tiny = job("tiny-grpo")
    found = forecast(tiny, "trl", Place(), 100)
    assert (found.gpus, found.fits) == (0, True)
    assert "on a CPU" in next(found.lines())
    assert found.work
    assert found.work.steps == tiny.card.updates


def test_grpo_by_trl_is_planned_for_one_gpu() -> None:
    assert forecast(job("grpo-3b", lora_rank=8), "trl", Place(gpus=8), 100).gpus == 1
    assert forecast(job("sft-3b"), "trl", Place(gpus=8), 100).gpus == 8
    assert forecast(job("grpo-3b"), "verl", Place(gpus=8, nodes=2), 100).gpus == 16


def test_a_job_that_is_refused_says_so_in_place_of_its_command() -> None:
    assert forecast(job("grpo-3b"), "verl", Place(), 10).commands == (
        "# 10 rows do not fill one batch of 64. Lower batch_rows, or train on more rows",
    )


@pytest.mark.parametrize("ref", expand("train@*"))
def test_every_variant_of_training_is_forecast(ref: str, tmp_path: Path) -> None:
    found = [each for each in told(ref, tmp_path, Site()) if each.step.stage.startswith("train.")]
    assert found
    for each in found:
        assert each.training
        assert each.training.fits, f"{ref}: {list(each.training.lines())}"


def test_a_finished_training_is_not_forecast_and_its_rows_are_known(tmp_path: Path) -> None:
    training = told("train@grpo-7b", tmp_path, Site())[-1].training
    assert training
    assert training.work
    assert training.work.steps == 200 // 64, "quickstart curates at most 200 figures"


def test_the_verb_prints_the_forecast_and_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan_verb.run(["train@grpo-7b"], store=str(tmp_path), after="quickstart")
    said = " ".join(capsys.readouterr().out.split())
    assert "train.grpo: grpo-7b by verl on 8 GPUs of 80.0 GB: at most" in said
    assert "train.grpo: At most 3 steps of some" in said
    assert "-m verl.trainer.main_ppo algorithm.adv_estimator=grpo" in said


def told(ref: str, folder: Path, site: Site) -> list[Estimate]:
    """Estimates of a recipe behind the quickstart."""
    return estimate(plan(load_recipe(ref, after="quickstart")), Store(folder), site)
