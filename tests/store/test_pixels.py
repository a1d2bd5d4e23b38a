"""Images made ready: the published pixels, every mode read as people see it, and no file that breaks the run."""

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from medvlsynther.errors import InputError
from medvlsynther.store import pixels as room
from medvlsynther.store.pixels import Prepared, Small, prepare

REASONS = {
    "image_corrupt", "image_bomb", "image_too_large", "image_too_small", "image_too_narrow", "lfs_pointer",
    "dicom_unsupported",
}  # fmt: skip


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Blobs and edges that no two images of different sizes share."""
    y, x = np.mgrid[0:height, 0:width]
    values = np.stack([127 + 120 * np.sin(x / 9 + k) * np.cos(y / (7 + k)) for k in range(3)], axis=-1)
    return Image.fromarray(values.astype(np.uint8)).convert(mode)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ready(data: bytes, *, long: int = 384, short: int = 28, small: Small = "reject") -> Prepared:
    return prepare(data, long_side_px=long, min_side_px=short, small=small)


def shown(prepared: Prepared) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(prepared.data)) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def published(data: bytes, long_side_px: int) -> NDArray[np.uint8]:
    """The pixels of the published converter: RGB, longest side to the bound, never enlarged, LANCZOS."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    scale = long_side_px / float(max(image.size))
    if scale < 1:
        size = tuple(max(1, round(side * scale)) for side in image.size)
        image = image.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    return np.asarray(image)


# ------------------------------------------------------------------------------------------------------- pixels


@settings(max_examples=25, deadline=None)
@given(st.integers(60, 700), st.integers(60, 700), st.sampled_from(["RGB", "L"]), st.sampled_from(["PNG", "JPEG"]))
def test_pixels_are_those_of_the_published_converter(width: int, height: int, mode: str, kind: str) -> None:
    data = saved(picture(width, height, mode), kind)
    assert np.array_equal(shown(ready(data, short=1)), published(data, 384))


def test_real_figures_have_the_published_pixels(shared: Path) -> None:
    for path in sorted((shared / "samples/articles").glob("PMC*/*.jpg"))[:12]:
        data = path.read_bytes()
        assert np.array_equal(shown(ready(data, short=1)), published(data, 384)), path.name


def test_size_and_hashes_are_those_of_the_stored_picture() -> None:
    import imagehash

    data = saved(picture(500, 300), "JPEG")
    found = ready(data)
    with Image.open(io.BytesIO(found.data)) as image:
        assert image.size == (found.width_px, found.height_px) == (384, 230)
        assert found.phash == str(imagehash.phash(image))
        assert found.dhash == str(imagehash.dhash(image))
        values = image.tobytes()
    assert found.source_sha256 == hashlib.sha256(data).hexdigest()
    assert found.pixels_sha256 == hashlib.sha256(struct.pack(">II", 384, 230) + values).hexdigest()


def test_equal_pictures_have_equal_bytes_whatever_file_they_came_in() -> None:
    image = picture(300, 200)
    files = [saved(image), saved(image, "TIFF"), saved(image, "BMP"), saved(image.convert("RGBA"))]
    assert len({ready(data).data for data in files}) == 1
    assert len({ready(data).pixels_sha256 for data in files}) == 1


# -------------------------------------------------------------------------------------------------------- modes


def test_transparent_parts_are_white() -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste((200, 0, 0, 255), (0, 0, 50, 100))
    for data in (saved(image), saved(image.convert("P")), saved(image, "TIFF"), saved(image, "WEBP", lossless=True)):
        found = ready(data)
        assert "alpha_on_white" in found.notes
        assert shown(found)[50, 25].tolist() == [200, 0, 0]
        assert shown(found)[50, 75].tolist() == [255, 255, 255]


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    assert ready(saved(picture(100, 100, "RGBA"))).notes == ()


