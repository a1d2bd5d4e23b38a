"""Parts of an image: panels are found, nothing lies outside, and blank parts are left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from medvlsynther.audit.plant import GUTTER_PX, PANEL_PX
from medvlsynther.audit.views import MAX_PANELS, Box, crops, inside, parts, small
from tests.audit.drawn import scene

SHARES = st.floats(0, 1)


def compound(columns: int, rows: int) -> Image.Image:
    step = PANEL_PX + GUTTER_PX
    figure = Image.new("RGB", (columns * step + GUTTER_PX, rows * step + GUTTER_PX), "white")
    for place in range(columns * rows):
        panel = scene(place).resize((PANEL_PX, PANEL_PX))
        figure.paste(panel, (GUTTER_PX + place % columns * step, GUTTER_PX + place // columns * step))
    return figure


@pytest.mark.parametrize(("columns", "rows"), [(2, 1), (1, 3), (2, 2), (3, 2)])
def test_every_panel_of_a_grid_is_found(columns: int, rows: int) -> None:
    found = [part.box for part in parts(small(compound(columns, rows))) if part.kind in ("panel", "cell")]
    for column in range(columns):
        for row in range(rows):
            wanted = Box(column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)
            assert any(max(abs(a - b) for a, b in zip(box, wanted)) < 0.03 for box in found), (column, row)


@given(st.integers(0, 5), st.integers(1, 400), st.integers(1, 400))
def test_parts_lie_inside_and_begin_with_the_whole(seed: int, width: int, height: int) -> None:
    found = parts(small(scene(seed).resize((width, height))))
    assert found[0].kind == "whole"
    for part in found:
        assert 0 <= part.box.left < part.box.right <= 1
        assert 0 <= part.box.top < part.box.bottom <= 1


def test_a_border_is_trimmed() -> None:
    framed = ImageOps.expand(scene(1), 40, "white")
    trimmed = next(part.box for part in parts(small(framed)) if part.kind == "trimmed")
    assert all(abs(edge - wanted) < 0.02 for edge, wanted in zip(trimmed, (0.1, 0.111, 0.9, 0.889)))


@pytest.mark.parametrize("shade", ["black", "white", "#808080"])
def test_a_picture_that_shows_nothing_has_no_other_parts(shade: str) -> None:
    assert [part.kind for part in parts(small(Image.new("RGB", (300, 200), shade)))] == ["whole"]


def test_the_number_of_panels_is_bounded() -> None:
    figure = compound(7, 7)
    assert sum(part.kind == "panel" for part in parts(small(figure))) <= MAX_PANELS


@given(SHARES, SHARES)
def test_a_share_of_a_share_is_a_share(left: float, right: float) -> None:
    frame = Box(min(left, right), 0.0, max(left, right), 1.0)
    for crop in crops():
        box = inside(frame, crop)
        assert frame.left - 1e-9 <= box.left <= box.right <= frame.right + 1e-9
