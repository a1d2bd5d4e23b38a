"""Histology- and blood smear-like schemes."""

import numpy as np

from miniature.canvas import (
    Plane,
    Point,
    Rng,
    blank,
    blob,
    clouds,
    ellipse,
    finish,
    paint,
    ring,
    scatter,
    stroke,
)


def _anywhere(x: float, y: float) -> bool:
    return max(abs(x), abs(y)) <= 1


_PINK, _PURPLE = (0.95, 0.72, 0.82), (0.38, 0.2, 0.5)


def histology(rng: Rng, finding: str) -> Plane:
    """Stained section."""
    if finding == "bacilli":
        return _bacilli(rng)
    picture = paint(blank(_PINK), np.clip(clouds(rng, 16), 0, 1), (0.9, 0.6, 0.74))
    draw = {
        "adenocarcinoma": _glands,
        "squamous": _pearls,
        "granuloma": _granuloma,
        "amyloid": _amyloid,
        "steatosis": _fat,
        "crescent": _glomerulus,
        "psammoma": _psammoma,
        "inflammation": _lymphocytes,
    }
    return finish(draw[finding](picture, rng), rng, 0.02)


def _nuclei(picture: Plane, rng: Rng, points: list[Point], r: float = 0.03) -> Plane:
    for x, y in points:
        turn = float(rng.uniform(0, np.pi))
        picture = paint(picture, ellipse(x, y, r, r * 0.75, turn, 0.012), _PURPLE)
    return picture


def _glands(picture: Plane, rng: Rng) -> Plane:
    for x, y in scatter(rng, 9, lambda u, v: abs(u) < 0.85 and abs(v) < 0.85, 0.52):
        rx, ry = float(rng.uniform(0.17, 0.25)), float(rng.uniform(0.15, 0.22))
        picture = paint(
            paint(picture, ellipse(x, y, rx, ry), (0.8, 0.5, 0.72)),
            ellipse(x, y, rx - 0.1, ry - 0.09),
            (0.98, 0.95, 0.97),
        )
        wall = [
            (x + (rx - 0.03) * float(np.cos(t)), y + (ry - 0.03) * float(np.sin(t)))
            for t in np.linspace(0, 6.28, 17)[:-1]
        ]
        picture = _nuclei(picture, rng, wall)
    return picture


def _pearls(picture: Plane, rng: Rng) -> Plane:
    for x, y in ((-0.35, -0.3), (0.4, 0.15), (-0.25, 0.55)):
        for number, r in enumerate((0.3, 0.24, 0.18, 0.12, 0.06)):
            picture = paint(picture, blob(rng, x, y, r, 0.1), (0.95, 0.45, 0.5) if number % 2 else (0.98, 0.7, 0.72))
    return _nuclei(
        picture,
        rng,
        scatter(
            rng,
            70,
            lambda u, v: (
                min(np.hypot(u + 0.35, v + 0.3), np.hypot(u - 0.4, v - 0.15), np.hypot(u + 0.25, v - 0.55)) > 0.34
            ),
            0.08,
        ),
    )


def _granuloma(picture: Plane, rng: Rng) -> Plane:
    picture = paint(picture, blob(rng, 0, 0, 0.55, 0.1), (0.9, 0.62, 0.72))
    picture = _nuclei(picture, rng, scatter(rng, 110, lambda u, v: 0.55 < np.hypot(u, v) < 0.85, 0.06), 0.024)
    giant = ellipse(0.12, -0.08, 0.2, 0.16)
    picture = paint(picture, giant, (0.93, 0.55, 0.66))
    rim = [(0.12 + 0.16 * float(np.cos(t)), -0.08 + 0.12 * float(np.sin(t))) for t in np.linspace(2.2, 6.4, 12)]
    return _nuclei(picture, rng, rim, 0.026)


def _amyloid(picture: Plane, rng: Rng) -> Plane:
    for x, y in scatter(rng, 8, lambda u, v: abs(u) < 0.8 and abs(v) < 0.8, 0.45):
        picture = paint(picture, blob(rng, x, y, 0.22, 0.3), (0.86, 0.42, 0.3))
        picture = paint(picture, ellipse(x, y, 0.07), (0.97, 0.93, 0.93))
    return _nuclei(picture, rng, scatter(rng, 40, _anywhere, 0.15), 0.022)


