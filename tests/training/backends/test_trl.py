"""What TRL is told, as far as it is decided without TRL."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.cards import Change, Trainer
from medvlsynther.errors import BadSetting, MissingExtra, UserError
from medvlsynther.training.backends import trl
from medvlsynther.training.backends._trl_numbers import numbers
from medvlsynther.training.base import Place
from medvlsynther.training.survey import Gpu, Survey
from tests.training.material import job

FULL = Survey(
    python="3.12", system="Linux", machine="x86_64", cores=8, versions=dict.fromkeys((*trl.PACKAGES, "peft"), "1")
)


def gpus(count: int, gigabytes: int = 80) -> Survey:
    return FULL.model_copy(update={"gpus": (Gpu(name="a GPU", memory_bytes=gigabytes << 30),) * count})


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> "list[Survey]":
    """What the Python has, changed by the test."""
    found = [FULL]
    monkeypatch.setattr(trl, "survey", lambda place: found[0])
    return found


@given(
    mini=st.integers(1, 64),
    updates=st.integers(1, 4),
    rollouts=st.integers(2, 16),
    device=st.integers(1, 64),
    processes=st.integers(1, 8),
)
def test_parts_make_the_whole_batch(mini: int, updates: int, rollouts: int, device: int, processes: int) -> None:
    change = {"batch_rows": mini * updates, "mini_batch_rows": mini, "rollouts": rollouts, "device_rows": device}
    card = Trainer.load("tiny-grpo").changed(Change(change))
    if mini * rollouts % processes:
        with pytest.raises(BadSetting, match="cannot be shared"):
            numbers(card, processes, "trl")
        return
    told = numbers(card, processes, "trl")
    assert told.device_rows <= device
    assert told.device_rows * told.accumulated * processes == mini * rollouts
    assert told.updates_a_batch == updates


def test_what_cannot_start_is_said_before(there: list[Survey], tmp_path: Path) -> None:
    cases: list[tuple[Survey, str, dict[str, Any], type[UserError], str]] = [
        (FULL.model_copy(update={"versions": {}}), "tiny-sft", {}, MissingExtra, "not installed"),
        (FULL, "sft-3b", {}, UserError, "no GPU is visible"),
        (gpus(1, 16), "sft-7b", {}, UserError, "are needed on each of 1 GPUs"),
        (gpus(8), "grpo-modern-7b", {}, BadSetting, "no dynamic sampling"),
        (gpus(3), "sft-3b", {}, BadSetting, "cannot be shared by 3 processes"),
    ]
    for found, trainer, change, kind, said in cases:
        there[0] = found
        with pytest.raises(kind, match=said):
            trl.check(job(tmp_path, trainer, **change), Place())
    there[0] = FULL
    trl.check(job(tmp_path, "tiny-grpo"), Place())
    with pytest.raises(MissingExtra, match="wandb"):
        trl.check(job(tmp_path, "tiny-grpo"), Place(log_to="wandb"))
    with pytest.raises(BadSetting, match="Several machines"):
        trl.check(job(tmp_path, "tiny-grpo"), Place(nodes=2))


def test_sft_on_several_gpus_is_sharded_and_grpo_takes_one(there: list[Survey], tmp_path: Path) -> None:
    there[0] = gpus(4)
    (tmp_path / "lasting").mkdir()
    sft = trl.command(job(tmp_path, "sft-3b"), Place())
    assert "accelerate.commands.launch" in sft
    config = yaml.safe_load(Path(sft[sft.index("--config_file") + 1]).read_text())
    assert (config["distributed_type"], config["num_processes"], config["mixed_precision"]) == ("FSDP", 4, "bf16")
    assert "accelerate.commands.launch" not in trl.command(job(tmp_path, "grpo-3b"), Place())
    own = trl.command(job(tmp_path, "sft-3b"), Place(launch=("torchrun", "--nproc-per-node", "4")))
    assert own[:3] == ["torchrun", "--nproc-per-node", "4"]
