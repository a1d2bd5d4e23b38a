"""Radiograph-, CT-, MR-, ultrasound- and scintigram-like schemes, each with its finding drawn where it would stand."""

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
)

# ------------------------------------------------------------------------------------------- radiographs


def chest_radiograph(rng: Rng, finding: str) -> Plane:
    """Frontal chest radiograph; the patient's right is on the left."""
    picture = paint(blank(0.06), ellipse(0, 0.25, 0.93, 1.15, soft=0.1), 0.55)
    fields = ((-0.43, 0.36), (0.43, 0.33))
    for x, rx in fields:
        picture = paint(picture, ellipse(x, -0.08, rx, 0.66, soft=0.08), 0.18)
    wide = 0.5 if finding == "cardiomegaly" else 0.3
    picture = paint(picture, ellipse(0.12, 0.33, wide, 0.34, 0.4, soft=0.08), 0.72)
    picture = paint(picture, stroke([(0, -1), (0, 1)], 0.16, 0.06), 0.68, 0.7)
    for x in (-0.45, 0.45):
        picture = paint(picture, ellipse(x, 0.85, 0.52, 0.36, soft=0.06), 0.66)
        for rib in range(7):
            y = -0.72 + rib * 0.19
            picture = paint(picture, stroke(arc(x * 0.9, y + 0.25, 0.5, 0.25, np.pi, 2 * np.pi), 0.035), 0.5, 0.45)
        picture = paint(picture, stroke([(x * 0.15, -0.8), (x * 1.75, -0.9)], 0.05), 0.62, 0.7)
    return finish(_chest_finding(picture, rng, finding), rng)


def _chest_finding(picture: Plane, rng: Rng, finding: str) -> Plane:
    if finding == "pneumothorax":
        lung = ellipse(-0.3, 0.02, 0.2, 0.46, soft=0.03)
        outer = np.clip(ellipse(-0.43, -0.08, 0.34, 0.64) - lung, 0, 1)
        picture = paint(paint(picture, outer, 0.05, 0.85), lung, 0.34, 0.5)
        return paint(picture, ring(-0.3, 0.02, 0.21, 0.47, 0.02), 0.75)
    if finding == "effusion":
        meniscus = edge(Y - 0.12 + 0.5 * (X + 0.43), 0.05) * ellipse(-0.43, 0.1, 0.4, 0.75, soft=0.05)
        return paint(picture, meniscus, 0.74)
    if finding == "consolidation":
        patch = blob(rng, 0.45, 0.12, 0.27, 0.35, soft=0.12) * (0.8 + 0.2 * clouds(rng, 9))
        return paint(picture, np.clip(patch, 0, 1), 0.64)
    if finding == "free air":
        crescent = np.clip(ellipse(-0.45, 0.86, 0.46, 0.34) - ellipse(-0.45, 0.95, 0.5, 0.36), 0, 1)
        return paint(picture, crescent, 0.05)
    if finding == "nodule":
        return paint(picture, blob(rng, 0.47, -0.3, 0.09, 0.1), 0.72)
    return picture


def limb_radiograph(rng: Rng, finding: str) -> Plane:
    """Radiographs of the hip, the wrist and the knee."""
    picture = paint(blank(0.04), edge(0.75 - np.abs(X + 0.15 * Y), 0.2), 0.3)
    draw = {"hip fracture": _hip, "wrist fracture": _wrist, "osteoarthritis": _knee}[finding]
    return finish(draw(picture), rng)


def _hip(picture: Plane) -> Plane:
    picture = paint(picture, ellipse(-0.55, -0.45, 0.42, 0.4), 0.62)
    picture = paint(picture, ellipse(-0.5, -0.35, 0.27, 0.27), 0.42)
    picture = paint(picture, ellipse(-0.42, -0.3, 0.22, 0.22), 0.8)
    picture = paint(picture, stroke([(-0.4, -0.28), (0.2, 0.12)], 0.2), 0.74)
    picture = paint(picture, stroke([(0.22, 0.0), (0.12, 1.0)], 0.3), 0.76)
    picture = paint(picture, stroke([(0.2, 0.2), (0.12, 1.0)], 0.12), 0.5)
    return paint(picture, stroke([(-0.25, 0.02), (-0.2, -0.1), (-0.1, -0.2), (-0.06, -0.34)], 0.045), 0.12)


