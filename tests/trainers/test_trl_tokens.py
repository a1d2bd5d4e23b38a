"""Through TRL's own preparation, rows become the token ids that verl meets as well."""

from pathlib import Path

import pytest

pytest.importorskip("trl", reason="TRL has an environment of its own: make test-trl")

from medvlsynther.cards import Prompt
from tests.trainers import same_tokens, tiny_vlm


@pytest.mark.parametrize("instruction", ["answer", "released"])
def test_trl_meets_the_token_ids_that_are_kept(instruction: str, tmp_path: Path) -> None:
    from datasets import load_dataset
    from transformers import AutoProcessor
    from trl.data_utils import prepare_multimodal_messages

    processor = AutoProcessor.from_pretrained(str(tiny_vlm.build(tmp_path / "model")))
    same_tokens.material(tmp_path).run("export.trl", kind="grpo", instruction=Prompt.load(instruction))
    rows = load_dataset(str(tmp_path / "step/dataset"), split="train", cache_dir=str(tmp_path / "cache"))

    def ids(number: int) -> list[int]:
        row = rows[number]
        messages = prepare_multimodal_messages(row["prompt"], images=row["images"])
        text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return list(processor(text=[text], images=row["images"])["input_ids"][0])

    same_tokens.compare(instruction, ids)