def test_deep_grey_is_windowed_and_not_cut_off() -> None:
    ramp = np.tile(np.linspace(20_000, 40_000, 200), (100, 1))
    for data in (
        saved(Image.fromarray(ramp.astype(np.uint16))),
        saved(Image.fromarray(ramp.astype(np.int32)), "TIFF"),
        saved(Image.fromarray(ramp.astype(np.float32)), "TIFF"),
    ):
        found = ready(data)
        assert found.notes == ("windowed_16bit",)
        row = shown(found)[50, :, 0].astype(int)
        assert (row[0], row[-1]) == (0, 255)
        assert np.all(np.diff(row) >= 0)
        assert abs(row[100] - 128) < 4


def test_not_a_number_is_no_colour() -> None:
    values = np.full((50, 50), np.nan, np.float32)
    values[:25] = 7.0
    assert ready(saved(Image.fromarray(values), "TIFF")).notes == ("windowed_16bit",)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    data = saved(picture(120, 100, mode), "TIFF" if mode in ("CMYK", "YCbCr") else "PNG")
    found = ready(data)
    assert shown(found).shape == (100, 120, 3)
    assert (found.notes == ("cmyk_converted",)) == (mode == "CMYK")


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_rotated_photograph_stands_upright(orientation: int) -> None:
    image = picture(120, 60)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = ready(saved(image, "PNG", exif=exif))
    assert found.notes == ("exif_rotated",)
    assert (found.width_px, found.height_px) == ((60, 120) if orientation >= 5 else (120, 60))


def test_of_several_frames_the_first_is_taken() -> None:
    first, second = picture(60, 60), Image.new("RGB", (60, 60), "red")
    for kind in ("GIF", "TIFF", "WEBP"):
        found = ready(
            saved(first, kind, save_all=True, append_images=[second], **({"lossless": True} if kind == "WEBP" else {}))
        )
        assert found.notes == ("first_frame",)
        assert np.abs(shown(found).astype(int) - np.asarray(first)).mean() < 12


def test_nothing_to_see_is_noted() -> None:
    assert ready(saved(Image.new("RGB", (80, 80), "grey"))).notes == ("image_blank",)
    assert ready(saved(picture(80, 80))).notes == ()


# --------------------------------------------------------------------------------------------------------- size


def test_what_a_small_image_becomes_is_a_choice() -> None:
    data = saved(picture(40, 20))
    with pytest.raises(InputError, match="image_too_small"):
        ready(data)
    kept = ready(data, small="keep")
    assert (kept.width_px, kept.height_px, kept.notes) == (40, 20, ("small",))
    larger = ready(data, small="upscale")
    assert (larger.width_px, larger.height_px, larger.notes) == (56, 28, ("upscaled",))


def test_an_image_that_shrinking_makes_too_small_counts_as_small() -> None:
    data = saved(picture(1200, 60))
    with pytest.raises(InputError, match="image_too_small"):
        ready(data)
    found = ready(data, small="upscale")
    assert (found.width_px, found.height_px) == (560, 28)


def test_a_thread_is_no_image() -> None:
    with pytest.raises(InputError, match="image_too_narrow"):
        ready(saved(Image.new("L", (5000, 2))), small="upscale")


# -------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "image_corrupt"),
        (b"<html>not found</html>", "image_corrupt"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image_corrupt"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "lfs_pointer"),
        (bytes(128) + b"DICM", "image_corrupt"),
    ],
)
def test_what_is_no_image_has_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        ready(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF"])
def test_a_cut_file_is_corrupt(kind: str) -> None:
    data = saved(picture(200, 200), kind)
    with pytest.raises(InputError, match="image_corrupt"):
        ready(data[: len(data) // 2])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "JPEG2000"]), st.data())
def test_damage_gives_a_picture_or_a_reason(kind: str, data: st.DataObject) -> None:
    file = bytearray(saved(picture(64, 48), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = ready(bytes(file), small="upscale")
    except InputError as error:
        reason = error.reason
    else:
        reason = "image_corrupt" if shown(found).shape == (found.height_px, found.width_px, 3) else "wrong shape"
    assert reason in REASONS


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [9_000, 10_000, 16_000, 60_000])
def test_a_bomb_is_not_unpacked(side: int) -> None:
    with pytest.raises(InputError, match="image_bomb"):
        ready(bomb(side, side))


def test_a_huge_file_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BYTES_LIMIT", 100)
    with pytest.raises(InputError, match="image_too_large"):
        ready(saved(picture(100, 100)))
