"""Soft shapes on a square of brightness: what the schematic figures of the miniature corpus are drawn with.

Coordinates run from -1 to 1, x to the right and y downwards; a shape is an array of coverage from 0 to 1. Drawing is
numpy only and depends on the generator handed in, so that the same seed gives the same pixels.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SIDE_PX = 384
"""Side of every drawn image."""

Plane = NDArray[np.float64]
"""(side, side) brightness or coverage, or (side, side, 3) colour, 0 to 1."""
Rng = np.random.Generator
Point = tuple[float, float]

_AXIS = (np.arange(SIDE_PX) + 0.5) / SIDE_PX * 2 - 1
X: Plane
Y: Plane
X, Y = np.meshgrid(_AXIS, _AXIS)


def blank(value: float | Sequence[float] = 0.0) -> Plane:
    """An even square, grey or coloured."""
    shape = (SIDE_PX, SIDE_PX) if isinstance(value, (int, float)) else (SIDE_PX, SIDE_PX, 3)
    return np.broadcast_to(np.asarray(value, dtype=float), shape).copy()


def edge(depth: Plane, soft: float = 0.02) -> Plane:
    """Coverage from a signed depth: 0 outside, 1 inside, a ramp of width `soft` between."""
    ramp = np.clip(depth / soft + 0.5, 0, 1)
    covered: Plane = ramp * ramp * (3 - 2 * ramp)
    return covered


def ellipse(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0.0, soft: float = 0.02) -> Plane:
    """An ellipse with centre, radii and a turn in radians."""
    ry = rx if ry is None else ry
    cos, sin = np.cos(turn), np.sin(turn)
    reach = max(rx, ry) * (1 + soft / min(rx, ry))
    rows, columns = _between([y], reach), _between([x], reach)
    right, down = X[rows, columns] - x, Y[rows, columns] - y
    covered = np.zeros_like(X)
    covered[rows, columns] = edge(
        (1 - np.hypot((right * cos + down * sin) / rx, (down * cos - right * sin) / ry)) * min(rx, ry), soft
    )
    return covered


def ring(x: float, y: float, rx: float, ry: float, width: float, turn: float = 0.0, soft: float = 0.02) -> Plane:
    """An ellipse's rim."""
    return np.clip(
        ellipse(x, y, rx, ry, turn, soft) - ellipse(x, y, max(rx - width, 0.005), max(ry - width, 0.005), turn, soft),
        0,
        1,
    )


def blob(rng: Rng, x: float, y: float, r: float, rough: float = 0.2, waves: int = 6, soft: float = 0.02) -> Plane:
    """A round shape with an uneven rim: `rough` is the rim's swing as a share of the radius."""
    reach = r * (1 + rough * waves) + soft
    rows, columns = _between([y], reach), _between([x], reach)
    right, down = X[rows, columns] - x, Y[rows, columns] - y
    angle = np.arctan2(down, right)
    rim = np.ones_like(angle)
    for wave in range(2, waves + 2):
        rim += rough / np.sqrt(wave) * rng.uniform(-1, 1) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    covered = np.zeros_like(X)
    covered[rows, columns] = edge(r * rim - np.hypot(right, down), soft)
    return covered


def stroke(points: Iterable[Point], width: float, soft: float = 0.012) -> Plane:
    """A line through points."""
    path = list(points)
    reach = width / 2 + soft
    rows = _between([y for _, y in path], reach)
    columns = _between([x for x, _ in path], reach)
    across, down = X[rows, columns], Y[rows, columns]
    nearest = np.full_like(across, np.inf)
    for (x0, y0), (x1, y1) in pairwise(path):
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((across - x0) * dx + (down - y0) * dy) / (dx * dx + dy * dy + 1e-12), 0, 1)
        nearest = np.minimum(nearest, np.hypot(across - x0 - along * dx, down - y0 - along * dy))
    covered = np.zeros_like(X)
    covered[rows, columns] = edge(width / 2 - nearest, soft)
    return covered


def _between(places: list[float], reach: float) -> slice:
    """The pixels from the least to the greatest place, and `reach` beyond."""
    low, high = np.searchsorted(_AXIS, (min(places) - reach, max(places) + reach))
    return slice(int(low), int(high))


def curve(function: Callable[[float], Point], start: float, end: float, steps: int = 24) -> list[Point]:
    """Points along a parametric curve."""
    return [function(start + (end - start) * step / steps) for step in range(steps + 1)]


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> list[Point]:
    """Points along an ellipse from one angle to another, in radians."""
    return curve(lambda t: (x + rx * float(np.cos(t)), y + ry * float(np.sin(t))), start, end)


def paint(picture: Plane, cover: Plane, value: float | Sequence[float], strength: float = 1.0) -> Plane:
    """The picture with `value` laid over it where `cover` is."""
    share = cover * strength
    if picture.ndim == 3:
        share = share[..., None]
    return picture * (1 - share) + np.asarray(value, dtype=float) * share


def clouds(rng: Rng, cells: int) -> Plane:
    """Smooth noise from -1 to 1 with about `cells` bumps a side."""
    grid = rng.uniform(-1, 1, (cells + 2, cells + 2))
    place = (np.arange(SIDE_PX) + 0.5) / SIDE_PX * cells
    low = place.astype(int)
    part = place - low
    part = part * part * (3 - 2 * part)
    rows = grid[low] * (1 - part)[:, None] + grid[low + 1] * part[:, None]
    smooth: Plane = rows[:, low] * (1 - part) + rows[:, low + 1] * part
    return smooth


def grain(rng: Rng, amount: float) -> Plane:
    """Noise from pixel to pixel, plus or minus `amount`."""
    noise: Plane = rng.uniform(-amount, amount, (SIDE_PX, SIDE_PX))
    return noise


def finish(picture: Plane, rng: Rng, noise: float = 0.02, uneven: float = 0.02) -> Plane:
    """The picture as a detector would give it: a little uneven, a little noisy, within 0 and 1."""
    veil = uneven * clouds(rng, 5) + grain(rng, noise)
    return np.clip(picture + (veil[..., None] if picture.ndim == 3 else veil), 0, 1)


def scatter(rng: Rng, count: int, inside: Callable[[float, float], bool], apart: float = 0.0) -> list[Point]:
    """Up to `count` random points that lie inside and keep their distance."""
    points: list[Point] = []
    for _ in range(count * 30):
        x, y = float(rng.uniform(-1, 1)), float(rng.uniform(-1, 1))
        if inside(x, y) and all(np.hypot(x - u, y - v) >= apart for u, v in points):
            points.append((x, y))
        if len(points) == count:
            break
    return points


def tint(grey: Plane, dark: Sequence[float], light: Sequence[float]) -> Plane:
    """A grey picture in the colours from `dark` to `light`."""
    low, high = np.asarray(dark, dtype=float), np.asarray(light, dtype=float)
    coloured: Plane = low + (high - low) * grey[..., None]
    return coloured
