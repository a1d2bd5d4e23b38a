"""A model in this process: its weights, its processor, and how a conversation becomes tensors.

Any image-text-to-text model that transformers knows, from a hub or from a folder. Code that comes with weights is
never run.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from medvlsynther.engines._guided import Guides
from medvlsynther.engines._labels import beginnings, spellings
from medvlsynther.engines._pictures import picture
from medvlsynther.engines.base import Rendered
from medvlsynther.errors import EngineRefused, MissingExtra, ReplyError

PACKAGES = ("torch", "torchvision", "transformers", "llguidance")
"""What the extra brings; processors of video-capable models cannot be loaded without torchvision."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which weights, and where they run."""

    repo: str
    """Folder or hub id."""
    revision: str | None
    """Commit, for a hub id."""
    device: str | None
    """"cpu", "cuda:1", "mps"; None takes the fastest there is."""

    def check(self) -> None:
        """Find out whether the model can be loaded at all, without its weights.

        Raises: MissingExtra; EngineRefused when there is no such model.
        """
        for package in PACKAGES:
            if importlib.util.find_spec(package) is None:
                raise MissingExtra(package, "transformers", where=f"site endpoint of {self.repo}")
        from transformers import AutoConfig

        try:
            AutoConfig.from_pretrained(self.repo, revision=self.revision)
        except (OSError, ValueError, KeyError) as error:
            raise self.refusal(error) from None

    def refusal(self, error: Exception) -> EngineRefused:
        """Why the model cannot be had."""
        what = " ".join(str(error).split())[:300] or type(error).__name__
        mend = "Give a model's folder as served_as in the site file, or a hub id that can be reached"
        if Path(self.repo).is_dir():
            mend = "Mend the folder, or take a transformers release that knows its architecture"
        return EngineRefused(what, where=self.repo, mend=mend)


class Weights:
    """A loaded model."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor
        self.tokenizer: Any = getattr(processor, "tokenizer", processor)
        self.device: Any = model.device
        self._beginnings: dict[tuple[str, ...], Mapping[str, Sequence[int]]] = {}

    @classmethod
    def load(cls, source: Source) -> Self:
        """Read the weights.

        Raises: MissingExtra; EngineRefused when they are not there, cannot be read or do not fit.
        """
        source.check()
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForImageTextToText, AutoProcessor

        device = source.device or fastest()
        try:
            processor = AutoProcessor.from_pretrained(source.repo, revision=source.revision)
            model = AutoModelForImageTextToText.from_pretrained(source.repo, revision=source.revision, dtype="auto")
            return cls(model.to(device).eval(), processor)
        except (ImportError, OSError, RuntimeError, SafetensorError, ValueError, torch.OutOfMemoryError) as error:
            raise source.refusal(error) from None

    @cached_property
    def ends(self) -> list[int]:
        """Tokens that end a reply."""
        given = self.model.generation_config.eos_token_id
        found = given if isinstance(given, list) else [given]
        return [token for token in (*found, self.tokenizer.eos_token_id) if token is not None]

    @cached_property
    def pad(self) -> int:
        """Token that fills short rows."""
        pad = self.tokenizer.pad_token_id
        return int(self.ends[0] if pad is None else pad)

    @cached_property
    def guides(self) -> Guides:
        """Grammars over this model's tokens."""
        return Guides(self.tokenizer, self._text_config.vocab_size, self.ends)

    def beginnings(self, labels: tuple[str, ...]) -> Mapping[str, Sequence[int]]:
        """For each label the tokens that begin it and no other label, in whatever spelling.

        Raises: BadSetting for labels that begin with one and the same token.
        """
        if labels not in self._beginnings:
            ways = [way for label in labels for way in spellings(label)]
            ids = self.tokenizer(ways, add_special_tokens=False)["input_ids"]
            self._beginnings[labels] = beginnings(labels, {way: found[0] for way, found in zip(ways, ids, strict=True)})
        return self._beginnings[labels]

    @property
    def _text_config(self) -> Any:
        return self.model.config.get_text_config()

    @cached_property
    def context_tokens(self) -> int | None:
        """Longest prompt with reply that the model was made for, where it says so."""
        longest = getattr(self._text_config, "max_position_embeddings", None)
        return longest if isinstance(longest, int) else None

    @cached_property
    def image_token(self) -> int | None:
        """Token that stands for a piece of an image."""
        for name in ("image_token_id", "image_token_index"):
            if isinstance(token := getattr(self.model.config, name, None), int):
                return token
        return None

    def chat(self, words: Rendered, images: int, options: Mapping[str, Any]) -> str:
        """A request in the words of the model's chat template: system, images, material, task.

        A template without a system turn gets the static text at the head of the user's.
        """
        from jinja2 import TemplateError

        text = "\n\n".join(part for part in (words.material, words.task) if part)
        user = [*({"type": "image"} for _ in range(images)), {"type": "text", "text": text}]
        turns = [{"role": "user", "content": user}]
        if not words.system:
            return self._templated(turns, options)
        static = {"type": "text", "text": words.system}
        try:
            return self._templated([{"role": "system", "content": [static]}, *turns], options)
        except TemplateError:
            return self._templated([{"role": "user", "content": [static, *user]}], options)

    def _templated(self, turns: list[dict[str, Any]], options: Mapping[str, Any]) -> str:
        text: str = self.processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **options)
        return text

    def tensors(self, texts: Sequence[str], images: Sequence[Sequence[bytes]]) -> dict[str, Any]:
        """A batch as the model takes it, padded at the left, on its device.

        Raises: ReplyError (image_unreadable, bad_request) when a row cannot be made into tensors.
        """
        pictures = [[picture(data) for data in row] for row in images]
        try:
            made = self.processor(
                text=list(texts),
                images=pictures if any(pictures) else None,
                padding=True,
                padding_side="left",
                add_special_tokens=False,
                return_tensors="pt",
            )
        except (IndexError, TypeError, ValueError) as error:  # an image that this processor cannot take
            raise ReplyError("bad_request", str(error)) from None
        return {name: value.to(self.device) for name, value in made.items()}

    def forget(self) -> None:
        """Drop what the model keeps of the last batch: several keep the places of its images for the next tokens."""
        for module in self.model.modules():
            if getattr(module, "rope_deltas", None) is not None:
                module.rope_deltas = None


def fastest() -> str:
    """The fastest device there is."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
