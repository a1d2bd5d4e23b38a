"""Laying one picture over another tells copies from pictures that are merely alike."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medvlsynther.audit.register import agreement
from medvlsynther.audit.search import AGREE
from tests.audit.drawn import scene


@given(st.integers(0, 30), st.floats(0, 0.06), st.floats(0, 0.06), st.floats(0.94, 1.0))
@settings(max_examples=25)
def test_a_shifted_and_scaled_piece_is_found(seed: int, left: float, top: float, size: float) -> None:
    picture = scene(seed).convert("L")
    width, height = picture.size
    piece = picture.crop((round(left * width), round(top * height), round(size * width), round(size * height)))
    assert agreement(piece, picture) >= AGREE


@given(st.integers(0, 60), st.integers(61, 120))
@settings(max_examples=25)
def test_other_pictures_do_not_agree(one: int, other: int) -> None:
    assert agreement(scene(one).convert("L"), scene(other).convert("L")) < AGREE


def test_a_slight_turn_is_followed() -> None:
    picture = scene(3).convert("L")
    assert agreement(picture.rotate(3, Image.Resampling.BICUBIC).crop((30, 30, 290, 250)), picture) > 0.9


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (300, 2)])
def test_the_smallest_pictures_end_in_a_number(size: tuple[int, int]) -> None:
    assert -1 <= agreement(Image.new("L", size, 7), scene(1).convert("L")) <= 1
