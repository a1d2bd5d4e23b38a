"""Images by their hash: once, whole, findable, and never trusted blindly."""

import errno
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medvlsynther.errors import InputError, StoreTrouble
from medvlsynther.store.images import ImageStore
from medvlsynther.store.packs import release


def anew(store: ImageStore) -> ImageStore:
    """As the next process sees it."""
    release(store.root / "packs")
    return ImageStore(store.root)


def loose(store: ImageStore, data: bytes, suffix: str = ".png") -> Path:
    """A file as stores held them before there were packs."""
    digest = hashlib.sha256(data).hexdigest()
    path = store.root / digest[:2] / f"{digest}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_bytes_come_back_under_their_sha256(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images")
    digest = store.put(b"bytes")
    assert digest == hashlib.sha256(b"bytes").hexdigest()
    for view in (store, anew(store)):
        assert view.read(digest) == b"bytes"
        assert digest in view


def test_equal_bytes_are_written_once_by_one_process_and_by_the_next(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    digest = store.put(b"bytes")
    store.put(b"bytes")
    store.packs.settle()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert anew(store).put(b"bytes") == digest
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_loose_files_from_before_are_read_and_not_written_again(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    path = loose(store, b"bytes")
    assert store.read(path.stem) == b"bytes"
    assert path.stem in store
    store.put(b"bytes")
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]


def test_a_loose_file_of_another_length_is_written_again(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    path = loose(store, b"bytes")
    path.write_bytes(b"")
    assert store.read(store.put(b"bytes")) == b"bytes"


def test_any_suffix_is_found(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    digest, old = store.put(b"bytes", ".jpg"), loose(store, b"older", ".gif").stem
    assert (store.suffix(digest), store.suffix(old)) == (".jpg", ".gif")
    assert (store.read(digest), store.read(old)) == (b"bytes", b"older")


@pytest.mark.parametrize("name", ["", "0" * 64, "../" * 3, "*" * 64, "A" * 64])
def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    store = ImageStore(tmp_path)
    assert name not in store
    for look in (store.read, store.suffix):
        with pytest.raises(InputError, match="image_missing"):
            look(name)


def damage(store: ImageStore) -> None:
    (pack,) = (store.root / "packs").glob("*.tar")
    pack.write_bytes(pack.read_bytes().replace(b"bytes", b"byteZ"))


def test_bytes_that_were_changed_are_refused(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    digest, old = store.put(b"bytes"), loose(store, b"older")
    damage(store)
    old.write_bytes(b"oldeR")
    for name in (digest, old.stem):
        with pytest.raises(InputError, match="image_damaged"):
            store.read(name)


def test_an_image_that_was_damaged_is_healed_when_it_is_put_again(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    digest = store.put(b"bytes")
    store.packs.settle()
    damage(store)
    store = anew(store)
    store.put(b"bytes")
    assert store.read(digest) == b"bytes"
    assert anew(store).read(digest) == b"bytes"


def test_a_suffix_cannot_be_a_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="suffix"):
        ImageStore(tmp_path).put(b"bytes", "/../x")


def test_a_full_disk_is_the_users_to_mend_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, real, full = ImageStore(tmp_path), os.pwrite, True

    def pwrite(file: int, data: bytes, offset: int) -> int:
        if full and len(data) < 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[: len(data) // 2] if full else data, offset)

    kept = store.put(b"kept")
    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(StoreTrouble, match="No space left"):
        store.put(b"lost")
    full = False
    after = store.put(b"after")
    for view in (store, anew(store)):
        assert (view.read(kept), view.read(after)) == (b"kept", b"after")
        assert hashlib.sha256(b"lost").hexdigest() not in view


def test_writers_at_the_same_time_agree(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    images = [bytes([value]) * 2000 for value in range(40)]
    put: Callable[[bytes], str] = store.put
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(put, images))
    assert [store.read(digest) for digest in digests] == images
