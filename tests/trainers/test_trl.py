"""TRL takes one step of SFT and one of GRPO on what we export, on prompts with the tokens that every path sees."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="TRL has an environment of its own: make test-trl")

from medvlsynther.cards import Prompt
from medvlsynther.export.processor import ModelFolder
from medvlsynther.export.prompt import asked
from medvlsynther.store.images import ImageStore
from tests.export.material import Material, item, picture
from tests.trainers import tiny_vlm

IMAGES = (1, 2, 1, 6)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    torch.set_num_threads(1)
    return tiny_vlm.build(tmp_path_factory.mktemp("model"))


@pytest.fixture
def material(tmp_path: Path) -> Material:
    material = Material(tmp_path)
    for number, count in enumerate(IMAGES):
        figure = material.figure(number, [picture(10 * number + n, 56, 56) for n in range(count)])
        material.items.append(item(figure, reasoning="It is bright."))
    return material


def rows(tmp_path: Path, name: str = "default") -> Any:
    from datasets import load_dataset

    return load_dataset(str(tmp_path / "step/dataset"), name, split="train", cache_dir=str(tmp_path / "cache"))


SHARED = {"use_cpu": True, "bf16": False, "report_to": "none", "max_steps": 1, "save_strategy": "no"}


def test_one_sft_step_trains_on_the_completion_alone(material: Material, model: Path, tmp_path: Path) -> None:
    from trl import SFTConfig, SFTTrainer

    material.run("export.trl", kind="sft")
    settings = SFTConfig(str(tmp_path / "out"), max_length=None, per_device_train_batch_size=2, **SHARED)
    trainer = SFTTrainer(str(model), args=settings, train_dataset=rows(tmp_path))
    batch = next(iter(trainer.get_train_dataloader()))
    trained = batch["labels"][0][batch["labels"][0] != -100]
    text = trainer.processing_class.decode(trained)
    assert text.startswith("<think>It is bright.</think>\n<answer>")
    assert text.rstrip().endswith("</answer><|im_end|>")
    assert trainer.train().global_step == 1


@pytest.mark.parametrize("part", ["default", "text"])
def test_one_grpo_step_hands_the_answers_to_the_reward(
    part: str, material: Material, model: Path, tmp_path: Path
) -> None:
    from trl import GRPOConfig, GRPOTrainer

    for number in range(4):
        material.items.append(item(material.figure(10 + number, [])))
    material.run("export.trl", kind="grpo")
    seen: list[tuple[str, str]] = []

    def reward(completions: list[Any], answer_label: list[str], answer: list[str], **columns: Any) -> list[float]:
        seen.extend(zip(answer_label, answer, strict=True))
        assert {"prompts", "options", "item_id", "licence"} <= set(columns)
        return [float(len(completion[0]["content"]) % 2) for completion in completions]

    settings = GRPOConfig(
        str(tmp_path / "out"),
        per_device_train_batch_size=4,
        num_generations=2,
        max_completion_length=8,
        **SHARED,
    )
    trainer = GRPOTrainer(str(model), reward_funcs=reward, args=settings, train_dataset=rows(tmp_path, part))
    assert trainer.train().global_step == 1
    known = {(i.answer, i.key) for i in material.items}
    assert seen
    assert set(seen) <= known


def test_trl_meets_the_token_ids_that_evaluation_meets(material: Material, model: Path, tmp_path: Path) -> None:
    from transformers import AutoProcessor
    from trl.data_utils import prepare_multimodal_messages

    material.run("export.trl", kind="grpo")
    processor, count = AutoProcessor.from_pretrained(str(model)), ModelFolder.at(str(model)).counter()
    for row, wanted in zip(rows(tmp_path), material.items, strict=True):
        messages = prepare_multimodal_messages(row["prompt"], images=row["images"])
        text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ours = asked(Prompt.load("answer"), wanted)
        parts = ours.parts([{"type": "image"}] * len(row["images"]))
        assert text == processor.apply_chat_template(parts, add_generation_prompt=True, tokenize=False)
        ids = processor(text=[text], images=row["images"])["input_ids"][0]
        data = tuple(map(ImageStore(material.store.images).read, digests(material, wanted)))
        assert count(ours, data).prompt == len(ids)


def digests(material: Material, wanted: Any) -> list[str]:
    """Digests of an item's images."""
    figure = next(figure for figure in material.figures if figure.figure_id == wanted.figure_id)
    return [image.sha256 or "" for image in figure.images]
