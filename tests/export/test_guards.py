"""What may not leave the house is found wherever it stands, and ordinary text passes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medvlsynther.errors import InputError
from medvlsynther.export.guards import check_text, level, open_image
from tests.export.material import encoded, picture

TOKENS = ("<image>", "<video>", "<audio>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|im_start|>")
MORE = ("<|im_end|>", "<|endoftext|>", "<think>", "</think>", "<answer>", "</answer>")


@pytest.mark.parametrize("token", TOKENS + MORE)
@given(before=st.text("abc <|", max_size=5), after=st.text("abc >|", max_size=5))
def test_a_control_token_is_found_wherever_it_stands(token: str, before: str, after: str) -> None:
    with pytest.raises(InputError, match="control_token"):
        check_text(before + token + after)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a\x00b", "control_character"), ("a\x1b[0m", "control_character"), ("a\ud800b", "lone_surrogate")],
)
def test_characters_that_tables_or_templates_choke_on_are_found(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        check_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "p < 0.05 and |r| > 0.9",
        "images <1 cm>",
        "A <-> B",
        "line\nbreak\tand tab",
        "左肺 ↑ ﬁ 🫁",
        "think, answer: image",
    ],
)
def test_ordinary_text_passes(text: str) -> None:
    check_text(text)


@given(st.text("abcXYZ 19", max_size=30))
def test_case_and_blanks_do_not_tell_options_apart(text: str) -> None:
    assert level(text) == level(text.swapcase()) == level("  " + text.replace(" ", "\t \n"))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_image_are_refused_and_never_raise_anything_else(data: bytes) -> None:
    with pytest.raises(InputError):
        open_image(data)


@given(cut=st.integers(0, 60), garbage=st.binary(max_size=20))
def test_a_damaged_header_is_refused_or_opened_but_never_crashes(cut: int, garbage: bytes) -> None:
    whole = picture(0)
    with suppress(InputError):
        open_image(whole[:cut] + garbage + whole[cut + len(garbage) :]).close()


def test_a_file_that_claims_a_huge_size_is_refused_without_decoding() -> None:
    data = bytearray(encoded(Image.new("L", (3, 3))))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(InputError):
        open_image(bytes(data))
