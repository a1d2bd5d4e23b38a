"""Parts of an image under which it may stand in another one: whole, without its border, cropped, and each panel.

All parts are cut from one small grey copy, so that a photo of any size costs the same. A panel is found by cutting a
figure along lines of one colour, again and again; figures whose panels touch are cut into halves and quarters too.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE_PX = 256
"""Long side of the grey copy."""

GUTTER_RANGE = 14
"""Grey values (0..255) that a line of one colour may span, its outermost pixels apart."""

MIN_PANEL = 0.12
"""Sides of a panel, as shares of the figure's, below which it is no panel."""

MAX_PANELS = 16
"""Panels of one figure that are looked at, the largest first."""

MOST_IN_STRIP = 5
"""Cells of a strip."""

DEPTH = 4
"""Cuts into cuts."""

FLAT_STD = 3.0
"""Standard deviation of grey values below which a part shows nothing that could be recognised."""

CROPS = (0.9, 0.8)
"""Sides of the crops, as shares of the image's."""

Grey = NDArray[np.uint8]


class Box(NamedTuple):
    """A part of an image: left, top, right and bottom as shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


class Part(NamedTuple):
    """A part of an image, and what kind of part."""

    kind: str
    """"whole", "trimmed", "crop", "panel" or "cell"."""
    box: Box
    """Where it lies."""


WHOLE = Part("whole", Box(0.0, 0.0, 1.0, 1.0))


def small(image: Image.Image) -> Image.Image:
    """The grey copy of an image (mode L or RGB) that everything is cut from; never enlarged."""
    scale = min(1.0, SIDE_PX / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # A box reduction first: LANCZOS over a large photo costs ten times as much and changes nothing that is hashed.
    factor = max(1, int(min(image.width / size[0], image.height / size[1]) / 2))
    return image.convert("L").reduce(factor).resize(size, Image.Resampling.LANCZOS)


def cut(grey: Image.Image, box: Box) -> Image.Image:
    """That part of a picture, at least one pixel large."""
    left, top = int(box.left * grey.width), int(box.top * grey.height)
    right = max(left + 1, round(box.right * grey.width))
    bottom = max(top + 1, round(box.bottom * grey.height))
    return grey.crop((left, top, right, bottom))


def parts(grey: Image.Image) -> list[Part]:
    """The parts of an image, the whole first, each place once."""
    pixels = np.asarray(grey)
    frame = trimmed(pixels, Box(0.0, 0.0, 1.0, 1.0))
    framed = ((frame.right - frame.left) * grey.width, (frame.bottom - frame.top) * grey.height)
    found = [WHOLE, Part("trimmed", frame)]
    found += [Part("crop", inside(frame, crop)) for crop in crops()]
    found += [Part("panel", box) for box in panels(pixels)]
    found += [Part("cell", inside(frame, box)) for box in cells(*framed)]
    unique = {tuple(round(edge, 2) for edge in part.box): part for part in reversed(found)}
    kept = [part for part in found if unique.get(tuple(round(edge, 2) for edge in part.box)) is part]
    return [part for part in kept if not is_flat(cut(grey, part.box))] or [WHOLE]


def is_flat(grey: Image.Image) -> bool:
    """True for a part that shows nothing: any two of those would be the same picture."""
    return float(np.asarray(grey).std()) < FLAT_STD


def crops() -> Iterator[Box]:
    """Crops at three places along each side, and the tighter one in the middle."""
    wide, tight = CROPS
    steps = (0.0, (1 - wide) / 2, 1 - wide)
    for top in steps:
        for left in steps:
            yield Box(left, top, left + wide, top + wide)
    margin = (1 - tight) / 2
    yield Box(margin, margin, 1 - margin, 1 - margin)


def cells(width: float, height: float) -> Iterator[Box]:
    """Halves and quarters of a picture of that shape; of a long strip also thirds, and so on, along it."""
    halves = ((0.0, 1.0), (0.0, 0.5), (0.5, 1.0))
    for top, bottom in halves:
        for left, right in halves:
            if (bottom - top) * (right - left) < 1:
                yield Box(left, top, right, bottom)
    count = min(MOST_IN_STRIP, round(max(width, height) / min(width, height)))
    for place in range(count if count > 2 else 0):
        start, stop = place / count, (place + 1) / count
        yield Box(start, 0.0, stop, 1.0) if width > height else Box(0.0, start, 1.0, stop)


def inside(frame: Box, box: Box) -> Box:
    """`box`, given as shares of `frame`, as shares of the whole."""
    width, height = frame.right - frame.left, frame.bottom - frame.top
    return Box(
        frame.left + box.left * width,
        frame.top + box.top * height,
        frame.left + box.right * width,
        frame.top + box.bottom * height,
    )


def trimmed(pixels: Grey, box: Box) -> Box:
    """`box` without lines of one colour at its edges; as it is where nothing would remain."""
    rows, columns = _span(pixels, box)
    part = pixels[rows, columns]
    used_rows, used_columns = np.flatnonzero(~_plain(part, 1)), np.flatnonzero(~_plain(part, 0))
    if not len(used_rows) or not len(used_columns):
        return box
    height, width = pixels.shape
    return Box(
        (columns.start + used_columns[0]) / width,
        (rows.start + used_rows[0]) / height,
        (columns.start + used_columns[-1] + 1) / width,
        (rows.start + used_rows[-1] + 1) / height,
    )


def panels(pixels: Grey) -> list[Box]:
    """The panels of a compound figure and the groups that they form, the largest first; none for a single image."""
    found = list(_cuts(pixels, trimmed(pixels, Box(0.0, 0.0, 1.0, 1.0)), DEPTH))
    return sorted(found, key=lambda box: ((box.left - box.right) * (box.bottom - box.top), box))[:MAX_PANELS]


def _cuts(pixels: Grey, box: Box, depth: int) -> Iterator[Box]:
    rows, columns = _span(pixels, box)
    part = pixels[rows, columns]
    for axis in (0, 1):
        pieces = _pieces(_plain(part, 1 - axis))
        if len(pieces) < 2:
            continue
        for start, stop in pieces:
            share = (start / part.shape[axis], stop / part.shape[axis])
            piece = Box(0.0, share[0], 1.0, share[1]) if axis == 0 else Box(share[0], 0.0, share[1], 1.0)
            below = trimmed(pixels, inside(box, piece))
            if min(below.right - below.left, below.bottom - below.top) < MIN_PANEL:
                continue
            yield below
            if depth > 1:
                yield from _cuts(pixels, below, depth - 1)
        return


def _plain(part: Grey, axis: int) -> NDArray[np.bool_]:
    """Which lines along `axis` are of one colour."""
    ordered = np.sort(part, axis=axis)
    edge = part.shape[axis] // 50
    low, high = ordered.take(edge, axis=axis), ordered.take(part.shape[axis] - 1 - edge, axis=axis)
    plain: NDArray[np.bool_] = (high.astype(np.int16) - low) <= GUTTER_RANGE
    return plain


def _pieces(plain: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of lines that are not plain, as starts and stops."""
    steps = np.flatnonzero(np.diff(np.concatenate(([True], plain, [True])).astype(np.int8)))
    return list(zip(steps[::2].tolist(), steps[1::2].tolist()))


def _span(pixels: Grey, box: Box) -> tuple[slice, slice]:
    height, width = pixels.shape
    top, left = round(box.top * height), round(box.left * width)
    bottom, right = round(box.bottom * height), round(box.right * width)
    return slice(top, max(top + 1, bottom)), slice(left, max(left + 1, right))
