"""Fundus-, OCT-, dermoscopy-, photograph- and endoscopy-like schemes."""

import numpy as np

from miniature.canvas import (
    Plane,
    Point,
    Rng,
    X,
    Y,
    arc,
    blank,
    blob,
    clouds,
    edge,
    ellipse,
    finish,
    grain,
    paint,
    ring,
    scatter,
    stroke,
    tint,
)

# ------------------------------------------------------------------------------------------- the eye


def fundus(rng: Rng, finding: str) -> Plane:
    """Round colour photograph of the fundus: disc, vessels, macula."""
    picture = paint(blank((0.02, 0.01, 0.01)), ellipse(0, 0, 0.94, soft=0.03), (0.72, 0.3, 0.12))
    picture = paint(picture, ellipse(-0.15, 0.02, 0.16, soft=0.2), (0.5, 0.17, 0.07))
    for side in (-1, 1):
        for reach, width in ((0.85, 0.035), (0.6, 0.024), (0.45, 0.018)):
            path = arc(0.42 - reach, side * 0.02, reach, side * reach * 0.75, 0.0, np.pi * 0.7)
            picture = paint(picture, stroke(path, width) * ellipse(0, 0, 0.93), (0.5, 0.06, 0.05))
        picture = paint(picture, stroke([(0.45, 0), (0.7, side * 0.5)], 0.022), (0.5, 0.06, 0.05))
    blurred = 0.14 if finding == "papilledema" else 0.02
    picture = paint(picture, ellipse(0.45, 0, 0.17, 0.2, soft=blurred), (0.95, 0.72, 0.45))
    cup = 0.15 if finding == "cupping" else 0.0 if finding == "papilledema" else 0.06
    if cup:
        picture = paint(picture, ellipse(0.45, 0, cup * 0.85, cup), (1.0, 0.93, 0.75))
    return finish(_fundus_finding(picture, rng, finding), rng, 0.015, 0.015)


def _off_disc(x: float, y: float) -> bool:
    return bool(np.hypot(x, y) < 0.75 and np.hypot(x - 0.45, y) > 0.3)


def _near_fovea(x: float, y: float) -> bool:
    return bool(np.hypot(x + 0.15, y) < 0.3)


def _fundus_finding(picture: Plane, rng: Rng, finding: str) -> Plane:
    if finding == "diabetic":
        for x, y in scatter(rng, 26, _off_disc, 0.06):
            picture = paint(picture, blob(rng, x, y, 0.018 + 0.02 * float(rng.random()), 0.3), (0.35, 0.02, 0.02))
        for x, y in scatter(rng, 14, _near_fovea, 0.04):
            picture = paint(picture, blob(rng, x, y, 0.02, 0.3), (0.98, 0.88, 0.4))
    elif finding == "drusen":
        for x, y in scatter(rng, 40, _near_fovea, 0.03):
            picture = paint(picture, ellipse(x, y, 0.022, soft=0.02), (0.95, 0.8, 0.4))
    elif finding == "papilledema":
        for turn in np.linspace(0, 2 * np.pi, 14, endpoint=False):
            cos, sin = float(np.cos(turn)), float(np.sin(turn))
            streak = stroke([(0.45 + 0.2 * cos, 0.22 * sin), (0.45 + 0.3 * cos, 0.33 * sin)], 0.02)
            picture = paint(picture, streak, (0.45, 0.03, 0.03), 0.8)
    elif finding == "detachment":
        fold = blob(rng, -0.35, -0.45, 0.42, 0.15, soft=0.06) * ellipse(0, 0, 0.93)
        picture = paint(picture, fold, (0.62, 0.55, 0.5), 0.85)
        for step in range(5):
            wave = arc(-0.35, -0.75 + 0.16 * step, 0.35, 0.06, np.pi, 2 * np.pi)
            picture = paint(picture, stroke(wave, 0.015) * fold, (0.4, 0.3, 0.28))
    return picture


