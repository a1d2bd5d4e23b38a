"""Through verl's own loader, rows become the token ids that TRL meets as well."""

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("verl", reason="verl has an environment of its own: make test-verl")

from medvlsynther.cards import Prompt
from tests.trainers import same_tokens, tiny_vlm


@pytest.mark.parametrize("instruction", ["answer", "released"])
def test_verl_meets_the_token_ids_that_are_kept(instruction: str, tmp_path: Path) -> None:
    from omegaconf import OmegaConf
    from verl.utils import hf_processor, hf_tokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset

    model = str(tiny_vlm.build(tmp_path / "model"))
    same_tokens.material(tmp_path).run("export.verl", instruction=Prompt.load(instruction))
    config = OmegaConf.create({"cache_dir": str(tmp_path / "cache"), "filter_overlong_prompts": False})
    path = str(tmp_path / "step/dataset/data/train-00000-of-00001.parquet")
    rows = RLHFDataset([path], hf_tokenizer(model), config, hf_processor(model))

    def ids(number: int) -> list[int]:
        messages = rows[number]["raw_prompt"]
        text = rows.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        images, *_ = asyncio.run(rows.process_vision_info(messages, rows.image_patch_size, rows.config))
        return list(rows.processor(text=[text], images=images)["input_ids"][0])

    same_tokens.compare(instruction, ids)