def _wrist(picture: Plane) -> Plane:
    for x, width in ((-0.18, 0.26), (0.25, 0.17)):
        picture = paint(picture, stroke([(x, 1.0), (x, 0.1)], width), 0.74)
        picture = paint(picture, stroke([(x, 1.0), (x, 0.4)], width * 0.45), 0.5)
    for number, x in enumerate((-0.25, -0.05, 0.15, -0.2, 0.02, 0.2)):
        picture = paint(picture, ellipse(x, -0.12 - 0.2 * (number // 3), 0.1, 0.09), 0.72)
    for x in (-0.3, -0.12, 0.06, 0.24):
        picture = paint(picture, stroke([(x, -0.45), (x * 1.5, -1.0)], 0.09), 0.7)
    return paint(picture, stroke([(-0.33, 0.3), (-0.22, 0.24), (-0.12, 0.31), (-0.03, 0.25)], 0.04), 0.14)


def _knee(picture: Plane) -> Plane:
    picture = paint(picture, stroke([(0, -1), (0, -0.25)], 0.42), 0.72)
    picture = paint(picture, ellipse(-0.2, -0.22, 0.26, 0.22) + ellipse(0.2, -0.22, 0.26, 0.22), 0.76)
    picture = paint(picture, stroke([(0, 0.1), (0, 1)], 0.42), 0.72)
    picture = paint(picture, stroke([(-0.44, 0.08), (0.44, 0.16)], 0.22), 0.78)
    picture = paint(picture, stroke([(0.05, 0.0), (0.45, 0.06)], 0.05), 0.12)
    return paint(
        picture, stroke([(-0.46, -0.02), (-0.56, 0.02)], 0.08) + stroke([(-0.46, 0.1), (-0.57, 0.06)], 0.07), 0.8
    )


def abdomen_radiograph(rng: Rng, finding: str) -> Plane:
    """Supine abdomen: dilated loops, or one great twisted loop."""
    picture = paint(blank(0.06), ellipse(0, 0, 0.88, 1.2, soft=0.12), 0.5)
    for level in range(5):
        picture = paint(picture, ellipse(0, -0.8 + 0.4 * level, 0.13, 0.15), 0.68)
    if finding == "volvulus":
        loop = [(-0.1, 0.85), (-0.6, 0.2), (-0.45, -0.6), (0.1, -0.8), (0.55, -0.45), (0.5, 0.3), (0.0, 0.85)]
        return finish(paint(paint(picture, stroke(loop, 0.42, 0.06), 0.12), stroke(loop, 0.02), 0.4), rng)
    for row in range(4):
        y = -0.45 + 0.3 * row
        loop = [(-0.55 + 0.1 * (row % 2), y), (0.5, y + 0.04)]
        picture = paint(picture, stroke(loop, 0.2, 0.04), 0.13)
        for fold in range(9):
            x = -0.5 + 0.12 * fold
            picture = paint(picture, stroke([(x, y - 0.1), (x, y + 0.1)], 0.016), 0.5, 0.8)
    return finish(picture, rng)


def mammogram(rng: Rng, finding: str) -> Plane:
    """One breast in profile, chest wall on the left: a star-like mass, or a group of bright grains."""
    breast = ellipse(-1.0, 0, 1.55, 0.9, soft=0.06)
    picture = paint(blank(0.02), breast, 0.35)
    picture = paint(picture, breast * np.clip(0.5 + 0.9 * clouds(rng, 7), 0, 1), 0.52, 0.7)
    if finding == "spiculated":
        picture = paint(picture, blob(rng, -0.15, -0.1, 0.11, 0.25), 0.92)
        for spike in range(16):
            turn, reach = spike * np.pi / 8, 0.18 + 0.1 * float(rng.random())
            tip = (-0.15 + reach * float(np.cos(turn)), -0.1 + reach * float(np.sin(turn)))
            picture = paint(picture, stroke([(-0.15, -0.1), tip], 0.018), 0.85)
        return finish(picture, rng)
    for x, y in scatter(rng, 22, lambda u, v: np.hypot(u + 0.1, v - 0.15) < 0.16, 0.03):
        picture = paint(picture, ellipse(x, y, 0.012 + 0.008 * float(rng.random()), soft=0.01), 1.0)
    return finish(picture, rng)


def angiogram(rng: Rng, finding: str) -> Plane:
    """Contrast-filled artery with its branches, narrowed or bulging."""
    picture = blank(0.72) + 0.06 * clouds(rng, 4)
    trunk: list[Point] = [(-0.7, -0.8), (-0.35, -0.45), (0.0, -0.15), (0.25, 0.25), (0.35, 0.85)]
    for points, width in (
        (trunk, 0.1),
        ([(-0.35, -0.45), (0.2, -0.6), (0.75, -0.35)], 0.06),
        ([(0.0, -0.15), (-0.4, 0.2), (-0.55, 0.8)], 0.06),
        ([(0.25, 0.25), (0.65, 0.4), (0.85, 0.8)], 0.045),
    ):
        picture = paint(picture, stroke(points, width, 0.02), 0.16)
    if finding == "stenosis":
        gap = stroke([(-0.24, -0.36), (-0.12, -0.25)], 0.13, 0.03)
        picture = paint(picture, gap, 0.72)
        return finish(paint(picture, stroke([(-0.3, -0.41), (-0.05, -0.19)], 0.022), 0.2), rng, 0.03)
    return finish(paint(picture, blob(rng, 0.1, -0.62, 0.15, 0.08), 0.14), rng, 0.03)


# ------------------------------------------------------------------------------------------- sections


def chest_ct(rng: Rng, finding: str) -> Plane:
    """Axial chest CT in a lung window."""
    picture = paint(blank(0.03), ellipse(0, 0, 0.95, 0.72), 0.6)
    picture = paint(picture, ellipse(0, 0, 0.86, 0.63), 0.5)
    for x in (-0.43, 0.43):
        picture = paint(picture, ellipse(x, 0.02, 0.34, 0.52), 0.12)
        for _ in range(14):
            y = float(rng.uniform(-0.4, 0.4))
            root, tip = (x * 0.35, y * 0.2), (x * float(rng.uniform(0.8, 1.5)), y)
            picture = paint(picture, stroke([root, tip], 0.014) * ellipse(x, 0.02, 0.33, 0.5), 0.5, 0.7)
    picture = paint(picture, ellipse(0.06, -0.1, 0.2, 0.26), 0.64)
    picture = paint(picture, ellipse(0, 0.5, 0.11, 0.1), 0.9)
    if finding == "cavity":
        picture = paint(paint(picture, ellipse(-0.5, -0.15, 0.17), 0.72), ellipse(-0.5, -0.15, 0.1, 0.09), 0.04)
    elif finding == "nodule":
        picture = paint(picture, blob(rng, 0.52, 0.1, 0.085, 0.12), 0.75)
    elif finding == "ground glass":
        for x, y in scatter(rng, 9, lambda u, v: abs(abs(u) - 0.45) < 0.24 and abs(v) < 0.36, 0.14):
            picture = paint(picture, blob(rng, x, y, 0.11, 0.3, soft=0.08), 0.38, 0.75)
    elif finding == "pneumothorax":
        outer = np.clip(ellipse(-0.43, 0.02, 0.34, 0.52) - ellipse(-0.33, 0.1, 0.22, 0.36), 0, 1)
        picture = paint(picture, outer, 0.0)
    return finish(picture, rng, 0.025)


def abdomen_ct(rng: Rng, finding: str) -> Plane:
    """Axial abdomen CT; the liver is on the left."""
    picture = paint(blank(0.03), ellipse(0, 0, 0.95, 0.72), 0.28)
    picture = paint(picture, ellipse(0, 0, 0.84, 0.61), 0.36)
    picture = paint(picture, ellipse(-0.42, -0.08, 0.4, 0.42, 0.2), 0.58)
    picture = paint(picture, ellipse(0.58, 0.02, 0.15, 0.26), 0.56)
    picture = paint(picture, ellipse(0, 0.42, 0.14, 0.13), 0.92)
    picture = paint(picture, ellipse(0.0, 0.2, 0.07), 0.75)
    for x in (-0.3, 0.32):
        picture = paint(picture, ellipse(x, 0.36, 0.13, 0.17), 0.66)
    if finding == "liver abscess":
        picture = paint(
            paint(picture, blob(rng, -0.45, -0.12, 0.22, 0.12), 0.72), blob(rng, -0.45, -0.12, 0.17, 0.12), 0.3
        )
    elif finding == "liver cyst":
        picture = paint(picture, ellipse(-0.5, -0.1, 0.16), 0.2)
    elif finding == "hydronephrosis":
        picture = paint(picture, ellipse(0.32, 0.33, 0.19, 0.22), 0.66)
        picture = paint(picture, blob(rng, 0.31, 0.33, 0.11, 0.3), 0.22)
    elif finding == "pancreatitis":
        picture = paint(picture, blob(rng, 0.12, 0.02, 0.27, 0.4, soft=0.1), 0.46)
        picture = paint(picture, stroke([(-0.1, 0.05), (0.1, 0.0), (0.35, -0.05)], 0.12), 0.58)
    return finish(picture, rng, 0.03)


def head_ct(rng: Rng, finding: str) -> Plane:
    """Axial head CT: bright skull, grey brain, dark ventricles."""
    picture = paint(blank(0.02), ellipse(0, 0, 0.72, 0.88), 0.97)
    picture = paint(picture, ellipse(0, 0, 0.66, 0.82), 0.44)
    picture = paint(picture, clouds(rng, 14) * ellipse(0, 0, 0.64, 0.8) * 0.5 + 0.0, 0.5, 0.12)
    shift = {"subdural": 0.1, "hemorrhage": 0.08}.get(finding, 0.0)
    for side in (-1, 1):
        size = 0.15 if finding == "hydrocephalus" else 0.08
        picture = paint(picture, ellipse(side * 0.13 + shift, -0.12, size, 0.26, side * -0.3), 0.14)
    if finding == "subdural":
        crescent = np.clip(ellipse(0, 0, 0.66, 0.82) - ellipse(0.12, 0.0, 0.66, 0.84), 0, 1)
        picture = paint(picture, crescent * edge(-X, 0.02), 0.78)
    elif finding == "epidural":
        picture = paint(picture, ellipse(-0.56, -0.08, 0.16, 0.36) * ellipse(0, 0, 0.66, 0.82), 0.82)
    elif finding == "hemorrhage":
        picture = paint(picture, blob(rng, -0.28, 0.05, 0.17, 0.2), 0.84)
    elif finding == "infarct":
        wedge = edge(0.55 - np.abs(Y + 0.1) * 1.2 - np.abs(X - 0.62) * 0.6, 0.08) * ellipse(0, 0, 0.64, 0.8)
        picture = paint(picture, wedge * edge(X - 0.22, 0.04), 0.27)
    return finish(picture, rng, 0.025)


def brain_mr(rng: Rng, finding: str) -> Plane:
    """Axial brain MR image: folded cortex, ventricles, and what lies in it."""
    picture = paint(blank(0.02), ellipse(0, 0, 0.74, 0.9), 0.6)
    picture = paint(picture, ellipse(0, 0, 0.69, 0.85), 0.06)
    brain = ellipse(0, 0, 0.63, 0.79)
    folds = np.cos(26 * np.arctan2(Y, X) + 5 * clouds(rng, 6)) * edge(np.hypot(X / 0.63, Y / 0.79) - 0.74, 0.1)
    picture = paint(picture, brain, 0.5)
    picture = paint(picture, brain * np.clip(folds, 0, 1), 0.3)
    picture = paint(picture, ellipse(0, 0, 0.42, 0.56, soft=0.15), 0.58, 0.8)
    size = 0.17 if finding == "hydrocephalus" else 0.08
    for side in (-1, 1):
        picture = paint(picture, ellipse(side * 0.12, -0.05, size, 0.26, side * -0.25), 0.1)
    if finding == "meningioma":
        picture = paint(picture, blob(rng, 0.42, -0.45, 0.2, 0.06) * brain, 0.95)
    elif finding == "glioblastoma":
        picture = paint(picture, blob(rng, -0.32, -0.2, 0.34, 0.25, soft=0.12) * brain, 0.36)
        mass = blob(rng, -0.32, -0.2, 0.21, 0.2)
        picture = paint(paint(picture, mass, 0.95), blob(rng, -0.32, -0.2, 0.14, 0.25), 0.14)
    elif finding == "plaques":
        for x, y in scatter(rng, 14, lambda u, v: 0.2 < abs(u) < 0.36 and abs(v) < 0.38, 0.09):
            picture = paint(picture, ellipse(x, y, 0.055, 0.03, float(np.arctan2(y, x))), 0.95)
    return finish(picture, rng, 0.02)


def spine_mr(rng: Rng, finding: str) -> Plane:
    """Sagittal lumbar spine: vertebrae, discs, and the canal behind them."""
    picture = blank(0.18) + 0.05 * clouds(rng, 8)
    picture = paint(picture, stroke([(0.3, -1), (0.36, 0), (0.22, 1)], 0.2), 0.85)
    picture = paint(picture, stroke([(0.3, -1), (0.35, -0.2)], 0.08), 0.45)
    for level in range(6):
        y = -0.85 + 0.34 * level
        x = -0.06 + 0.08 * float(np.sin(1.2 + level * 0.6))
        picture = paint(picture, edge(np.minimum(0.22 - np.abs(X - x), 0.12 - np.abs(Y - y)), 0.03), 0.48)
        dark = finding == "herniation" and level == 3
        picture = paint(picture, ellipse(x, y + 0.17, 0.22, 0.045), 0.14 if dark else 0.68)
        if dark:
            picture = paint(picture, ellipse(x + 0.27, y + 0.18, 0.1, 0.075), 0.16)
    return finish(picture, rng, 0.02)


def knee_mr(rng: Rng, finding: str) -> Plane:
    """Coronal knee: femur, tibia, menisci, with a cleft or with fluid."""
    picture = blank(0.22) + 0.05 * clouds(rng, 7)
    picture = paint(picture, stroke([(0, -1), (0, -0.35)], 0.5), 0.52)
    picture = paint(picture, ellipse(-0.26, -0.28, 0.3, 0.28) + ellipse(0.26, -0.28, 0.3, 0.28), 0.55)
    picture = paint(picture, stroke([(-0.5, 0.25), (0.5, 0.25)], 0.34), 0.55)
    picture = paint(picture, stroke([(0, 0.4), (0, 1)], 0.42), 0.52)
    for side in (-1, 1):
        picture = paint(picture, ellipse(side * 0.5, 0.03, 0.14, 0.06), 0.05)
    if finding == "meniscal tear":
        picture = paint(picture, stroke([(-0.58, 0.05), (-0.42, 0.01)], 0.026), 0.95)
    else:
        picture = paint(picture, ellipse(0.0, -0.02, 0.4, 0.06) + ellipse(0.64, -0.3, 0.1, 0.34), 0.95)
    return finish(picture, rng, 0.02)


# ------------------------------------------------------------------------------------------- ultrasound, nuclear


def ultrasound(rng: Rng, finding: str) -> Plane:
    """Sector of speckle with the organ and its finding."""
    depth = np.hypot(X, Y + 1.25)
    sector = edge(0.72 - np.abs(np.arctan2(X, Y + 1.25)), 0.01) * edge(2.1 - depth, 0.02) * edge(depth - 0.42, 0.02)
    speckle = np.clip(0.4 + 0.25 * clouds(rng, 60) + 0.12 * clouds(rng, 8), 0, 1)
    picture = _echoes(speckle, rng, finding)
    return np.clip(picture * sector * (1.1 - 0.15 * depth) + grain(rng, 0.015), 0, 1)


def _cyst(picture: Plane, x: float, y: float, rx: float, ry: float) -> Plane:
    """A dark round with a bright rim and brighter echoes below it."""
    below = edge(rx * 0.8 - np.abs(X - x), 0.05) * edge(Y - y - ry, 0.02)
    picture = paint(picture, below, 0.75, 0.35)
    return paint(paint(picture, ellipse(x, y, rx + 0.02, ry + 0.02), 0.75), ellipse(x, y, rx, ry), 0.03)


def _echoes(picture: Plane, rng: Rng, finding: str) -> Plane:
    if finding == "gallstone":
        picture = _cyst(picture, 0.0, -0.05, 0.38, 0.2)
        picture = paint(picture, ellipse(0.05, 0.08, 0.1, 0.06), 0.98)
        return paint(picture, edge(0.09 - np.abs(X - 0.05 - 0.1 * (Y - 0.1)), 0.02) * edge(Y - 0.12, 0.02), 0.04)
    if finding == "hydronephrosis":
        picture = paint(picture, ellipse(0, 0.05, 0.55, 0.33), 0.28)
        picture = paint(picture, ellipse(0, 0.05, 0.3, 0.16), 0.75)
        for x in (-0.22, 0.0, 0.22):
            picture = paint(picture, ellipse(x, 0.02, 0.1, 0.12), 0.02)
        return paint(picture, ellipse(0, 0.1, 0.28, 0.09), 0.02)
    if finding == "effusion":
        picture = paint(picture, ellipse(0.1, 0.05, 0.6, 0.36), 0.03)
        return paint(picture, stroke([(-0.5, 0.32), (0.1, 0.42), (0.6, 0.28)], 0.03), 0.95)
    if finding == "thyroid nodule":
        for x in (-0.38, 0.38):
            picture = paint(picture, ellipse(x, -0.05, 0.32, 0.22), 0.6)
        picture = paint(picture, ellipse(0, 0.0, 0.09, 0.11), 0.05)
        return paint(picture, blob(rng, 0.4, -0.04, 0.13, 0.12), 0.2)
    if finding == "intussusception":
        for layer, radius in enumerate((0.4, 0.33, 0.26, 0.19, 0.12, 0.05)):
            picture = paint(picture, ellipse(0, 0.0, radius, radius * 0.9), 0.1 if layer % 2 else 0.7)
        return picture
    if finding == "thrombus":
        picture = paint(paint(picture, ellipse(-0.22, 0.0, 0.14), 0.03), ellipse(0.2, 0.04, 0.2, 0.17), 0.05)
        return paint(picture, blob(rng, 0.2, 0.05, 0.14, 0.15), 0.5)
    return _cyst(picture, 0.02, 0.0, 0.32, 0.27)


def scintigram(rng: Rng, finding: str) -> Plane:
    """Whole-body uptake, dark on bright: foci in the neck, or bones with foci."""
    picture = blank(0.97)
    for x, y, rx, ry in ((0.0, -0.78, 0.12, 0.15), (0.0, -0.2, 0.25, 0.42), (0.0, 0.3, 0.22, 0.2)):
        picture = paint(picture, ellipse(x, y, rx, ry, soft=0.15), 0.72)
    for side in (-1, 1):
        picture = paint(picture, stroke([(side * 0.27, -0.5), (side * 0.42, 0.2)], 0.1, 0.06), 0.78)
        picture = paint(picture, stroke([(side * 0.12, 0.4), (side * 0.16, 1.0)], 0.14, 0.06), 0.76)
    picture = paint(picture, ellipse(0, 0.45, 0.07, 0.06, soft=0.04), 0.1)
    spots = (
        [(-0.1, -0.55), (0.08, -0.52), (0.02, -0.38)]
        if finding == "hypermetabolic"
        else scatter(rng, 12, lambda u, v: abs(u) < 0.26 and -0.5 < v < 0.4, 0.12)
    )
    for x, y in spots:
        picture = paint(picture, ellipse(x, y, 0.045, soft=0.04), 0.05)
    return finish(picture, rng, 0.03)
