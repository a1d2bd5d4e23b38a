"""What a model makes of a row: how many tokens of its context the row takes, by the model's own processor.

The processor stands in a folder beside the weights; its libraries are imported when one is named.
"""

from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, Self

from PIL import Image
from pydantic import ModelWrapValidatorHandler, model_validator

from medvlsynther.errors import MissingExtra, MissingInput
from medvlsynther.export.prompt import Words
from medvlsynther.records import Record

FILES = ("*.json", "*.jinja", "*.txt", "*.model")
"""Files of a model folder that decide what its processor does; weights are not among them."""


class Tokens(NamedTuple):
    """Tokens of one row, as the model sees them."""

    image: int
    """Those that stand for image patches."""
    prompt: int
    """All of the prompt, image tokens and chat template included."""


class ModelFolder(Record):
    """A folder with a processor; in a recipe, its path."""

    path: str
    """Where it lies; no part of any identity."""
    digest: str
    """Digest of the files that decide what the processor does."""

    @model_validator(mode="wrap")
    @classmethod
    def _by_path(cls, value: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        return cls.at(value) if isinstance(value, str) else build(value)

    @classmethod
    def at(cls, path: str) -> Self:
        """The model folder at a path.

        Raises: MissingInput.
        """
        files = sorted({file for pattern in FILES for file in Path(path).glob(pattern)})
        if not files:
            raise MissingInput(f"No processor in {path!r}", mend="Give the folder of a model with its tokenizer files")
        digest = sha256()
        for file in files:
            digest.update(file.name.encode() + b"\0" + sha256(file.read_bytes()).digest())
        return cls(path=path, digest=digest.hexdigest())

    def identity(self) -> object:
        """What a fingerprint sees: the files' content, not where they lie."""
        return {"processor": self.digest}

    def counter(self) -> Callable[[Words, tuple[bytes, ...]], Tokens]:
        """A function from words and encoded images to the tokens they take.

        Raises: MissingExtra when the model's libraries are not installed.
        """
        try:
            from transformers import AutoProcessor

            processor = AutoProcessor.from_pretrained(self.path)
        except ImportError as error:
            raise MissingExtra(error.name or "transformers", "processor", where=self.path) from None
        placeholder = processor.image_token_id

        def count(words: Words, images: tuple[bytes, ...]) -> Tokens:
            pixels = [Image.open(BytesIO(data)).convert("RGB") for data in images]
            text = processor.apply_chat_template(
                words.parts([{"type": "image"}] * len(images)), tokenize=False, add_generation_prompt=True
            )
            (ids,) = processor(text=[text], images=pixels or None)["input_ids"]
            return Tokens(image=sum(token == placeholder for token in ids), prompt=len(ids))

        return count
