"""Vectors by a network: of images for copies (SSCD) and likeness (CLIP), of texts. A missing network is an error."""

import hashlib
import io
import pickle
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
from PIL import Image

from medvlsynther.audit.neighbours import Vectors, nearest
from medvlsynther.audit.weights import Weights
from medvlsynther.errors import MissingExtra, MissingInput

Kind = Literal["sscd", "clip"]

SIDE_PX = 288
"""Short side of an image for SSCD."""

BATCH = 32
"""Images or texts encoded together."""

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's channels, as SSCD was trained with."""

NORM_NEIGHBOURS = 3
"""Nearest images of the other set whose mean likeness is taken off a copy's score."""

UNREADABLE = (RuntimeError, OSError, ValueError, LookupError, TypeError, EOFError, pickle.UnpicklingError)
"""What libraries raise over files that hold no network."""

Encode = Callable[[Iterable[bytes]], Vectors]


def encoder(kind: Kind, weights: Weights) -> tuple[Encode, str]:
    """A network that makes one vector an image, and the SHA-256 of its weights.

    SSCD takes a TorchScript file; CLIP a name or "local-dir:<folder>" of OpenCLIP, e.g. a folder of BiomedCLIP.

    Raises: MissingExtra, MissingInput.

    Source: preprocessing of SSCD as in Pizzi et al. (2022): 288 px, ImageNet statistics.
    """
    return _sscd(weights) if kind == "sscd" else _clip(weights)


def _sscd(weights: Weights) -> tuple[Encode, str]:
    torch = _torch()
    if not weights.path.is_file():
        raise MissingInput(f"No file {weights.place!r}", mend="Give the TorchScript file of an SSCD model")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript, the form in which SSCD is published
            network = torch.jit.load(str(weights.path), map_location="cpu").eval()
    except UNREADABLE as error:
        raise _refusal("Not a TorchScript file", weights, error) from None

    def tensor(data: bytes) -> Any:
        image = Image.open(io.BytesIO(data)).convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
        values = (np.asarray(image, dtype=np.float32) / 255 - MEAN) / SPREAD
        return torch.from_numpy(values.astype(np.float32).transpose(2, 0, 1))

    return _encoding(torch, network, tensor), weights.digest


def _clip(weights: Weights) -> tuple[Encode, str]:
    torch = _torch()
    try:
        import open_clip
    except ImportError:
        raise MissingExtra("open-clip-torch", "openclip") from None
    try:
        network, prepare = open_clip.create_model_from_pretrained(weights.place)
    except UNREADABLE as error:
        raise _refusal("No such OpenCLIP model", weights, error) from None

    def tensor(data: bytes) -> Any:
        return prepare(Image.open(io.BytesIO(data)).convert("RGB"))

    return _encoding(torch, network.eval().encode_image, tensor), weights.digest or _loaded_hash(network)


def texts_encoder(weights: Weights) -> Callable[[Sequence[str]], Vectors]:
    """A sentence-transformers network that makes one vector a text.

    Raises: MissingExtra, MissingInput.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtra("sentence-transformers", "embeddings") from None
    if not weights.path.is_dir():
        raise MissingInput(f"No folder {weights.place!r}", mend="Give the folder of a sentence-transformers model")
    try:
        network = SentenceTransformer(str(weights.path), local_files_only=True)
    except UNREADABLE as error:
        raise _refusal("Not a sentence-transformers model", weights, error) from None

    def encode(texts: Sequence[str]) -> Vectors:
        return np.asarray(network.encode(list(texts), batch_size=BATCH, show_progress_bar=False), dtype=np.float32)

    return encode


def _refusal(what: str, weights: Weights, error: Exception) -> MissingInput:
    said = " ".join(str(error).split())[:200] or type(error).__name__
    return MissingInput(f"{what}: {said}", where=weights.place, mend="Fetch it anew")


def _loaded_hash(network: Any) -> str:
    """SHA-256 over the names and values of all weights."""
    whole = hashlib.sha256()
    for name, values in sorted(network.state_dict().items()):
        whole.update(f"{name}\x1f{values.dtype}\x1f{tuple(values.shape)}\n".encode())
        whole.update(values.detach().cpu().float().numpy().tobytes())
    return whole.hexdigest()


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtra("torch", "openclip") from None
    return torch


def _encoding(torch: Any, network: Any, tensor: Callable[[bytes], Any]) -> Encode:
    def encode(images: Iterable[bytes]) -> Vectors:
        remaining, found = iter(images), []
        with torch.no_grad():
            while batch := [tensor(data) for data in islice(remaining, BATCH)]:
                found.append(np.asarray(network(torch.stack(batch)), dtype=np.float32))
        return np.concatenate(found) if found else np.zeros((0, 1), dtype=np.float32)

    return encode


def copies(left: Vectors, right: Vectors, count: int, least: float) -> Iterator[tuple[int, int, float]]:
    """Pairs whose cosine, less the mean of the right one's next nearest, is at least `least`.

    Taking off what an image has in common with its neighbours makes one threshold fit radiographs and photos alike.

    Source: score normalisation of Pizzi et al. (2022), with the searched set itself as background.
    """
    background: dict[int, list[float]] = {}
    ranked = list(nearest(left, right, count + NORM_NEIGHBOURS, -1.0))
    for near in ranked:
        background.setdefault(near.right, []).append(near.cosine)
    for near in ranked:
        rest = sorted(background[near.right], reverse=True)[count:]
        score = near.cosine - (sum(rest) / len(rest) if rest else 0.0)
        if score >= least:
            yield near.left, near.right, score
