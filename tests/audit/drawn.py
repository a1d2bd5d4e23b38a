"""Pictures for tests: each seed gives another scene of soft shapes, fine texture and a few edges."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def scene(seed: int, width: int = 320, height: int = 280) -> Image.Image:
    """A picture like no other."""
    generator = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for octave in range(2, 7):
        coarse = Image.fromarray(generator.integers(0, 256, (2**octave, 2**octave), dtype=np.uint8))
        total += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float) / 1.6**octave
    total = (total - total.min()) / (total.max() - total.min()) * 255
    picture = Image.fromarray(total.astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for _ in range(4):
        left, top = int(generator.integers(0, width - 60)), int(generator.integers(0, height - 60))
        shade = int(generator.integers(0, 256))
        pen.ellipse((left, top, left + 50, top + 30), fill=(shade, shade, shade))
    return picture


def png(picture: Image.Image) -> bytes:
    """The picture as a file."""
    data = io.BytesIO()
    picture.save(data, "PNG", compress_level=1)
    return data.getvalue()
