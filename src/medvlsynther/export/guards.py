"""What may not leave the house: text that a chat template would read as a command, and images that nobody can decode.

Source: the exporter's guards follow from failures of the trainers: a literal `<image>` in a question makes verl drop
the row without a word, and a 16-bit image passes through the usual loaders as plain white.
"""

import re
import unicodedata
import warnings
from collections.abc import Iterable
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from medvlsynther.errors import InputError
from medvlsynther.records import LETTERS, Figure, ImageRef, Item

CONTROL_TOKEN = re.compile(r"<\|[^<>|\s]{1,40}\|>|</?(?:image|video|audio|think|answer|tool_call|tool_response)>")
"""Placeholders, special tokens and tags that templates, trainers or graders give a meaning."""

CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")

MIN_SIDE_PX = 2
"""An image of one pixel's width or height shows nothing, and some processors cannot place a patch on it."""

MAX_PIXELS = 16_000_000
"""More pixels than this are no figure but a bomb to whoever loads the data set."""

MODES = frozenset({"RGB", "L"})
"""8-bit colour and 8-bit grey: what every loader shows as it is."""

FORMATS = ("PNG", "JPEG", "WEBP")


def check_text(text: str) -> None:
    """Nothing, when `text` can stand in a prompt, a table and a JSON file.

    Raises: InputError (lone_surrogate, control_character, control_token).
    """
    for reason, pattern in (
        ("lone_surrogate", LONE_SURROGATE),
        ("control_character", CONTROL_CHARACTER),
        ("control_token", CONTROL_TOKEN),
    ):
        if found := pattern.search(text):
            raise InputError(reason, f"{found.group()!r} at character {found.start()}")


def check_item(item: Item, figure: Figure) -> None:
    """Nothing, when the item is one question with one key, and all its text can be served.

    Raises: InputError (no_question, bad_options, key_outside_options, equal_options, and those of `check_text`).
    """
    if not item.question.strip():
        raise InputError("no_question")
    if not 2 <= len(item.options) <= len(LETTERS) or not all(option.strip() for option in item.options):
        raise InputError("bad_options", f"{len(item.options)} options")
    if item.answer not in item.lettered:
        raise InputError("key_outside_options", item.answer)
    levelled = [level(option) for option in item.options]
    if len(set(levelled)) < len(levelled):
        raise InputError("equal_options", next(text for text in levelled if levelled.count(text) > 1))
    for text in _texts(item, figure):
        check_text(text)


def level(text: str) -> str:
    """`text` as a reader sees it: compatibility forms, case and runs of blanks do not tell two options apart."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _texts(item: Item, figure: Figure) -> Iterable[str]:
    yield item.question
    yield from item.options
    yield item.reasoning or ""
    yield figure.caption
    yield from figure.mentions


def check_image(image: ImageRef, data: bytes) -> None:
    """Nothing, when every loader shows `data` as it is.

    Only the header is decoded: the store vouches for the digest, and what it names was decoded when it was prepared.

    Raises: InputError (image_not_8bit, and those of `open_image`).
    """
    with open_image(data) as opened:
        if opened.mode not in MODES:
            raise InputError("image_not_8bit", f"{image.name}: {opened.mode}")


def open_image(data: bytes) -> Image.Image:
    """The image in `data`, of sane size, its pixels not decoded yet.

    Raises: InputError (image_corrupt, image_too_small, image_too_large).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise InputError("image_too_large", str(error)) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InputError("image_corrupt", str(error)) from None
    width, height = opened.size
    if min(width, height) < MIN_SIDE_PX:
        raise InputError("image_too_small", f"{width} x {height} px")
    if width * height > MAX_PIXELS:
        raise InputError("image_too_large", f"{width} x {height} px")
    return opened
