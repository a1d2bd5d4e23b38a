"""Tiny vision-language models with random weights: real classes, real processors, no download, no sense.

    python tools/tiny_models.py FOLDER [--kind qwen3-vl]

They say nothing about any image; they are there so that everything around a model can be tested with one. One lean is
built in: their text ends its strings and passes its marks more often than chance would, so that replies under a schema
stay short and a chain of stages has something to work on.
"""

import argparse
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from medvlsynther.catalog import ASSETS

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{{ '' }}
{%- if message['content'] is string -%}
{{ message['content'] }}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' or 'image' in part or 'image_url' in part -%}
<|vision_start|><|image_pad|><|vision_end|>
{%- elif 'text' in part -%}
{{ part['text'] }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
<|im_end|>
{{ '' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{{ '' }}
{%- endif -%}
"""
VOCABULARY = 1536
BLANKS = "ĠĊ"
"""How a byte-level tokenizer writes a space and a line's end."""
WIDTH, LAYERS, HEADS, CONTEXT = 64, 2, 2, 32768
LEANS: Mapping[str, float] = {'"': 4.5, '",': 4.5, '"}': 4.5, "<|im_end|>": 3.5}
"""How much the model prefers a token, in nats: its strings end after some eight tokens."""
AVERSION = -9.0
"""The same for the beginnings of "false", and for what is no plain ASCII: half a character is no text."""
STEADY = 1.5
"""Value of the one entry that all embeddings share; through it the leans act whatever the context."""


def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with Qwen's way of splitting and its special tokens, trained on the bundled cards."""
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    plain.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    plain.train_from_iterator(
        _texts(), trainers.BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False)
    )
    plain.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    made = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    made.chat_template = TEMPLATE
    return made


def _texts() -> Iterator[str]:
    """Words that prompts and replies are made of."""
    for path in sorted((ASSETS / "prompts").glob("*.yaml")):
        yield path.read_text(encoding="utf-8")
    for path in sorted((ASSETS / "corpora").glob("*/*/*.xml")):
        yield re.sub(r"<[^<>]*>", " ", path.read_text(encoding="utf-8"))
    yield from ['{"question":"", "options":{"A":"","B":""},"answer":"A"} true false {"note":"","pass":true}'] * 50


def build(folder: Path, kind: str = "qwen2.5-vl") -> Path:
    """Write model and processor into `folder`, as `from_pretrained` reads them; the same files every time."""
    torch.manual_seed(0)
    words = tokenizer()
    model, processor = _KINDS[kind](words)
    _lean(model, words)
    model.generation_config.eos_token_id = [words.eos_token_id, words.pad_token_id]
    model.generation_config.pad_token_id = words.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _qwen2_5_vl(words: PreTrainedTokenizerFast) -> tuple[Any, Any]:
    vision = {
        "depth": LAYERS,
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_heads": HEADS,
        "out_hidden_size": WIDTH,
        "fullatt_block_indexes": [LAYERS - 1],
    }
    config = Qwen2_5_VLConfig(text_config=_text(words), vision_config=vision, **_tokens(words))
    processor = Qwen2_5_VLProcessor(Qwen2VLImageProcessor(), words, Qwen2VLVideoProcessor(), chat_template=TEMPLATE)
    return Qwen2_5_VLForConditionalGeneration(config), processor


def _qwen3_vl(words: PreTrainedTokenizerFast) -> tuple[Any, Any]:
    vision = {
        "depth": LAYERS,
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_heads": HEADS,
        "out_hidden_size": WIDTH,
        "num_position_embeddings": 256,
        "deepstack_visual_indexes": [0],
    }
    text = {**_text(words), "head_dim": WIDTH // HEADS}
    text["rope_parameters"] = {**text["rope_parameters"], "mrope_interleaved": True}
    config = Qwen3VLConfig(text_config=text, vision_config=vision, **_tokens(words))
    images = Qwen2VLImageProcessor(patch_size=16, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    processor = Qwen3VLProcessor(images, words, Qwen3VLVideoProcessor(), chat_template=TEMPLATE)
    return Qwen3VLForConditionalGeneration(config), processor


_KINDS = {"qwen2.5-vl": _qwen2_5_vl, "qwen3-vl": _qwen3_vl}


def _text(words: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        "vocab_size": len(words),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS // 2,
        "max_position_embeddings": CONTEXT,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 6, 6]},
        "bos_token_id": None,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
        "tie_word_embeddings": False,
        "initializer_range": 0.1,
    }


def _tokens(words: PreTrainedTokenizerFast) -> dict[str, Any]:
    token: Any = words.convert_tokens_to_ids
    return {
        "image_token_id": token("<|image_pad|>"),
        "video_token_id": token("<|video_pad|>"),
        "vision_start_token_id": token("<|vision_start|>"),
        "vision_end_token_id": token("<|vision_end|>"),
        "tie_word_embeddings": False,
    }


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
