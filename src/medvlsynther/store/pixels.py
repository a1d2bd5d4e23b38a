"""An image made ready for a model: decoded within limits, 8-bit RGB, bounded in size, hashed, encoded once and for all.

Equal input and settings give equal bytes: there is one encoder, and the quick paths of `resample` are only used where
they give the very pixels of Pillow.
"""

import hashlib
import io
import math
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from medvlsynther.errors import InputError
from medvlsynther.store import dicom, png
from medvlsynther.store.likeness import dhash, phash
from medvlsynther.store.resample import resize

BYTES_LIMIT = 128 << 20
"""Largest file that is decoded."""

PIXELS_LIMIT = 80_000_000
"""Largest image that is decoded: about 320 MB in memory."""

ASPECT_LIMIT = 200.0
"""Longest shape: what vision models refuse beyond."""

BLANK_STD = 5.0
"""Standard deviation of grey values (0..255) below which an image shows nothing."""

FORMATS = ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "JPEG2000", "PPM")
"""What is decoded; formats that run programs (EPS) or that no figure has stay closed."""

Small = Literal["reject", "keep", "upscale"]
"""What happens to an image that is smaller than the model sees."""

_WINDOW_PERCENT = (0.5, 99.5)
_ORIENTATION = 0x0112
_LFS = b"version https://git-lfs"
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, ArithmeticError, AttributeError,
    AssertionError, RuntimeError, MemoryError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow's decoders are known to raise on damaged files."""


@dataclass(frozen=True)
class Prepared:
    """An image as it goes into the store, with all hashes taken while its pixels were at hand."""

    data: bytes
    """The file: PNG of 8-bit RGB."""
    width_px: int
    """Width."""
    height_px: int
    """Height."""
    source_sha256: str
    """SHA-256 of the original bytes."""
    pixels_sha256: str
    """SHA-256 of width, height and RGB values: equal for equal pictures whatever encoded them."""
    phash: str
    """64-bit DCT hash, 16 hex digits."""
    dhash: str
    """64-bit difference hash, 16 hex digits."""
    notes: tuple[str, ...]
    """What was done or seen: exif_rotated, first_frame, windowed_16bit, windowed_dicom, alpha_on_white, cmyk_converted,
    upscaled, small, image_blank."""


def prepare(data: bytes, *, long_side_px: int, min_side_px: int, small: Small = "reject") -> Prepared:
    """The image in `data` as 8-bit RGB PNG, its long side at most `long_side_px`.

    `small` says what happens when a side would then be below `min_side_px`: no image, the image as it is, or the
    image enlarged until its short side has that length (then the long side may exceed its bound).

    Raises: InputError with image_corrupt, image_bomb, image_too_large, image_too_small, image_too_narrow, lfs_pointer,
    dicom_unsupported.

    Source: size and filter of the published converter (longest side to a bound, never enlarged, LANCZOS).
    """
    image, notes = decode(data)
    size = _size(image, long_side_px, min_side_px, small, notes)
    if size != image.size:
        image = resize(image, size)
    grey, picture = image.convert("L"), image.convert("RGB")
    if _std(grey) < BLANK_STD:
        notes.append("image_blank")
    pixels = np.asarray(picture)
    return Prepared(
        data=png.encode(pixels),
        width_px=picture.width,
        height_px=picture.height,
        source_sha256=hashlib.sha256(data).hexdigest(),
        pixels_sha256=hashlib.sha256(struct.pack(">II", *picture.size) + pixels.tobytes()).hexdigest(),
        phash=phash(grey),
        dhash=dhash(grey),
        notes=tuple(notes),
    )


# ----------------------------------------------------------------------------------------------------- decoding


def decode(data: bytes) -> tuple[Image.Image, list[str]]:
    """The picture in mode L or RGB, upright, at its own size, and notes on how it came about.

    Raises: InputError with image_corrupt, image_bomb, image_too_large, lfs_pointer, dicom_unsupported.
    """
    if data.startswith(_LFS):
        raise InputError("lfs_pointer", "a Git LFS pointer instead of the image")
    if not data:
        raise InputError("image_corrupt", "no bytes")
    if len(data) > BYTES_LIMIT:
        raise InputError("image_too_large", f"{len(data)} bytes; the limit is {BYTES_LIMIT}")
    if dicom.is_dicom(data):
        return dicom.decode(data, PIXELS_LIMIT), ["windowed_dicom"]
    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which no picture depends on
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _plain(_opened(data, notes), notes), notes
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError("image_bomb", str(error)) from None
    except _DAMAGE as error:
        raise InputError("image_corrupt", f"{type(error).__name__}: {error}") from None


def _opened(data: bytes, notes: list[str]) -> Image.Image:
    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > PIXELS_LIMIT:
        raise Image.DecompressionBombError(f"{image.width} x {image.height} px; the limit is {PIXELS_LIMIT} px")
    if getattr(image, "is_animated", False):
        notes.append("first_frame")
        image.seek(0)
    image.load()
    # Only these hold EXIF in practice, and asking the others costs a parse.
    if image.format in ("JPEG", "TIFF", "WEBP", "PNG") and image.getexif().get(_ORIENTATION, 1) in range(2, 9):
        notes.append("exif_rotated")
        image = ImageOps.exif_transpose(image)
    return image


def _plain(image: Image.Image, notes: list[str]) -> Image.Image:
    """The same picture in mode L or RGB."""
    if image.mode in ("L", "RGB"):
        return _on_white(image, notes) if "transparency" in image.info else image
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        notes.append("windowed_16bit")
        return _windowed(np.asarray(image))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        return _on_white(image, notes)
    if image.mode == "CMYK":
        notes.append("cmyk_converted")
    return image.convert("L" if image.mode == "1" else "RGB")


def _on_white(image: Image.Image, notes: list[str]) -> Image.Image:
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema()[0] == 255:
        return image.convert("RGB")
    notes.append("alpha_on_white")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")


def _windowed(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Image.Image:
    """Deep grey values on 0..255: the middle 99 percent spread evenly, what lies outside cut off."""
    finite = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = np.percentile(finite, _WINDOW_PERCENT)
    if high <= low:
        low, high = finite.min(), max(finite.max(), finite.min() + 1)
    scaled = (finite - low) * np.float32(255.0 / (high - low)) + np.float32(0.5)
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


# --------------------------------------------------------------------------------------------------------- size


def _size(image: Image.Image, long_side_px: int, min_side_px: int, small: Small, notes: list[str]) -> tuple[int, int]:
    """Width and height in pixels after preparing."""
    width, height = image.size
    if max(width, height) > ASPECT_LIMIT * min(width, height):
        raise InputError(
            "image_too_narrow", f"{width} x {height} px; one side is over {ASPECT_LIMIT:g} times the other"
        )
    size = _scaled(width, height, min(1.0, long_side_px / float(max(width, height))))
    if min(size) >= min_side_px:
        return size
    if small == "reject":
        raise InputError("image_too_small", f"{width} x {height} px; no side may be below {min_side_px} px")
    if small == "keep":
        notes.append("small")
        return size
    notes.append("upscaled")
    return _scaled(width, height, min_side_px / float(min(width, height)))


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, round(width * scale)), max(1, round(height * scale))


def _std(grey: Image.Image) -> float:
    """Standard deviation of the grey values."""
    counts = grey.histogram()
    total = grey.width * grey.height
    mean = sum(value * count for value, count in enumerate(counts)) / total
    return math.sqrt(sum(count * (value - mean) ** 2 for value, count in enumerate(counts)) / total)
