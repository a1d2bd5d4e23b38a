"""Archives by offset: what can be read is read, what cannot is reported, wherever the damage is."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.errors import InputError
from medvlsynther.store import tar
from medvlsynther.store.tar import Damage, Member, Tar

FILES = {f"k{number}.json": bytes([97 + number]) * (300 * number + 1) for number in range(6)}


def packed(files: dict[str, bytes], kind: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def walked(path: Path) -> tuple[dict[str, bytes], list[str]]:
    """What an archive holds by our reading: members' bytes, and reasons of damage."""
    files, reasons = {}, []
    with Tar(path) as archive:
        for entry in archive.members():
            if isinstance(entry, Member):
                files[entry.name] = archive.read(entry.offset, entry.size)
            else:
                reasons.append(entry.reason)
    return files, reasons


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_names_and_bytes_are_those_that_tarfile_wrote(tmp_path: Path, kind: int) -> None:
    deep = "/".join(["folder"] * 20) + "/name.jpg"
    files = {**FILES, deep: b"deep", **({} if kind == tarfile.USTAR_FORMAT else {"ü" * 120 + ".json": b"long"})}
    path = tmp_path / "a.tar"
    path.write_bytes(packed(files, kind))
    assert walked(path) == (files, [])


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z0-9.\-]{1,130}", fullmatch=True), st.binary(max_size=2000), max_size=5))
def test_every_archive_comes_back(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    path.write_bytes(packed(files))
    assert walked(path) == (files, [])


def test_only_regular_files_are_members(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("dir", tarfile.DIRTYPE), ("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        archive.addfile(tarfile.TarInfo("file"))
    assert walked(path) == ({"file": b""}, [])


def test_joined_archives_are_read_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(packed({"one": b"1"}) + packed({"two": b"2"}))
    assert walked(path) == ({"one": b"1", "two": b"2"}, [])


def test_a_cut_archive_gives_all_that_stands_before_the_cut(tmp_path: Path) -> None:
    whole, path = packed(FILES), tmp_path / "a.tar"
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        last = archive.getmember("k5.json").offset_data
    path.write_bytes(whole[: last + 100])
    files, reasons = walked(path)
    assert list(files) == list(FILES)[:-1]
    assert reasons == ["tar_truncated"]


def test_a_cut_between_two_members_is_seen_too(tmp_path: Path) -> None:
    whole, path = packed(FILES), tmp_path / "a.tar"
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        path.write_bytes(whole[: archive.getmember("k3.json").offset])
    files, reasons = walked(path)
    assert list(files) == list(FILES)[:3]
    assert reasons == ["tar_truncated"]


def test_reading_goes_on_after_a_bad_header(tmp_path: Path) -> None:
    whole, path = bytearray(packed(FILES)), tmp_path / "a.tar"
    with tarfile.open(fileobj=io.BytesIO(bytes(whole))) as archive:
        place = archive.getmember("k2.json").offset
    whole[place : place + 512] = b"\xff" * 512
    path.write_bytes(whole)
    files, reasons = walked(path)
    assert files == {name: data for name, data in FILES.items() if name != "k2.json"}
    assert reasons == ["tar_damaged"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_never_raises_and_never_invents(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    whole = bytearray(packed(FILES))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    files, reasons = walked(path)
    assert len(files) <= len(FILES)
    assert all(reason in {"tar_truncated", "tar_damaged", "gzip_damaged"} for reason in reasons)


def test_a_compressed_archive_is_read_like_a_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(gzip.compress(packed(FILES)))
    assert walked(path) == (FILES, [])


def test_a_cut_compressed_archive_gives_what_unpacks(tmp_path: Path) -> None:
    noise = {f"k{n}": bytes((n * i * i) % 251 for i in range(40_000)) for n in range(1, 6)}
    path, whole = tmp_path / "a.tar.gz", gzip.compress(packed(noise))
    path.write_bytes(whole[: len(whole) * 3 // 4])
    files, reasons = walked(path)
    assert 0 < len(files) < 5
    assert "gzip_damaged" in reasons


def test_a_bomb_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "UNPACKED_LIMIT_BYTES", 1 << 21)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(packed({"zeros": bytes(1 << 24)})))
    assert walked(path) == ({}, ["tar_truncated", "tar_too_large"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "tar_truncated"), (b"not a tar", "tar_truncated"), (b"x" * 2000, "tar_damaged")],
)
def test_what_is_no_archive_is_reported(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    files, reasons = walked(path)
    assert files == {}
    assert reasons == [reason]


def test_a_pointer_is_named_as_one(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(InputError, match="lfs_pointer"):
        Tar(path)


def test_a_folder_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tar_unreadable"):
        Tar(tmp_path)


def test_offsets_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(packed(FILES))
    with Tar(path) as archive:
        entries = list(archive.members())
    assert not [entry for entry in entries if isinstance(entry, Damage)]
    with tarfile.open(path) as known:
        assert entries == [(info.name, info.offset_data, info.size) for info in known]
