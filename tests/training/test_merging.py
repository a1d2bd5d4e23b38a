"""Which checkpoint of verl is whole, which is taken, and what is said of the others."""

import json
import zipfile
from pathlib import Path

import pytest

from medvlsynther.cards import Trainer
from medvlsynther.errors import MissingExtra, MissingInput
from medvlsynther.store.corpus import Corpus
from medvlsynther.training.merging import TRACKER, check_whole, found, latest_whole
from tests.stages.harness import run_stage


def checkpoint(folder: Path, world: int = 2) -> Path:
    """A checkpoint that looks whole, of so many GPUs."""
    (folder / "huggingface").mkdir(parents=True)
    (folder / "huggingface/config.json").write_text("{}")
    (folder / "fsdp_config.json").write_text(json.dumps({"FSDP_version": 2, "world_size": world}))
    for rank in range(world):
        with zipfile.ZipFile(folder / f"model_world_size_{world}_rank_{rank}.pt", "w") as file:
            file.writestr("data", "weights" * 100)
    return folder


def test_a_step_a_policy_and_all_steps_lead_to_the_same_checkpoint(tmp_path: Path) -> None:
    actor = checkpoint(tmp_path / "global_step_20/actor")
    checkpoint(tmp_path / "global_step_10/actor")
    (tmp_path / TRACKER).write_text("20\n")
    assert found(actor) == found(actor.parent) == found(tmp_path) == actor


def test_the_last_whole_step_is_the_one_that_counts(tmp_path: Path) -> None:
    assert latest_whole(tmp_path) is None
    for step in (9, 10, 100):
        checkpoint(tmp_path / f"global_step_{step}/actor")
    (tmp_path / "global_step_100/actor/model_world_size_2_rank_1.pt").unlink()
    (tmp_path / "global_step_odd").mkdir()
    assert latest_whole(tmp_path) == 10


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("fsdp_config.json", None, "no readable fsdp_config.json"),
        ("fsdp_config.json", b'{"world', "no readable fsdp_config.json"),
        ("fsdp_config.json", b"[]", "no readable fsdp_config.json"),
        ("fsdp_config.json", b'{"world_size": 0}', "fsdp_config.json tells no number"),
        ("fsdp_config.json", b'{"world_size": 3}', "model_world_size_3_rank_0.pt of 3 is missing"),
        ("model_world_size_2_rank_1.pt", None, "model_world_size_2_rank_1.pt of 2 is missing"),
        ("model_world_size_2_rank_1.pt", b"", "model_world_size_2_rank_1.pt ends too early"),
        ("model_world_size_2_rank_1.pt", b"PK\3\4half", "model_world_size_2_rank_1.pt ends too early"),
        ("huggingface/config.json", None, "no huggingface/config.json"),
    ],
)
def test_what_lacks_is_named(name: str, content: bytes | None, told: str, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "actor")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(MissingInput, match=f"The checkpoint is not whole: {told}"):
        check_whole(folder)


def test_the_stage_asks_for_verl_and_for_a_whole_checkpoint(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "global_step_7/actor", world=1)
    trainer = Trainer.load("grpo-3b")
    with pytest.raises(MissingExtra, match="'verl' is not installed"):
        run_stage("train.merge", tmp_path, {}, checkpoint=Corpus.at(folder), trainer=trainer)
    (folder / "model_world_size_1_rank_0.pt").write_bytes(b"")
    with pytest.raises(MissingInput, match="ends too early"):
        run_stage("train.merge", tmp_path, {}, checkpoint=Corpus.at(folder), trainer=trainer)
