"""Images within what a trainer's processor takes."""

import math
from io import BytesIO

from PIL import Image

from medvlsynther.errors import InputError
from medvlsynther.export.guards import open_image

MAX_ASPECT = 200
"""Long side over short side above which the processors of the Qwen-VL family refuse an image."""


def bounded(data: bytes, max_pixels: int) -> bytes:
    """The image as 8-bit RGB of at most `max_pixels`: `data` itself where it is that already, else a PNG.

    Raises: InputError (image_too_elongated, image_corrupt).
    """
    with open_image(data) as opened:
        width, height = opened.size
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise InputError("image_too_elongated", f"{width} x {height} px")
        if opened.mode == "RGB" and width * height <= max_pixels:
            return data
        try:
            image = opened.convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:
            raise InputError("image_corrupt", str(error)) from None
    scale = min(1.0, math.sqrt(max_pixels / (width * height)))
    if scale < 1.0:
        size = (max(1, math.floor(width * scale)), max(1, math.floor(height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
