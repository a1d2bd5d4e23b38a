"""Images of requests are hostile: what a decoder must not open is that request's failure and nobody else's."""

import io
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from medvlsynther.engines._pictures import picture
from medvlsynther.engines._protocols import file_of
from medvlsynther.errors import InputError, MissingInput, ReplyError


def png(width_px: int, height_px: int) -> bytes:
    """A PNG whose header promises this size, and whose pixels are missing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def drawn(seed: int) -> bytes:
    kept = io.BytesIO()
    Image.new("P", (40 + seed, 30), seed).save(kept, "PNG")
    return kept.getvalue()


@pytest.mark.parametrize(
    "data",
    [png(30_000, 30_000), png(9_500, 9_500), png(64, 64), b"", b"\x89PNG broken", b"%!PS-Adobe-3.0 EPSF-3.0\n"],
    ids=["bomb", "large", "empty", "none", "torn", "program"],
)
def test_what_must_not_be_opened_is_a_failure_of_its_request(data: bytes) -> None:
    with pytest.raises(ReplyError) as caught:
        picture(data)
    assert caught.value.reason == "image_unreadable"


def test_threads_decode_beside_each_other_and_bombs_stay_closed() -> None:
    gate = threading.Barrier(8)

    def work(thread: int) -> list[object]:
        gate.wait()
        found: list[object] = []
        for turn in range(20):
            try:
                found.append(picture(drawn(turn) if (turn + thread) % 2 else png(9_500, 9_500)).size)
            except ReplyError as error:
                found.append(error.reason)
        return found

    with ThreadPoolExecutor(8) as pool:
        for thread, found in enumerate(pool.map(work, range(8))):
            assert found == [(40 + n, 30) if (n + thread) % 2 else "image_unreadable" for n in range(20)]


@pytest.mark.parametrize(
    "fault",
    [InputError("image_corrupt", "torn"), MissingInput("gone", where="store"), FileNotFoundError("gone")],
    ids=["torn", "missing", "unreadable"],
)
def test_an_image_that_is_not_to_be_had_is_a_failure_of_its_request(fault: Exception) -> None:
    def images(sha256: str) -> bytes:
        raise fault

    with pytest.raises(ReplyError) as caught:
        file_of("0" * 64, images)
    assert caught.value.reason == "image_missing"