def oct_scan(rng: Rng, finding: str) -> Plane:
    """Cross-section of the macula: bright layers over a darker choroid."""
    dip = 0.16 * np.exp(-((X / 0.28) ** 2))
    lift = 0.0 * X
    if finding == "edema":
        dip = -0.14 * np.exp(-((X / 0.45) ** 2))
    elif finding in ("subretinal fluid", "pigment epithelium detachment"):
        lift = 0.2 * np.exp(-((X / 0.4) ** 4))
    floor = 0.3 + 0.03 * X * X
    top = -0.18 + dip - lift
    bottom = floor - lift
    share = (Y - top) / (bottom - top)
    layers = 0.45 + 0.25 * np.cos(share * 21)
    picture = blank(0.05) + edge(share, 0.03) * edge(1 - share, 0.03) * layers
    base = floor - (lift if finding == "pigment epithelium detachment" else 0)
    picture = paint(picture, edge(0.03 - np.abs(Y - base), 0.015), 0.95)
    picture = paint(picture, edge(Y - floor - 0.04, 0.02) * edge(0.75 - Y, 0.3), 0.38)
    if finding == "macular hole":
        gap = edge(0.13 - np.abs(X) + 0.1 * np.abs(Y), 0.02) * edge(floor - 0.035 - Y, 0.02) * edge(Y + 0.4, 0.05)
        picture = paint(picture, gap, 0.05)
    elif finding == "edema":
        for x, y in scatter(rng, 9, lambda u, v: abs(u) < 0.36 and -0.14 < v < 0.14, 0.13):
            picture = paint(picture, ellipse(x, y, 0.055, 0.075), 0.04)
    elif finding == "membrane":
        wavy = [
            (x / 12, -0.2 + 0.13 * float(np.exp(-((x / 12 / 0.28) ** 2))) * 0.3 + 0.02 * (x % 2))
            for x in range(-12, 13)
        ]
        picture = paint(picture, stroke(wavy, 0.03), 1.0)
    return np.clip(picture * (0.85 + 0.3 * clouds(rng, 50)) + grain(rng, 0.05), 0, 1)


def eye_photo(rng: Rng, finding: str) -> Plane:
    """External photograph of an eye: lids, white, iris, and a clouded lens or a fleshy wedge."""
    picture = blank((0.85, 0.63, 0.52))
    white = ellipse(0, 0.35, 0.95, 0.85) * ellipse(0, -0.35, 0.95, 0.85)
    picture = paint(picture, white, (0.93, 0.9, 0.88))
    picture = paint(picture, ellipse(0, 0, 0.42) * white, (0.32, 0.22, 0.12))
    picture = paint(
        picture, ellipse(0, 0, 0.17) * white, (0.82, 0.82, 0.8) if finding == "cataract" else (0.02, 0.02, 0.02)
    )
    picture = paint(picture, ellipse(0.1, -0.12, 0.04), (1, 1, 1))
    if finding == "pterygium":
        wedge = edge(0.3 * (X - 0.2) - np.abs(Y - 0.02), 0.02) * white
        picture = paint(picture, wedge, (0.85, 0.45, 0.42))
        for y in (-0.12, -0.04, 0.05, 0.13):
            picture = paint(picture, stroke([(0.9, y * 1.5), (0.3, y * 0.4)], 0.012) * white, (0.7, 0.1, 0.1))
    return finish(picture, rng, 0.015)


# ------------------------------------------------------------------------------------------- skin and mouth


def dermoscopy(rng: Rng, finding: str) -> Plane:
    """Magnified skin with a lesion in the middle."""
    picture = paint(blank((0.86, 0.66, 0.58)), clouds(rng, 12) * 0.5 + 0.5, (0.8, 0.58, 0.5), 0.5)
    draw = {
        "melanoma": _melanoma,
        "nevus": _nevus,
        "keratosis": _keratosis,
        "carcinoma": _carcinoma,
        "angioma": _angioma,
    }
    return finish(draw[finding](picture, rng), rng, 0.02)


def _melanoma(picture: Plane, rng: Rng) -> Plane:
    whole = blob(rng, 0, 0, 0.55, 0.45, 9)
    picture = paint(picture, whole, (0.35, 0.2, 0.13))
    for colour, x, y, r in (
        ((0.08, 0.06, 0.07), 0.18, -0.1, 0.22),
        ((0.45, 0.5, 0.6), -0.15, 0.1, 0.2),
        ((0.62, 0.3, 0.25), -0.05, -0.28, 0.14),
    ):
        picture = paint(picture, blob(rng, x, y, r, 0.4, soft=0.06) * whole, colour)
    for x, y in scatter(rng, 16, lambda u, v: 0.38 < np.hypot(u, v) < 0.56, 0.07):
        picture = paint(picture, ellipse(x, y, 0.025), (0.07, 0.05, 0.05))
    return picture


