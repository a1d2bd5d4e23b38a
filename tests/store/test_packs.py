"""Packs: what was put is there, whatever happened to writers and indices; any tool reads them; handles are few."""

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.store import _pack_index, _pack_writer
from medvlsynther.store import packs as module
from medvlsynther.store._pack_index import Entries, key_of
from medvlsynther.store.packs import Packs

WRITER = """
import sys, hashlib
from pathlib import Path
from medvlsynther.store.images import ImageStore
store = ImageStore(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    print(store.put(f"{sys.argv[2]} {number}".encode() * 300), flush=True)
"""


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(packs: Packs, *images: bytes) -> list[str]:
    for image in images:
        packs.put(digest(image), image, ".png")
    return [digest(image) for image in images]


def got(packs: Packs, sha256: str) -> bytes | None:
    place = next(iter(packs.places(sha256)), None)
    return packs.read(place) if place else None


def pack_of(folder: Path) -> Path:
    (pack,) = folder.glob("*.tar")
    return pack


@given(images=st.lists(st.binary(max_size=1500), max_size=12), broken=st.sampled_from(["", "gone", "torn", "bit"]))
def test_what_was_put_is_there_with_any_index(
    tmp_path_factory: pytest.TempPathFactory, images: list[bytes], broken: str
) -> None:
    folder = tmp_path_factory.mktemp("packs")
    packs = Packs(folder)
    names = put(packs, *images)
    assert [got(packs, name) for name in names] == images
    packs.close()
    for index in folder.glob("*.index"):
        data = bytearray(index.read_bytes())
        if broken == "gone":
            index.unlink()
        elif broken == "torn":
            index.write_bytes(data[: len(data) // 2])
        elif broken == "bit":
            data[len(data) * 2 // 3] ^= 4
            index.write_bytes(data)
    anew = Packs(folder)
    assert [got(anew, name) for name in names] == images
    assert got(anew, digest(b"never put" * 400)) is None
    anew.close()


def test_a_pack_torn_at_any_byte_loses_its_last_image_only_and_the_next_run_is_whole(tmp_path: Path) -> None:
    packs = Packs(tmp_path / "whole")
    first, second = put(packs, b"a" * 700, b"b" * 700)
    packs.close()
    data = pack_of(tmp_path / "whole").read_bytes()[:-1024]
    for end in range(1536, len(data), 37):
        folder = tmp_path / f"torn{end}"
        folder.mkdir()
        (folder / "killed.tar").write_bytes(data[:end])
        again = Packs(folder)
        assert got(again, first) == b"a" * 700
        padding = len(data) - end <= 1024 - 700
        assert (got(again, second) is not None) == padding
        put(again, b"b" * 700)
        assert got(again, second) == b"b" * 700
        again.close()


def test_a_damaged_header_costs_its_own_image(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    names = put(packs, b"a" * 600, b"b" * 600, b"c" * 600)
    packs.close()
    pack = pack_of(tmp_path)
    data = bytearray(pack.read_bytes())
    data[1536 + 20] ^= 1
    pack.write_bytes(data)
    pack.with_suffix(".index").unlink()
    assert [got(Packs(tmp_path), name) for name in names] == [b"a" * 600, None, b"c" * 600]


def test_any_tool_can_read_a_pack(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    names = put(packs, b"one", b"two" * 1000)
    packs.close()
    with tarfile.open(pack_of(tmp_path)) as tar:
        assert [member.name for member in tar] == [f"{name}.png" for name in names]
    listed = subprocess.run(["tar", "-tf", pack_of(tmp_path)], check=True, capture_output=True, text=True)
    assert listed.stdout.split() == [f"{name}.png" for name in names]
    assert listed.stderr == ""


def test_a_killed_writer_loses_nothing_that_it_had_put(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path), "killed", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        put_before = [process.stdout.readline().strip() for _ in range(400)]
        process.send_signal(signal.SIGKILL)
        put_before += process.stdout.read().split()[:-1]
    packs = Packs(tmp_path / "packs")
    assert all(digest(got(packs, name) or b"") == name for name in put_before)


def test_processes_on_one_folder_do_not_disturb_each_other_and_see_each_other(tmp_path: Path) -> None:
    before = Packs(tmp_path / "packs")
    assert got(before, digest(b"one 0" * 300)) is None
    commands = [[sys.executable, "-c", WRITER, str(tmp_path), name, "60"] for name in ("one", "two", "one")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    names = [name for process in processes for name in process.communicate()[0].split()]
    assert len(list((tmp_path / "packs").glob("*.tar"))) in (2, 3)
    assert len(set(names)) == 120
    assert all(digest(got(before, name) or b"") == name for name in names)


def test_a_pack_under_way_is_read_by_others(tmp_path: Path) -> None:
    writer, reader = Packs(tmp_path), Packs(tmp_path)
    for number in range(5):
        (name,) = put(writer, b"%d" % number * 900)
        assert got(reader, name) == b"%d" % number * 900
    writer.close()


def test_packs_are_closed_at_a_size_and_handles_stay_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pack_writer, "MOST_BYTES", 4000)
    packs = Packs(tmp_path)
    images = [b"%d" % number * 500 for number in range(200)]
    names = put(packs, *images)
    sizes = [path.stat().st_size for path in tmp_path.glob("*.tar")]
    assert len(sizes) > module._OPEN_FILES
    assert max(sizes) < 4000 + 3 * 1024 + 1024
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a listing of numbers
    assert [got(packs, name) for name in names] == images
    assert len(os.listdir("/proc/self/fd")) <= before + module._OPEN_FILES  # noqa: PTH208
    packs.close()


def test_a_long_tail_gets_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pack_index, "WORTH_AN_INDEX", 3)
    packs = Packs(tmp_path)
    names = put(packs, *(b"%d" % number for number in range(8)))
    packs.close()
    index = pack_of(tmp_path).with_suffix(".index")
    kept = index.read_bytes()
    index.unlink()
    assert all(got(Packs(tmp_path), name) is not None for name in names)
    assert index.read_bytes() == kept


def test_an_index_of_another_pack_is_not_believed(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    (name,) = put(packs, b"short")
    packs.close()
    members = {key_of(name): (10**9, 5)}
    pack_of(tmp_path).with_suffix(".index").write_bytes(Entries.of(10**9 + 512, members).packed())  # type: ignore[arg-type]
    assert got(Packs(tmp_path), name) == b"short"
