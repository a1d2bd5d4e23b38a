"""Electrocardiograms, compound figures, and the plots, diagrams, blots and maps that are to be turned away."""

import numpy as np
from numpy.typing import NDArray

from miniature.canvas import Plane, Rng, X, Y, arc, blank, blob, edge, ellipse, finish, grain, paint, stroke


def _bump(time: NDArray[np.float64], centre: float, width: float, height: float) -> NDArray[np.float64]:
    wave: NDArray[np.float64] = height * np.exp(-(((time - centre) / width) ** 2))
    return wave


def _beat(
    time: NDArray[np.float64], start: float, *, p: bool = True, st: float = 0.0, wide: float = 1.0
) -> NDArray[np.float64]:
    """One heart beat that begins at `start`, in seconds."""
    wave = _bump(time, start + 0.2, 0.012 * wide, 1.0) - _bump(time, start + 0.23, 0.012 * wide, 0.25)
    wave += _bump(time, start + 0.42, 0.05, 0.25 + st * 0.6) + st * edge(0.09 - np.abs(time - start - 0.32), 0.03)
    return wave + _bump(time, start + 0.05, 0.025, 0.13) if p else wave


def _rhythm(rng: Rng, finding: str, time: NDArray[np.float64]) -> NDArray[np.float64]:
    wave = np.zeros_like(time)
    if finding == "atrial fibrillation":
        at = 0.0
        while at < 4:
            wave += _beat(time, at, p=False)
            at += float(rng.uniform(0.38, 0.95))
        return wave + 0.05 * np.sin(time * 43) + 0.03 * np.sin(time * 61 + 1)
    if finding == "ventricular tachycardia":
        tachycardia: NDArray[np.float64] = 0.6 * np.sin(time * 2 * np.pi * 2.8) + 0.2 * np.sin(
            time * 4 * np.pi * 2.8 + 0.8
        )
        return tachycardia
    if finding == "complete heart block":
        for beat in range(4):
            wave += _beat(time, 0.1 + 1.3 * beat, p=False, wide=1.8)
        for atrial in range(7):
            wave += _bump(time, 0.05 + 0.62 * atrial, 0.03, 0.17)
        return wave
    for beat in range(6):
        wave += _beat(time, 0.75 * beat, st=0.45 if finding == "st elevation" else 0.0)
    return wave


def ecg(rng: Rng, finding: str) -> Plane:
    """Three leads on pink paper."""
    lines = np.minimum(np.abs((X * 12) % 1 - 0.5), np.abs((Y * 12) % 1 - 0.5))
    picture = paint(blank((1.0, 0.95, 0.94)), edge(0.06 - lines, 0.05), (0.96, 0.75, 0.75))
    time = np.linspace(0, 4, 420)
    for row, gain in ((-0.6, 0.3), (0.05, 0.36), (0.7, 0.26)):
        wave = _rhythm(rng, finding, time)
        # A trace is a thick graph: distance in y, measured against the steepness at that x.
        places = np.interp(X[0], np.linspace(-0.96, 0.96, 420), row - gain * wave)
        low, high = np.minimum(places, np.roll(places, 1)), np.maximum(places, np.roll(places, 1))
        reach = np.maximum(np.maximum(low[None, :] - Y, Y - high[None, :]), 0)
        picture = paint(picture, edge(0.012 - reach, 0.01) * edge(0.95 - np.abs(X), 0.01), (0.08, 0.08, 0.15))
    return finish(picture, rng, 0.01, 0.01)


_LETTERS: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(-1, 1), (0, -1), (1, 1)], [(-0.5, 0.3), (0.5, 0.3)]],
    "B": [[(-0.8, 1), (-0.8, -1), (0.5, -0.8), (0.5, -0.2), (-0.8, 0), (0.8, 0.3), (0.8, 0.8), (-0.8, 1)]],
    "C": [[(0.9, -0.7), (0, -1), (-0.9, -0.4), (-0.9, 0.4), (0, 1), (0.9, 0.7)]],
    "D": [[(-0.8, 1), (-0.8, -1), (0.3, -0.8), (0.9, 0), (0.3, 0.8), (-0.8, 1)]],
}


def montage(pictures: list[Plane]) -> Plane:
    """Two pictures side by side, or four in a square, each with its letter."""
    marked = [_lettered(picture, letter) for picture, letter in zip(pictures, _LETTERS)]
    if len(marked) == 4:
        marked = [picture[::2, ::2] for picture in marked]
    rows = [np.concatenate(marked[n : n + 2], axis=1) for n in range(0, len(marked), 2)]
    whole: Plane = np.concatenate(rows, axis=0)
    return whole