def _nevus(picture: Plane, rng: Rng) -> Plane:
    whole = blob(rng, 0, 0, 0.48, 0.06, soft=0.08)
    net = edge(np.abs(np.sin(26 * X + 2 * clouds(rng, 6))) * np.abs(np.sin(26 * Y + 2 * clouds(rng, 6))) - 0.35, 0.2)
    picture = paint(picture, whole, (0.42, 0.25, 0.16))
    return paint(picture, whole * net, (0.62, 0.42, 0.3))


def _keratosis(picture: Plane, rng: Rng) -> Plane:
    whole = blob(rng, 0, 0, 0.55, 0.12)
    picture = paint(picture, whole, (0.55, 0.4, 0.27))
    for x, y in scatter(rng, 24, lambda u, v: np.hypot(u, v) < 0.48, 0.12):
        bright = rng.random() < 0.5
        picture = paint(picture, ellipse(x, y, 0.028), (0.97, 0.93, 0.8) if bright else (0.2, 0.12, 0.07))
    return picture


def _carcinoma(picture: Plane, rng: Rng) -> Plane:
    whole = blob(rng, 0, 0, 0.5, 0.15, soft=0.06)
    picture = paint(picture, whole, (0.9, 0.6, 0.58))
    for x, y in scatter(rng, 7, lambda u, v: np.hypot(u, v) < 0.36, 0.2):
        picture = paint(picture, blob(rng, x, y, 0.075, 0.2), (0.38, 0.4, 0.5))
    for turn in (0.4, 1.6, 2.9, 4.2, 5.3):
        cos, sin = float(np.cos(turn)), float(np.sin(turn))
        path: list[Point] = [
            (0.5 * cos, 0.5 * sin),
            (0.3 * cos - 0.08 * sin, 0.3 * sin + 0.08 * cos),
            (0.12 * cos, 0.12 * sin),
        ]
        picture = paint(picture, stroke(path, 0.018), (0.75, 0.12, 0.15))
    return picture


def _angioma(picture: Plane, rng: Rng) -> Plane:
    for x, y in scatter(rng, 22, lambda u, v: np.hypot(u, v) < 0.4, 0.13):
        picture = paint(picture, ellipse(x, y, 0.075, 0.065), (0.7, 0.06, 0.12))
    return picture


def skin_photo(rng: Rng, finding: str) -> Plane:
    """Clinical photograph of the skin."""
    tone = (0.52, 0.35, 0.26) if finding == "vitiligo" else (0.86, 0.66, 0.55)
    picture = paint(blank((0.25, 0.42, 0.5)), edge(0.72 - np.abs(X + 0.12 * Y), 0.03), tone)
    if finding == "psoriasis":
        for x, y, r in ((-0.15, -0.35, 0.3), (0.2, 0.3, 0.26), (-0.3, 0.6, 0.15)):
            plaque = blob(rng, x, y, r, 0.2)
            picture = paint(picture, plaque, (0.75, 0.25, 0.22))
            picture = paint(picture, plaque * edge(clouds(rng, 22) - 0.1, 0.1), (0.95, 0.92, 0.9))
    elif finding == "vitiligo":
        for x, y, r in ((-0.2, -0.4, 0.28), (0.25, 0.05, 0.22), (-0.15, 0.5, 0.25), (0.35, 0.7, 0.12)):
            picture = paint(picture, blob(rng, x, y, r, 0.3), (0.95, 0.84, 0.78))
    elif finding == "erythema migrans":
        picture = paint(picture, ellipse(0, 0, 0.55, 0.5, soft=0.1), (0.85, 0.38, 0.33))
        picture = paint(picture, ellipse(0, 0, 0.38, 0.34, soft=0.12), (0.86, 0.6, 0.5))
        picture = paint(picture, ellipse(0, 0, 0.1, soft=0.08), (0.78, 0.28, 0.25))
    elif finding == "zoster":
        picture = paint(
            picture, edge(0.25 - np.abs(Y - 0.3 * X), 0.12) * edge(0.68 - np.abs(X), 0.05), (0.84, 0.4, 0.36)
        )
        for x, y in scatter(rng, 26, lambda u, v: abs(v - 0.3 * u) < 0.18 and abs(u) < 0.6, 0.08):
            picture = paint(picture, ellipse(x, y, 0.04), (0.95, 0.85, 0.7))
    return finish(picture, rng, 0.02)


