"""The quick way and the plain way give the same bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medvlsynther.store import resample
from medvlsynther.store.resample import paeth, resize

sides = st.integers(1, 300)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), sides, sides, sides, sides, st.booleans())
def test_resizing_is_pillows(seed: int, width: int, height: int, new_width: int, new_height: int, grey: bool) -> None:
    shape = (height, width) if grey else (height, width, 3)
    image = Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))
    known = image.resize((new_width, new_height), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(resize(image, (new_width, new_height))), np.asarray(known))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60))
def test_filtered_rows_are_the_same_with_and_without_the_compiled_code(seed: int, width: int, height: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    quick = paeth(pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resample, "_library", lambda: None)
        assert paeth(pixels) == quick


def test_another_arithmetic_than_pillows_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    library = resample._library()
    if library is None:
        pytest.skip("not compiled here")
    assert resample._agrees(library)
    monkeypatch.setattr(resample, "_resampled", lambda _, pixels, size: np.zeros((size[1], size[0], 3), np.uint8))
    assert not resample._agrees(library)
