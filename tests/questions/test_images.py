"""Image bytes of a set, in whatever order they are asked for."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medvlsynther.errors import InputError
from medvlsynther.questions.images import LIMIT_BYTES, Images, cell

ROWS = 70
KIND = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [[{"bytes": f"{row}-{place}".encode(), "path": None} for place in range(row % 3)] for row in range(ROWS)]
    pq.write_table(pa.table({"images": pa.array(rows, KIND)}), tmp_path / "a.parquet", row_group_size=25)
    return tmp_path


@pytest.mark.parametrize("seed", range(3))
def test_cells_are_the_same_in_any_order(folder: Path, seed: int) -> None:
    places = [(row, place) for row in range(ROWS) for place in range(row % 3)]
    if seed:
        random.Random(seed).shuffle(places)
    images = Images(folder)
    for row, place in places:
        assert images.read(cell("a.parquet", row, "images", place)) == f"{row}-{place}".encode()


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("a.parquet#0/images/0", "image_missing"),
        ("a.parquet#99/images/0", "image_missing"),
        ("a.parquet#1/pictures/0", "image_missing"),
        ("b.parquet#1/images/0", "image_missing"),
        ("../a.parquet#1/images/0", "image_missing"),
        ("nothing.jpg", "image_missing"),
        ("../nothing.jpg", "outside_corpus"),
        ("broken.parquet#1/images/0", "file_unreadable"),
    ],
)
def test_what_is_not_there_says_so(folder: Path, member: str, reason: str) -> None:
    (folder / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError) as caught:
        Images(folder).read(member)
    assert caught.value.reason == reason


def test_an_image_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    row = [{"bytes": bytes(LIMIT_BYTES + 1), "path": None}]
    pq.write_table(pa.table({"images": pa.array([row], KIND)}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="image_too_large"):
        Images(tmp_path).read("a.parquet#0/images/0")