def mouth_photo(rng: Rng, finding: str) -> Plane:
    """Intraoral photograph of the tongue between teeth."""
    picture = paint(blank((0.4, 0.1, 0.1)), ellipse(0, 0.25, 0.72, 0.75), (0.82, 0.45, 0.45))
    for tooth in range(7):
        picture = paint(picture, ellipse(-0.66 + 0.22 * tooth, -0.82, 0.105, 0.2), (0.95, 0.93, 0.85))
    picture = paint(picture, stroke([(0, -0.3), (0, 0.85)], 0.02), (0.7, 0.33, 0.34))
    if finding == "leukoplakia":
        picture = paint(picture, blob(rng, -0.3, 0.25, 0.26, 0.35), (0.96, 0.93, 0.92))
    elif finding == "ulcer":
        picture = paint(picture, ellipse(0.3, 0.2, 0.2, 0.15), (0.78, 0.12, 0.14))
        picture = paint(picture, ellipse(0.3, 0.2, 0.14, 0.1), (0.95, 0.88, 0.65))
    elif finding == "geographic":
        for x, y, r in ((-0.3, 0.0, 0.2), (0.25, 0.25, 0.22), (-0.15, 0.55, 0.18)):
            picture = paint(picture, blob(rng, x, y, r + 0.03, 0.3), (0.97, 0.9, 0.86))
            picture = paint(picture, blob(rng, x, y, r, 0.3), (0.85, 0.25, 0.27))
    return finish(picture, rng, 0.015)


# ------------------------------------------------------------------------------------------- the endoscope


def endoscopy(rng: Rng, finding: str) -> Plane:
    """View down a tube of mucosa, with black corners."""
    depth = np.hypot(X, Y)
    picture = tint(
        np.clip(0.3 + 0.6 * depth + 0.08 * np.cos(depth * 16 + clouds(rng, 5) * 3), 0, 1),
        (0.25, 0.05, 0.05),
        (0.95, 0.6, 0.5),
    )
    if finding == "polyp":
        picture = paint(picture, ellipse(0.3, 0.28, 0.26, 0.24), (0.85, 0.32, 0.3))
        picture = paint(picture, ellipse(0.22, 0.2, 0.06, 0.04, soft=0.04), (1.0, 0.9, 0.88))
        picture = paint(picture, ring(0.3, 0.28, 0.27, 0.25, 0.03), (0.5, 0.12, 0.12), 0.7)
    elif finding == "ulcer":
        picture = paint(picture, blob(rng, -0.25, 0.3, 0.3, 0.15), (0.8, 0.22, 0.2))
        picture = paint(picture, blob(rng, -0.25, 0.3, 0.21, 0.15), (0.97, 0.93, 0.78))
    elif finding == "varices":
        for turn in (0.5, 1.7, 3.0, 4.3, 5.5):
            path = [
                (r * float(np.cos(turn + 0.25 * np.sin(9 * r))), r * float(np.sin(turn + 0.25 * np.sin(9 * r))))
                for r in np.linspace(0.25, 0.95, 14)
            ]
            picture = paint(
                paint(picture, stroke(path, 0.16, 0.05), (0.45, 0.35, 0.55)),
                stroke(path, 0.05, 0.05),
                (0.65, 0.55, 0.7),
            )
    elif finding == "vocal polyp":
        picture = paint(
            blank((0.75, 0.35, 0.33)),
            edge(0.38 * (Y + 0.75) - np.abs(X), 0.02) * edge(0.75 - Y, 0.02),
            (0.05, 0.02, 0.02),
        )
        for side in (-1, 1):
            picture = paint(picture, stroke([(side * 0.04, -0.72), (side * 0.62, 0.72)], 0.15), (0.95, 0.9, 0.87))
        picture = paint(picture, ellipse(0.2, -0.05, 0.13, 0.12), (0.85, 0.3, 0.3))
    elif finding == "colitis":
        for x, y in scatter(rng, 26, lambda u, v: 0.3 < np.hypot(u, v) < 0.9, 0.15):
            picture = paint(picture, blob(rng, x, y, 0.07, 0.4), (0.97, 0.92, 0.65))
    return finish(paint(picture, 1 - ellipse(0, 0, 0.97, soft=0.03), (0, 0, 0)), rng, 0.015)
