"""Whether two pictures show the same: one is laid over the other, and what then agrees is measured.

A hash only proposes. Here an affine map (shift, scale, stretch, slight turn) from one picture to the other is found by
Gauss-Newton steps, and the score is the correlation of their fine structure under it: near 1 for a copy that was
re-encoded, resized, cropped or put into a panel, and lower for two radiographs that merely look alike.

Source: the enhanced correlation coefficient of Evangelidis and Psarakis (2008), forward additive.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

SIDE_PX = 64
"""Side to which both pictures are brought."""

CORE_PX = 48
"""Side of the middle of the first picture that is looked for in the second."""

BLUR_PX = 6
"""Radius of the box blur that is taken off: coarser structure, which unrelated pictures share, is left out."""

SOFT_PX = 1.0
"""Radius of the blur that stays: what is finer does not survive being resized and laid between pixels."""

STARTS = (1.0, 0.93, 1.07)
"""Scales from which the search begins, one after the other until one succeeds."""

STEPS = 12
"""Steps of one search."""

GOOD = 0.98
"""Correlation at which no further search is made."""

PATIENCE, HOPELESS = 2, 0.4
"""Steps after which a search is given up, and the correlation that it must have reached by then."""

LEAST_SHARED = 0.7
"""Share of the first picture's middle that must lie in the second."""

Field = NDArray[np.float64]


class _Grid(NamedTuple):
    """Places of the core's pixels, from the middle of the picture."""

    x: Field
    y: Field


def agreement(one: Image.Image, other: Image.Image) -> float:
    """How well two grey pictures (mode L) agree once laid over each other, -1..1."""
    first, second = structure(one), structure(other)
    best = -1.0
    for scale in STARTS:
        best = max(best, _search(first, second, scale))
        if best >= GOOD:
            break
    return best


def structure(picture: Image.Image) -> Field:
    """A picture at the common size without its coarse structure; shape (SIDE_PX, SIDE_PX)."""
    small = picture.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(SOFT_PX))
    return np.asarray(small, dtype=np.float64) - np.asarray(small.filter(ImageFilter.BoxBlur(BLUR_PX)), np.float64)


def _core() -> _Grid:
    edge = (SIDE_PX - CORE_PX) // 2
    y, x = np.mgrid[edge : edge + CORE_PX, edge : edge + CORE_PX].astype(np.float64)
    middle = (SIDE_PX - 1) / 2
    return _Grid((x - middle).ravel(), (y - middle).ravel())


_GRID = _core()


def _search(first: Field, second: Field, scale: float) -> float:
    """The best correlation on one path of steps."""
    slope_y, slope_x = (np.asarray(slope, dtype=np.float64) for slope in np.gradient(second))
    edge = (SIDE_PX - CORE_PX) // 2
    template = first[edge : edge + CORE_PX, edge : edge + CORE_PX].ravel()
    warp: Field = np.array([scale, 0.0, 0.0, scale, 0.0, 0.0])
    best = -1.0
    for step in range(STEPS):
        x: Field = warp[0] * _GRID.x + warp[1] * _GRID.y + warp[4] + (SIDE_PX - 1) / 2
        y: Field = warp[2] * _GRID.x + warp[3] * _GRID.y + warp[5] + (SIDE_PX - 1) / 2
        shared = (x >= 0) & (x <= SIDE_PX - 1) & (y >= 0) & (y <= SIDE_PX - 1)
        if shared.mean() < LEAST_SHARED:
            break
        inside: tuple[Field, Field] = (x[shared], y[shared])
        seen, spread = _levelled(_sampled(second, *inside))
        wanted, _ = _levelled(template[shared])
        best = max(best, float((seen * wanted).mean()))
        if best >= GOOD or (step == PATIENCE and best < HOPELESS):
            break
        move = _step(_sampled(slope_x, *inside) / spread, _sampled(slope_y, *inside) / spread, shared, wanted - seen)
        warp = warp + move
        if np.abs(move[4:]).max() < 0.02 and np.abs(move[:4]).max() < 0.001:
            break
    return best


def _step(slope_x: Field, slope_y: Field, shared: NDArray[np.bool_], residual: Field) -> Field:
    """The change of the six parameters that best explains the residual."""
    x, y = _GRID.x[shared], _GRID.y[shared]
    slopes = np.stack((slope_x * x, slope_x * y, slope_y * x, slope_y * y, slope_x, slope_y), axis=1)
    move: Field = np.asarray(np.linalg.solve(slopes.T @ slopes + 1e-3 * np.eye(6), slopes.T @ residual), np.float64)
    return move


def _levelled(values: Field) -> tuple[Field, float]:
    """Values at mean 0 and deviation 1, and the deviation they had."""
    values = values - values.mean()
    spread = float(np.sqrt((values * values).mean())) + 1e-3
    return values / spread, spread


def _sampled(picture: Field, x: Field, y: Field) -> Field:
    """Values between pixels, bilinear; all places lie inside."""
    left, top = np.minimum(x.astype(np.intp), SIDE_PX - 2), np.minimum(y.astype(np.intp), SIDE_PX - 2)
    right, down = x - left, y - top
    flat, corner = picture.ravel(), top * SIDE_PX + left
    upper = flat[corner] * (1 - right) + flat[corner + 1] * right
    lower = flat[corner + SIDE_PX] * (1 - right) + flat[corner + SIDE_PX + 1] * right
    values: Field = upper * (1 - down) + lower * down
    return values
