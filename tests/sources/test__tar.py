"""Hostile archives: bombs, links, names that point outside, damage in the middle."""

import gzip
import io
import tarfile
import zlib
from pathlib import Path

from medvlsynther.sources import _tar
from tests.sources.material import tar


def scan(path: Path) -> _tar.Contents:
    return _tar.scan(path, path.name, lambda name: name.endswith(".xml"), 1_000_000)


def test_a_bomb_is_stopped_early(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    header = tarfile.TarInfo("zeros.bin")
    header.size = 2**33
    with (tmp_path / "bomb.tar.gz").open("wb") as file:
        file.write(packer.compress(header.tobuf()))
        for _ in range(200):
            file.write(packer.compress(bytes(2**20)))
        file.write(packer.flush())
    trouble = scan(tmp_path / "bomb.tar.gz").trouble
    assert trouble is not None
    assert trouble.reason == "archive_too_large"


def test_a_long_name_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2**34
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(1000)))
    assert scan(path).trouble is not None


def test_endless_chains_of_headers_end(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 10
    path = tmp_path / "a.tar"
    path.write_bytes((header.tobuf(tarfile.GNU_FORMAT) + b"name".ljust(512, b"\0")) * 3000)
    assert scan(path).trouble is not None


def test_links_devices_and_names_outside_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("link.jpg", tarfile.SYMTYPE), ("hard.xml", tarfile.LNKTYPE), ("dev.xml", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name in ("../out.xml", "/etc/x.xml", "a/../../b.xml", "good.xml"):
            info = tarfile.TarInfo(name)
            info.size = 4
            archive.addfile(info, io.BytesIO(b"<a/>"))
    contents = scan(path)
    assert [member.name for member in contents.members] == ["good.xml"]
    assert len(contents.unsafe) == 3
    assert contents.documents == {"good.xml": b"<a/>"}


def test_damage_in_the_middle_is_not_taken_for_the_end(tmp_path: Path) -> None:
    for name in ("a.tar", "a.tar.gz"):
        path = tar(tmp_path / name, {f"{n}.xml": b"<a/>" for n in range(5)})
        data = bytearray(gzip.decompress(path.read_bytes()) if name.endswith("gz") else path.read_bytes())
        data[2 * 1024 + 150] ^= 0xFF  # in the checksum of the third header
        path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
        contents = scan(path)
        assert list(contents.documents) == ["0.xml", "1.xml"]
        assert contents.trouble is not None
        assert contents.trouble.reason == "damaged_archive"


def test_a_second_pass_reads_what_did_not_fit(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar.gz", {f"{n}.xml": f"<a>{n}</a>".encode() for n in range(4)})
    contents = scan(path)
    contents.documents.pop("2.xml")
    found = dict(_tar.documents(path, "a", contents, frozenset({"1.xml", "2.xml"})))
    assert found == {"1.xml": b"<a>1</a>", "2.xml": b"<a>2</a>"}
