"""Trainers get 8-bit RGB within their bounds; images that are within already keep their bytes."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medvlsynther.errors import InputError
from medvlsynther.export.pixels import bounded
from tests.export.material import encoded, picture


@given(width=st.integers(2, 300), height=st.integers(2, 300), bound=st.integers(100, 40_000))
def test_the_result_is_rgb_within_the_bound_and_of_the_same_shape(width: int, height: int, bound: int) -> None:
    made = bounded(encoded(Image.new("L", (width, height), 90)), bound)
    with Image.open(BytesIO(made)) as image:
        assert image.mode == "RGB"
        assert image.width * image.height <= bound or min(image.size) == 1
        if width * height <= bound:
            assert image.size == (width, height)


def test_an_image_within_bounds_keeps_its_bytes() -> None:
    data = picture(1, 100, 80)
    assert bounded(data, 8000) is data
    assert bounded(data, 7999) is not data


def test_an_image_that_processors_refuse_is_refused_here() -> None:
    with pytest.raises(InputError, match="image_too_elongated"):
        bounded(encoded(Image.new("RGB", (2000, 2))), 10**6)
