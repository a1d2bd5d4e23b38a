"""Resizing and filtering of 8-bit pixels: in C where that was built, else in Pillow and NumPy, to the same bytes.

`_resample.c` is compiled at installation where GCC is at hand; nothing fails where it is not.
"""

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_TRIAL_SIZES = ((61, 47, 24, 18), (33, 50, 47, 71), (90, 40, 80, 39))
"""Width and height before and after, of what the C code is tried on before it is trusted."""


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture (mode L or RGB) at another size: Pillow's LANCZOS, pixel for pixel."""
    library = _library()
    # From version 13 on, Pillow goes down before across for these; and one pass alone is left to it.
    tall = image.height - size[1] > max(0, 2 * (image.width - size[0]))
    if library is None or tall or size[0] == image.width or size[1] == image.height:
        return image.resize(size, Image.Resampling.LANCZOS)
    return Image.fromarray(_resampled(library, np.asarray(image), size))


def paeth(pixels: NDArray[np.uint8]) -> bytes:
    """Rows of a PNG, each with the Paeth filter: pixels have shape (height, width, channels)."""
    height, width, channels = pixels.shape
    filtered = np.empty((height, 1 + width * channels), np.uint8)
    library = _library()
    if library is None:
        filtered[:, 0] = 4
        filtered[:, 1:] = _paeth(pixels)
    else:
        library.paeth(_start(np.ascontiguousarray(pixels)), height, width * channels, channels, _start(filtered))
    return filtered.tobytes()


def _paeth(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each byte less the one of its left, upper and upper left neighbours that is nearest to left + upper - corner."""
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, width * channels)
    left, up, corner = np.zeros((3, height, width * channels), np.int16)
    left[:, channels:] = rows[:, :-channels]
    up[1:] = rows[:-1]
    corner[1:, channels:] = rows[:-1, :-channels]
    by_left, by_up, by_corner = np.abs(up - corner), np.abs(left - corner), np.abs(left + up - 2 * corner)
    second = np.where(by_up <= by_corner, up, corner)
    best = np.where((by_left <= by_up) & (by_left <= by_corner), left, second)
    less: NDArray[np.uint8] = rows - best.astype(np.uint8)
    return less


@cache
def _library() -> ctypes.CDLL | None:
    """The compiled code, where it was built, runs on this machine and gives Pillow's very pixels."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_resample{suffix}")
        if path.is_file():
            try:
                library = ctypes.CDLL(str(path))
            except OSError:
                continue
            if library.usable() and _agrees(library):
                return library
    return None


def _agrees(library: ctypes.CDLL) -> bool:
    """Whether trial pictures come out as from Pillow: another version of it may reckon otherwise."""
    for width, height, new_width, new_height in _TRIAL_SIZES:
        values = np.arange(width * height * 3, dtype=np.uint32) * 2654435761 >> 24
        pixels = values.astype(np.uint8).reshape(height, width, 3)
        known = Image.fromarray(pixels).resize((new_width, new_height), Image.Resampling.LANCZOS)
        if not np.array_equal(_resampled(library, pixels, (new_width, new_height)), np.asarray(known)):
            return False
    return True


def _resampled(library: ctypes.CDLL, pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width, *channels = pixels.shape
    result = np.empty((size[1], size[0], *channels), np.uint8)
    source = np.ascontiguousarray(pixels)
    if not library.resample(_start(source), width, height, *(channels or [1]), _start(result), *size):
        raise MemoryError(f"no memory to resize {width} x {height} px")
    return result


def _start(array: NDArray[np.uint8]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
