"""Images by their hash: once, whole, findable, and never trusted blindly."""

import errno
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medvlsynther.errors import InputError, StoreTrouble
from medvlsynther.store.images import ImageStore


def test_bytes_come_back_under_their_sha256(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images")
    digest = store.put(b"bytes")
    assert digest == hashlib.sha256(b"bytes").hexdigest()
    assert store.path(digest) == tmp_path / "images" / digest[:2] / f"{digest}.png"
    assert store.read(digest) == b"bytes"
    assert digest in store


def test_equal_bytes_are_written_once(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    before = store.path(store.put(b"bytes")).stat().st_mtime_ns
    assert store.path(store.put(b"bytes")).stat().st_mtime_ns == before
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_a_file_of_another_length_is_written_again(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    digest = store.put(b"bytes")
    store.path(digest).write_bytes(b"")
    store.put(b"bytes")
    assert store.read(digest) == b"bytes"


def test_any_suffix_is_found(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    digest = store.put(b"bytes", ".jpg")
    assert store.path(digest).suffix == ".jpg"
    assert store.read(digest) == b"bytes"


@pytest.mark.parametrize("name", ["", "0" * 64, "../" * 3, "*" * 64, "A" * 64])
def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    store = ImageStore(tmp_path)
    assert name not in store
    with pytest.raises(InputError, match="image_missing"):
        store.read(name)


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    digest = store.put(b"bytes")
    store.path(digest).write_bytes(b"byteZ")
    with pytest.raises(InputError, match="image_damaged"):
        store.read(digest)


def test_a_suffix_cannot_be_a_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="suffix"):
        ImageStore(tmp_path).put(b"bytes", "/../x")


def test_a_full_disk_is_the_users_to_mend_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreTrouble, match="No space left"):
        ImageStore(tmp_path).put(b"bytes")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_writers_at_the_same_time_agree(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    images = [bytes([value]) * 2000 for value in range(40)]
    put: Callable[[bytes], str] = store.put
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(put, images))
    assert [store.read(digest) for digest in digests] == images