def _lettered(picture: Plane, letter: str) -> Plane:
    picture = paint(picture, edge(np.minimum(0.11 - np.abs(X + 0.86), 0.12 - np.abs(Y + 0.85)), 0.01), 0.0)
    for path in _LETTERS[letter]:
        picture = paint(picture, stroke([(-0.86 + 0.06 * x, -0.85 + 0.07 * y) for x, y in path], 0.025), 1.0)
    return picture


# ------------------------------------------------------------------------------------------- to be turned away


def chart(rng: Rng, finding: str) -> Plane:
    """A survival curve, bars, a flow chart, a blot or a map."""
    draw = {"survival": _survival, "bars": _bars, "flow": _flow, "blot": _blot, "map": _map}
    return draw[finding](rng)


def _axes() -> Plane:
    return paint(blank((1.0, 1.0, 1.0)), stroke([(-0.8, -0.85), (-0.8, 0.8), (0.85, 0.8)], 0.015), (0, 0, 0))


def _survival(rng: Rng) -> Plane:
    picture = _axes()
    for colour, fall in (((0.1, 0.3, 0.8), 0.05), ((0.85, 0.3, 0.1), 0.13)):
        x, y = -0.8, -0.75
        path = [(x, y)]
        while x < 0.75:
            x += 0.12
            path.append((x, y))
            y = min(y + fall * float(rng.uniform(0.3, 1.5)), 0.75)
            path.append((x, y))
        picture = paint(picture, stroke(path, 0.02), colour)
    return np.clip(picture, 0, 1)


def _bars(rng: Rng) -> Plane:
    picture = _axes()
    for number in range(5):
        x, height = -0.6 + 0.3 * number, float(rng.uniform(0.3, 1.4))
        bar = edge(np.minimum(0.09 - np.abs(X - x), np.minimum(Y - 0.8 + height, 0.8 - Y)), 0.01)
        picture = paint(picture, bar, (0.2, 0.45, 0.7))
        picture = paint(picture, stroke([(x, 0.72 - height), (x, 0.88 - height)], 0.012), (0, 0, 0))
    return np.clip(picture, 0, 1)


def _flow(rng: Rng) -> Plane:
    picture = blank((1.0, 1.0, 1.0))
    boxes = [(0.0, -0.75), (-0.45, -0.1), (0.45, -0.1), (-0.45, 0.6), (0.45, 0.6)]
    for start, end in ((0, 1), (0, 2), (1, 3), (2, 4)):
        picture = paint(picture, stroke([boxes[start], boxes[end]], 0.015), (0.2, 0.2, 0.2))
    for x, y in boxes:
        frame = np.minimum(0.3 - np.abs(X - x), 0.15 - np.abs(Y - y))
        picture = paint(paint(picture, edge(frame, 0.01), (0.2, 0.2, 0.2)), edge(frame - 0.015, 0.01), (0.9, 0.94, 1.0))
        for line in (-0.05, 0.05):
            reach = float(rng.uniform(0.1, 0.22))
            picture = paint(picture, stroke([(x - reach, y + line), (x + reach, y + line)], 0.02), (0.4, 0.4, 0.45))
    return np.clip(picture, 0, 1)


def _blot(rng: Rng) -> Plane:
    picture = blank(0.88)
    for row in (-0.4, 0.4):
        for lane in range(6):
            band = ellipse(-0.7 + 0.28 * lane, row, 0.11, 0.05, soft=0.04)
            picture = paint(picture, band, 0.1, float(rng.uniform(0.2, 1.0)) if row < 0 else 0.9)
    return np.clip(picture + grain(rng, 0.02), 0, 1)


def _map(rng: Rng) -> Plane:
    picture = paint(blank((0.75, 0.87, 0.95)), blob(rng, 0, 0, 0.68, 0.4, 9), (0.85, 0.88, 0.72))
    picture = paint(picture, stroke(arc(0, 0.9, 0.6, 0.9, 3.4, 5.6), 0.02), (0.4, 0.6, 0.85))
    for x, y in ((-0.2, -0.2), (0.15, 0.1), (0.3, -0.3), (-0.3, 0.3)):
        picture = paint(picture, ellipse(x, y, 0.045), (0.8, 0.1, 0.1))
    return np.clip(picture, 0, 1)
