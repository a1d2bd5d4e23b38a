"""Tiny vision-language models with random weights: real classes, real processors, no download, no sense.

    python tools/tiny_models.py FOLDER [--kind qwen3-vl]

They say nothing about any image; they are there so that everything around a model can be tested with one. One lean is
built in: their text ends its strings and passes its marks more often than chance would, so that replies under a schema
stay short and a chain of stages has something to work on.
"""

import argparse
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from medvlsynther.training.tiny import (
    TEMPLATE,
    Shape,
    bundled_texts,
    qwen2_5_vl,
    save,
    text_config,
    tokenizer,
    tokens,
)

SHAPE = Shape(heads=2, vision_heads=2, vocabulary=1536, tied=False, spread=0.1)
JSON = '{"question":"", "options":{"A":"","B":""},"answer":"A"} true false {"note":"","pass":true}'
BLANKS = "ĠĊ"
"""How a byte-level tokenizer writes a space and a line's end."""
LEANS: Mapping[str, float] = {'"': 4.5, '",': 4.5, '"}': 4.5, "<|im_end|>": 3.5}
"""How much the model prefers a token, in nats: its strings end after some eight tokens."""
AVERSION = -9.0
"""The same for the beginnings of "false", and for what is no plain ASCII: half a character is no text."""
STEADY = 1.5
"""Value of the one entry that all embeddings share; through it the leans act whatever the context."""


def build(folder: Path, kind: str = "qwen2.5-vl") -> Path:
    """Write model and processor into `folder`, as `from_pretrained` reads them; the same files every time."""
    torch.manual_seed(0)
    words = tokenizer([*bundled_texts(), *[JSON] * 50], SHAPE.vocabulary)
    model, processor = _KINDS[kind](words, SHAPE)
    _lean(model, words)
    return save(folder, words, model, processor)


def _qwen3_vl(words: PreTrainedTokenizerFast, shape: Shape) -> tuple[Any, Any]:
    vision = {
        "depth": shape.vision_layers,
        "hidden_size": shape.vision_width,
        "intermediate_size": 2 * shape.vision_width,
        "num_heads": shape.vision_heads,
        "out_hidden_size": shape.width,
        "num_position_embeddings": 256,
        "deepstack_visual_indexes": [0],
    }
    text = {**text_config(words, shape), "head_dim": shape.width // shape.heads}
    text["rope_parameters"] = {**text["rope_parameters"], "mrope_interleaved": True}
    config = Qwen3VLConfig(text_config=text, vision_config=vision, **tokens(words, shape))
    images = Qwen2VLImageProcessor(patch_size=16, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    processor = Qwen3VLProcessor(images, words, Qwen3VLVideoProcessor(), chat_template=TEMPLATE)
    return Qwen3VLForConditionalGeneration(config), processor


_KINDS = {"qwen2.5-vl": qwen2_5_vl, "qwen3-vl": _qwen3_vl}


def _lean(model: Any, words: PreTrainedTokenizerFast) -> None:
    """Let the leans act through one entry of the hidden state that is about the same at every token."""
    with torch.no_grad():
        embeddings = model.get_input_embeddings().weight
        embeddings[:, 0] = STEADY
        ids = words("The figure shows", return_tensors="pt")["input_ids"]
        hidden = model.model(input_ids=ids).last_hidden_state[0, -1, 0]
        column = torch.zeros(len(words))
        for token, index in words.get_vocab().items():
            column[index] = AVERSION if _disliked(token) else LEANS.get(token, 0.0)
        model.lm_head.weight[:, 0] = column / hidden


def _disliked(token: str) -> bool:
    word = token.lstrip(BLANKS)
    return ("false".startswith(word) and bool(word)) or not set(word) <= set(string.printable)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Write a tiny vision-language model with random weights.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=sorted(_KINDS), default="qwen2.5-vl")
    arguments = parser.parse_args()
    build(arguments.folder, arguments.kind)


if __name__ == "__main__":
    main()
