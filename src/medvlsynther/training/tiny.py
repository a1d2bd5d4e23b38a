"""A tiny Qwen2.5-VL with random weights: real classes, a real processor, no download, and no knowledge.

Small enough to learn to tell drawn shapes apart on a CPU within a minute or two, which is what the closed loop and the
tests of training are about.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Shape:
    """How large a model is."""

    width: int = 64
    """Width of the text layers."""
    layers: int = 2
    """Text layers."""
    heads: int = 4
    """Heads of each; half as many keep keys and values."""
    vision_width: int = 64
    """Width of the vision layers."""
    vision_layers: int = 2
    """Vision layers."""
    vision_heads: int = 4
    """Heads of each."""
    vocabulary: int = 544
    """Tokens apart from special ones."""
    context_tokens: int = 32768
    """Longest prompt with reply."""
    tied: bool = True
    """One matrix for words in and words out."""
    spread: float = 0.02
    """Standard deviation of the random weights."""


TINY = Shape()
"""0.35 million parameters."""


def tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with Qwen's way of splitting and its special tokens."""
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
        texts, trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    )
    plain.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    made = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    made.chat_template = TEMPLATE
    return made


def bundled_texts() -> Iterator[str]:
    """Words that prompts and replies are made of: the bundled cards and corpora."""
    for path in sorted((ASSETS / "prompts").glob("*.yaml")):
        yield path.read_text(encoding="utf-8")
    for path in sorted((ASSETS / "corpora").glob("*/*/*.xml")):
        yield re.sub(r"<[^<>]*>", " ", path.read_text(encoding="utf-8"))


def build(folder: Path, shape: Shape = TINY, *, seed: int = 0) -> Path:
    """Write model and processor into `folder`, as `from_pretrained` reads them; the same files every time."""
    torch.manual_seed(seed)
    words = tokenizer(bundled_texts(), shape.vocabulary)
    return save(folder, words, *qwen2_5_vl(words, shape))


def save(folder: Path, words: PreTrainedTokenizerFast, model: Any, processor: Any) -> Path:
    """Write a model that ends its replies where the tokenizer says, and its processor."""
    model.generation_config.eos_token_id = [words.eos_token_id, words.pad_token_id]
    model.generation_config.pad_token_id = words.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def qwen2_5_vl(words: PreTrainedTokenizerFast, shape: Shape) -> tuple[Any, Any]:
    """Model and processor."""
    vision = {
        "depth": shape.vision_layers,
        "hidden_size": shape.vision_width,
        "intermediate_size": 2 * shape.vision_width,
        "num_heads": shape.vision_heads,
        "out_hidden_size": shape.width,
        "fullatt_block_indexes": [shape.vision_layers - 1],
    }
    config = Qwen2_5_VLConfig(text_config=text_config(words, shape), vision_config=vision, **tokens(words, shape))
    processor = Qwen2_5_VLProcessor(Qwen2VLImageProcessor(), words, Qwen2VLVideoProcessor(), chat_template=TEMPLATE)
    return Qwen2_5_VLForConditionalGeneration(config), processor


def text_config(words: PreTrainedTokenizerFast, shape: Shape) -> dict[str, Any]:
    """The language part of a configuration."""
    half = shape.width // shape.heads // 2
    third = -(-half * 3 // 8)
    return {
        "vocab_size": len(words),
        "hidden_size": shape.width,
        "intermediate_size": 2 * shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads // 2,
        "max_position_embeddings": shape.context_tokens,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e6,
            "mrope_section": [half - 2 * third, third, third],
        },
        "bos_token_id": None,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
        "tie_word_embeddings": shape.tied,
        "initializer_range": shape.spread,
    }


def tokens(words: PreTrainedTokenizerFast, shape: Shape) -> dict[str, Any]:
    """The special tokens of a configuration."""
    token: Any = words.convert_tokens_to_ids
    return {
        "image_token_id": token("<|image_pad|>"),
        "video_token_id": token("<|video_pad|>"),
        "vision_start_token_id": token("<|vision_start|>"),
        "vision_end_token_id": token("<|vision_end|>"),
        "tie_word_embeddings": shape.tied,
    }
