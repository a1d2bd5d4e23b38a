"""verl's own loader reads what we export, drops nothing, and sees the tokens that every other path sees."""

import asyncio
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("verl", reason="verl has an environment of its own: make test-verl")

from medvlsynther.cards import Prompt
from medvlsynther.export.processor import ModelFolder
from medvlsynther.export.prompt import asked
from medvlsynther.store.images import ImageStore
from tests.export.material import Material, item, picture
from tests.trainers import tiny_vlm

SIZES = ((48, 40), (112, 84), (400, 300))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vlm.build(tmp_path_factory.mktemp("model"))


@pytest.fixture
def material(tmp_path: Path) -> Material:
    material = Material(tmp_path)
    for number, count in enumerate((0, 1, 6, 1)):
        pictures = [picture(10 * number + n, *SIZES[n % len(SIZES)]) for n in range(count)]
        material.items.append(item(material.figure(number, pictures)))
    return material


def loaded(tmp_path: Path, model: Path, **settings: Any) -> Any:
    """The exported rows through verl's data set."""
    from omegaconf import OmegaConf
    from verl.utils import hf_processor, hf_tokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset

    config = OmegaConf.create(
        {"cache_dir": str(tmp_path / "cache"), "filter_overlong_prompts_workers": None, **settings}
    )
    path = str(tmp_path / "step/dataset/data/train-00000-of-00001.parquet")
    return RLHFDataset([path], hf_tokenizer(str(model)), config, hf_processor(str(model)))


def token_ids(dataset: Any, row: Mapping[str, Any]) -> list[int]:
    """What verl's rollout feeds the model for a row."""
    messages, processor = row["raw_prompt"], dataset.processor
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    images, *_ = asyncio.run(dataset.process_vision_info(messages, dataset.image_patch_size, dataset.config))
    return list(processor(text=[text], images=images or None)["input_ids"][0])


@pytest.mark.parametrize("instruction", ["answer", "released"])
def test_every_row_passes_the_overlong_filter_and_its_tokens_are_those_we_counted(
    instruction: str, material: Material, model: Path, tmp_path: Path
) -> None:
    folder, prompt = ModelFolder.at(str(model)), Prompt.load(instruction)
    material.run("export.verl", processor=folder, instruction=prompt)
    longest = 2000
    dataset = loaded(tmp_path, model, filter_overlong_prompts=True, max_prompt_length=longest)
    assert len(dataset) == len(material.items)
    for number, wanted in enumerate(material.items):
        row = dataset[number]
        ids = token_ids(dataset, row)
        extra = row["extra_info"]
        placeholder = dataset.processor.image_token_id
        assert (extra["item_id"], extra["n_prompt_tokens"]) == (wanted.item_id, len(ids))
        assert extra["n_image_tokens"] == sum(token == placeholder for token in ids)
        assert row["reward_model"]["ground_truth"] == extra["answer"] == wanted.key


def test_training_evaluation_and_trl_meet_the_same_token_ids(material: Material, model: Path, tmp_path: Path) -> None:
    from PIL import Image
    from transformers import AutoProcessor

    material.run("export.verl")
    dataset, processor = loaded(tmp_path, model), AutoProcessor.from_pretrained(str(model))
    figures = {figure.figure_id: figure for figure in material.figures}
    for number, wanted in enumerate(material.items):
        refs = figures[wanted.figure_id].images
        paths = [BytesIO(ImageStore(material.store.images).read(ref.sha256 or "")) for ref in refs]
        messages = asked(Prompt.load("answer"), wanted).parts([{"type": "image"}] * len(paths))
        text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        served = processor(text=[text], images=[Image.open(path) for path in paths] or None)["input_ids"][0]
        assert token_ids(dataset, dataset[number]) == list(served)
        assert processor.decode(served).count("<|vision_start|>") == len(paths)


def test_a_prompt_over_the_limit_is_refused_here_and_not_dropped_there(
    material: Material, model: Path, tmp_path: Path
) -> None:
    material.run("export.verl", processor=ModelFolder.at(str(model)), max_prompt_tokens=500)
    assert [reject.reason for reject in material.rejects] == ["prompt_too_long"]
    (tokens,) = re.findall(r"\d+", material.rejects[0].detail)
    assert int(tokens) > 500
    assert len(loaded(tmp_path, model, filter_overlong_prompts=True, max_prompt_length=500)) == 3


def test_verl_hands_the_row_to_a_reward_with_the_published_keys(
    material: Material, model: Path, tmp_path: Path
) -> None:
    from verl.utils.dataset.rl_dataset import collate_fn

    material.run("export.verl", name="cases")
    dataset = loaded(tmp_path, model)
    batch = collate_fn([dataset[number] for number in range(len(dataset))])
    assert set(batch["data_source"]) == {"cases"}
    for extra, reward in zip(batch["extra_info"], batch["reward_model"], strict=True):
        assert extra["answer"] == reward["ground_truth"]
        assert extra["answer_label"] in "ABCDE"
