"""Perceptual hashes are ImageHash's, bit for bit, and near for near pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medvlsynther.store.likeness import dhash, distance, phash

imagehash = pytest.importorskip("imagehash")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(8, 200), st.integers(8, 200), st.integers(1, 6))
def test_hashes_are_those_of_imagehash(seed: int, width: int, height: int, coarse: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (height // coarse + 1, width // coarse + 1), dtype=np.uint8)
    image = Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)
    assert phash(image) == str(imagehash.phash(image))
    assert dhash(image) == str(imagehash.dhash(image))


def test_a_smaller_copy_is_near_and_another_picture_is_far() -> None:
    y, x = np.mgrid[0:300, 0:400]
    one = Image.fromarray((127 + 100 * np.sin(x / 31) * np.cos(y / 47)).astype(np.uint8))
    other = Image.fromarray((127 + 100 * np.sin((x + y) / 13)).astype(np.uint8))
    copy = one.resize((200, 150), Image.Resampling.BICUBIC)
    assert distance(phash(one), phash(copy)) <= 6
    assert distance(phash(one), phash(other)) > 12
    assert distance(dhash(one), dhash(one)) == 0
