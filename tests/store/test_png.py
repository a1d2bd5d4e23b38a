"""Files that any reader takes for the pixels they were made of."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medvlsynther.store.png import encode


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 50), st.integers(1, 50), st.integers(1, 256))
def test_pixels_come_back(seed: int, width: int, height: int, values: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, values, (height, width, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(encode(pixels))) as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), pixels)


def test_an_image_is_smaller_than_its_pixels() -> None:
    y, x = np.mgrid[0:200, 0:200]
    pixels = np.stack([x + y, x + y, x + y], axis=-1).astype(np.uint8)
    assert len(encode(pixels)) < pixels.nbytes / 20