def _fat(picture: Plane, rng: Rng) -> Plane:
    for x, y in scatter(rng, 45, lambda u, v: abs(u) < 0.95 and abs(v) < 0.95, 0.17):
        picture = paint(picture, ellipse(x, y, float(rng.uniform(0.05, 0.1))), (0.99, 0.97, 0.98))
    return _nuclei(picture, rng, scatter(rng, 45, _anywhere, 0.16))


def _glomerulus(picture: Plane, rng: Rng) -> Plane:
    picture = paint(
        paint(picture, ellipse(0, 0, 0.62), (0.98, 0.9, 0.94)), ring(0, 0, 0.62, 0.62, 0.03), (0.6, 0.25, 0.5)
    )
    picture = paint(picture, blob(rng, 0.12, 0.05, 0.36, 0.25, 9), (0.85, 0.5, 0.7))
    crescent = np.clip(ellipse(0, 0, 0.59) - ellipse(0.17, 0.06, 0.47), 0, 1)
    picture = paint(picture, crescent, (0.7, 0.4, 0.65))
    return _nuclei(picture, rng, scatter(rng, 70, lambda u, v: np.hypot(u, v) < 0.56, 0.08), 0.024)


def _psammoma(picture: Plane, rng: Rng) -> Plane:
    picture = _nuclei(picture, rng, scatter(rng, 70, _anywhere, 0.13))
    for x, y in scatter(rng, 5, lambda u, v: abs(u) < 0.7 and abs(v) < 0.7, 0.5):
        for number, r in enumerate((0.16, 0.12, 0.08, 0.04)):
            picture = paint(picture, ellipse(x, y, r), (0.45, 0.25, 0.55) if number % 2 else (0.7, 0.5, 0.75))
    return picture


def _lymphocytes(picture: Plane, rng: Rng) -> Plane:
    return _nuclei(picture, rng, scatter(rng, 190, lambda u, v: v > -0.45 + 0.1 * np.sin(6 * u), 0.055), 0.024)


def _bacilli(rng: Rng) -> Plane:
    picture = paint(blank((0.72, 0.83, 0.93)), np.clip(clouds(rng, 9), 0, 1), (0.5, 0.66, 0.85))
    for x, y in scatter(rng, 26, _anywhere, 0.12):
        turn = float(rng.uniform(0, np.pi))
        dx, dy = 0.055 * float(np.cos(turn)), 0.055 * float(np.sin(turn))
        picture = paint(picture, stroke([(x - dx, y - dy), (x + 0.01, y), (x + dx, y + dy)], 0.024), (0.82, 0.08, 0.3))
    return finish(picture, rng, 0.02)


def smear(rng: Rng, finding: str) -> Plane:
    """Blood film: red cells with pale centres, and what is odd among them."""
    picture = blank((0.97, 0.93, 0.9))
    for number, (x, y) in enumerate(scatter(rng, 60, _anywhere, 0.21)):
        odd = number % 4 == 0
        if odd and finding == "sickle":
            turn = float(rng.uniform(0, 6.28))
            body = np.clip(
                ellipse(x, y, 0.15, 0.07, turn)
                - ellipse(x - 0.06 * np.sin(turn), y + 0.06 * np.cos(turn), 0.15, 0.06, turn),
                0,
                1,
            )
            picture = paint(picture, body, (0.78, 0.36, 0.38))
            continue
        picture = paint(picture, ellipse(x, y, 0.095), (0.86, 0.5, 0.5))
        picture = paint(picture, ellipse(x, y, 0.04, soft=0.05), (0.96, 0.8, 0.78))
        if odd and finding == "malaria":
            picture = paint(picture, ring(x + 0.02, y, 0.042, 0.042, 0.014), (0.35, 0.25, 0.65))
            picture = paint(picture, ellipse(x + 0.058, y, 0.017), (0.6, 0.1, 0.3))
        elif number % 15 == 0 and finding == "blasts":
            picture = paint(
                paint(picture, ellipse(x, y, 0.19), (0.7, 0.72, 0.92)), blob(rng, x, y, 0.155, 0.1), (0.45, 0.25, 0.62)
            )
    return finish(picture, rng, 0.015)
