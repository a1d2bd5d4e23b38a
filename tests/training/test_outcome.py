"""A finished training names its weights by their digest, and leaves what a reader needs to train it again."""

import json
from pathlib import Path

import pytest
import yaml

from medvlsynther.cards import Trainer
from medvlsynther.errors import TrainingStopped
from medvlsynther.records import Checkpoint
from medvlsynther.training.base import CURVES, Job, Place
from medvlsynther.training.outcome import CARD, MANIFEST, digest, outcome, read_curves
from tests.training.material import job


def trained(root: Path, weights: bytes = b"weights") -> tuple[Job, Path]:
    """A job whose child is done."""
    wanted = job(root / "store/training/step")
    model = wanted.path("model")
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(weights)
    (root / "store/training/step/dataset/data").mkdir(parents=True)
    (root / "store/training/step/dataset/data/train-0.parquet").write_bytes(b"rows")
    rows = ({"step": 1, "steps": 2, "loss": 3.0}, {"step": 2, "steps": 2, "loss": 1.5, "kl": 0.1})
    wanted.path(CURVES).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return wanted, model


def checkpoint(root: Path, weights: bytes = b"weights") -> Checkpoint:
    wanted, model = trained(root, weights)
    into = root / "step"
    into.mkdir()
    return outcome(wanted, "trl", Place(), model, into, root / "store")


def test_the_digest_is_of_the_weights_and_not_of_their_place(tmp_path: Path) -> None:
    first, same, other = (
        checkpoint(tmp_path / name, weights) for name, weights in (("a", b"1"), ("b", b"1"), ("c", b"2"))
    )
    assert first.checkpoint_id == same.checkpoint_id != other.checkpoint_id
    assert first.name.startswith("tiny-sft-")
    assert first.folder == "training/step/lasting/model"
    assert first.step == 2
    assert {metric.name: metric.value for metric in first.metrics} == {"loss": 1.5, "kl": 0.1}


def test_manifest_and_card_hold_data_versions_seed_hardware_and_settings(tmp_path: Path) -> None:
    made = checkpoint(tmp_path)
    manifest = json.loads((tmp_path / "step" / MANIFEST).read_bytes())
    assert manifest["seed"] == 7
    assert manifest["data"]["files"] == ["train-0.parquet"]
    assert len(manifest["data"]["sha256"]) == 64
    assert manifest["versions"]["medvlsynther"]
    assert manifest["hardware"]["cores"] >= 1
    assert manifest["settings"]["learning_rate"] == Trainer.load("tiny-sft").learning_rate
    text = (tmp_path / "step" / CARD).read_text()
    assert yaml.safe_load(text.split("---")[1])["library_name"] == "transformers"
    assert made.checkpoint_id in text
    assert len(read_curves(tmp_path / "step" / CURVES)) == 2


def test_a_model_without_weights_is_no_checkpoint(tmp_path: Path) -> None:
    wanted, model = trained(tmp_path)
    (model / "model.safetensors").unlink()
    with pytest.raises(TrainingStopped, match="no weights"):
        outcome(wanted, "trl", Place(), model, tmp_path, tmp_path / "store")


def test_a_digest_sees_names_and_bytes_in_any_order_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"1")
    (tmp_path / "a").write_bytes(b"2")
    before = digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "c")
    assert digest(tmp_path) != before
