"""Zero-shot classification with an OpenCLIP encoder in this process: the kind whose words are nearest to the images.

Serves the task `classify` only. The card's `repo` is the encoder's OpenCLIP name; a missing one has no stand-in.
"""

import asyncio
import pickle
from functools import cached_property
from typing import Any

import orjson

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines._pictures import picture
from medvlsynther.engines._protocols import file_of
from medvlsynther.engines.base import Bytes, Endpoint, Engine, Reply, ReplyError, Request
from medvlsynther.errors import BadSetting, EngineRefused, MissingExtra

TEMPLATE = "this is a photo of {}"
"""The words around a kind's name, as BiomedCLIP's authors test it."""


class _OpenClip:
    """One encoder, loaded when the first figure comes."""

    concurrency = 1
    remembers = False

    def __init__(self, name: str, images: Bytes) -> None:
        self._name = name
        self._images = images
        self._texts: dict[tuple[str, ...], Any] = {}

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any, Any]:
        """Torch, the model, its image preprocessing and its tokenizer.

        Raises: MissingExtra; EngineRefused for an encoder that is not to be had.
        """
        try:
            import open_clip
            import torch
        except ImportError as error:
            raise MissingExtra(error.name or "open_clip", "openclip", where=f"engine of {self._name}") from None
        try:
            model, preprocess = open_clip.create_model_from_pretrained(self._name)
            return torch, model.eval(), preprocess, open_clip.get_tokenizer(self._name)
        except (OSError, RuntimeError, ValueError, LookupError, EOFError, pickle.UnpicklingError) as error:
            mend = "Give the encoder's full OpenCLIP name, and fetch its weights first where there is no network"
            raise EngineRefused(f"Cannot load {self._name}: {error}", where="openclip", mend=mend) from None

    async def generate(self, request: Request, sampling: Sampling) -> Reply:  # noqa: ARG002 - the protocol's
        """The nearest kind, as JSON.

        Raises: ReplyError (unsupported_task, image_missing, image_unreadable); MissingExtra; EngineRefused.
        """
        if request.prompt.task != "classify":
            raise ReplyError("unsupported_task", f"an encoder cannot {request.prompt.task}")
        names = tuple(str(name) for name in request.slots["categories"])
        category = await asyncio.to_thread(self._nearest, request, names)
        return Reply(request=request, text=orjson.dumps({"category": category}).decode())

    def _nearest(self, request: Request, names: tuple[str, ...]) -> str:
        torch, model, preprocess, _ = self._loaded
        pictures = [picture(file_of(image.sha256, self._images)) for image in request.images]
        if not pictures:
            raise ReplyError("image_missing", request.id)
        with torch.no_grad():
            seen = model.encode_image(torch.stack([preprocess(picture) for picture in pictures]), normalize=True)
            likeness = (seen @ self._words(names).T).mean(dim=0)
        return names[int(likeness.argmax())]

    def _words(self, names: tuple[str, ...]) -> Any:
        """The names' features, shape (names, width)."""
        if names not in self._texts:
            torch, model, _, tokenizer = self._loaded
            with torch.no_grad():
                tokens = tokenizer([TEMPLATE.format(name) for name in names])
                self._texts[names] = model.encode_text(tokens, normalize=True)
        return self._texts[names]

    async def probe(self) -> None:
        """Load the encoder. Raises: MissingExtra, EngineRefused."""
        await asyncio.to_thread(lambda: self._loaded)

    async def close(self) -> None:
        """Nothing to let go of."""


def connect(model: Model, endpoint: Endpoint, images: Bytes) -> Engine:
    """The encoder that the card names.

    Raises: BadSetting for a name that OpenCLIP could take for another one.
    """
    name = endpoint.served_as or model.repo
    if "biomedclip" in name.lower() and not name.startswith(("hf-hub:", "local-dir:")):
        mend = "Write hf-hub:<owner>/<name> or local-dir:<folder>"
        raise BadSetting(f"{name!r} is no encoder of OpenCLIP's", where=f"models/{model.name}", mend=mend)
    return _OpenClip(name, images)
