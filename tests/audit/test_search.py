"""Planted copies are found on either side; unrelated images are not."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from medvlsynther.audit.calibration import keeper
from medvlsynther.audit.index import Index
from medvlsynther.audit.plant import IMAGE_CHANGES, Dice, as_jpeg
from medvlsynther.audit.prints import printed
from medvlsynther.audit.search import Limits, Match, search
from medvlsynther.audit.sets import Print
from tests.audit.drawn import png, scene

SCENES = [scene(seed, 260 + 13 * (seed % 9), 240 + 17 * (seed % 7)) for seed in range(40)]
PICTURES: dict[str, bytes] = {}


def prints(pictures: Sequence[Image.Image]) -> list[Print]:
    return [printed(Print(name=str(n)), png(one), keeper(PICTURES)) for n, one in enumerate(pictures)]


def matches(folder: Path, left: Sequence[Print], right: Sequence[Print], **limits: int) -> list[Match]:
    index = Index.write(folder, left)
    return [
        match
        for number, one in enumerate(right)
        for match in search(index, number, one, Limits(**limits), PICTURES.__getitem__)
    ]


@pytest.fixture(scope="module")
def originals() -> list[Print]:
    return prints(SCENES)


@pytest.mark.parametrize(
    ("change", "least"),
    [
        ("reencoded", 0.99), ("resized", 0.99), ("rotated", 0.99), ("flipped", 0.95), ("cropped", 0.95),
        ("in_figure", 0.90), ("greyed", 0.99), ("framed", 0.95), ("marked", 0.90),
    ],
)  # fmt: skip
def test_planted_copies_are_found_on_either_side(
    tmp_path: Path, originals: list[Print], change: str, least: float
) -> None:
    other = [scene(seed) for seed in range(900, 904)]
    copies = [
        printed(
            Print(name="c"),
            as_jpeg(IMAGE_CHANGES[change](one, Dice(1, change, str(n), others=other)), 85),
            keeper(PICTURES),
        )
        for n, one in enumerate(SCENES)
    ]
    forth = matches(tmp_path / "a", originals, copies)
    back = matches(tmp_path / "b", copies, originals)
    for found in (forth, back):
        assert len({m.right for m in found if m.left == m.right}) >= least * len(SCENES)
        assert sum(m.left != m.right for m in found) <= 0.001 * len(SCENES) ** 2


def test_unrelated_images_are_not_taken_for_copies(tmp_path: Path, originals: list[Print]) -> None:
    assert matches(tmp_path / "a", originals, prints([scene(seed) for seed in range(500, 560)])) == []


def test_every_copy_is_found_however_many_there_are(tmp_path: Path, originals: list[Print]) -> None:
    many = [*prints([SCENES[0]] * 30), *originals[1:]]
    found = matches(tmp_path / "a", many, [originals[0]], neighbours=1)
    assert [match.left for match in found] == list(range(30))


def test_without_pictures_only_near_certain_hashes_count(tmp_path: Path, originals: list[Print]) -> None:
    blind = [one.model_copy(update={"small": ""}) for one in originals]
    resized = prints([one.resize((200, 180)) for one in SCENES])
    found = matches(tmp_path / "a", blind, resized)
    assert len(found) > 0.9 * len(SCENES)
    assert all(m.left == m.right and m.measure == "hashes:whole" for m in found)


def test_a_file_that_is_no_image_says_why() -> None:
    print_ = printed(Print(name="x"), b"nothing", keeper(PICTURES))
    assert print_.fault == "image_corrupt"
    assert print_.digests == (hashlib.sha256(b"nothing").hexdigest(),)


def test_the_same_pixels_have_one_print_whatever_encodes_them() -> None:
    picture = SCENES[0]
    one, other = (
        printed(Print(name="x"), data, keeper(PICTURES)) for data in (png(picture), png(picture.copy()) + b" ")
    )
    assert one.pixels == other.pixels
    turned = printed(Print(name="x"), png(picture.transpose(Image.Transpose.ROTATE_90)), keeper(PICTURES))
    assert turned.pixels != one.pixels


def test_shape_and_mode_are_part_of_the_pixels() -> None:
    shapes = [Image.new(mode, size, 7) for mode, size in (("L", (20, 10)), ("L", (10, 20)), ("RGB", (20, 10)))]
    assert len({printed(Print(name="x"), png(one), keeper(PICTURES)).pixels for one in shapes}) == len(shapes)
