"""A corpus in a bucket is the corpus in a folder: its digest, archives and images, read in pieces."""

import gzip
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from medvlsynther.catalog import ASSETS
from medvlsynther.errors import BadSetting, InputError, MissingInput
from medvlsynther.store.corpus import Corpus, open_member
from medvlsynther.store.mirror import AHEAD_MOST, RemoteFile, content
from medvlsynther.store.remote import Remote
from medvlsynther.store.tar import Member, Tar
from tests.buckets import BUCKET, Server, serving
from tests.test_interruption import results_of

IMAGES = [os.urandom(50_000 + 7 * number) for number in range(60)]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def url(prefix: str) -> str:
    return f"s3://{BUCKET}/{prefix}"


@pytest.fixture(scope="module")
def folder(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of all kinds of files, here and in the bucket below "corpus"."""
    root = tmp_path_factory.mktemp("corpus")
    (root / "PMC1").mkdir()
    (root / "PMC1" / "a.xml").write_text("<article/>")
    (root / "PMC1" / "a.jpg").write_bytes(IMAGES[0])
    (root / "captions.csv").write_text("image,caption\n")
    for name, pack in (("shard.tar", bytes), ("packed.tar.gz", gzip.compress)):
        plain = BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            for number, image in enumerate(IMAGES):
                member = tarfile.TarInfo(f"{number}.jpg")
                member.size = len(image)
                tar.addfile(member, BytesIO(image))
        (root / name).write_bytes(pack(plain.getvalue()))
    Remote(url("corpus")).send_folder(root, "")
    return root


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the pieces that were asked for."""
    asked: list[int] = []
    span = Remote.span

    def counted(self: Remote, key: str, offset: int, size: int) -> bytes:
        asked.append(size)
        return span(self, key, offset, size)

    monkeypatch.setattr(Remote, "span", counted)
    return asked


def test_where_a_corpus_lies_is_no_part_of_its_digest(folder: Path, tmp_path: Path) -> None:
    there, here = Corpus.at(url("corpus"), tmp_path), Corpus.at(folder)
    assert there.digest == here.digest
    Remote(url("mini")).send_folder(ASSETS / "corpora" / "miniature", "")
    assert Corpus.at(url("mini"), tmp_path).digest == Corpus.at("bundled:miniature").digest


def test_a_corpus_that_did_not_change_is_listed_and_not_read(folder: Path, tmp_path: Path, spans: list[int]) -> None:
    first = Corpus.at(url("corpus"), tmp_path)
    spans.clear()
    assert Corpus.at(url("corpus"), tmp_path) == first
    assert spans == []


def test_a_corpus_that_changed_is_another(folder: Path, tmp_path: Path) -> None:
    Remote(url("changing")).send_folder(folder, "")
    before = Corpus.at(url("changing"), tmp_path)
    Remote(url("changing")).write("PMC1/a.xml", b"<Article/>")
    after = Corpus.at(url("changing"), tmp_path)
    assert before.digest != after.digest
    assert (after.path / "PMC1" / "a.xml").read_bytes() == b"<Article/>"


def test_archives_and_images_are_read_out_of_the_bucket(folder: Path, tmp_path: Path) -> None:
    root = Corpus.at(url("corpus"), tmp_path).path
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) < 2000
    for name in ("shard.tar", "packed.tar.gz"):
        with Tar(root / name) as there, Tar(folder / name) as here:
            members = list(here.members())
            assert list(there.members()) == members
            for member in members[::7]:
                assert isinstance(member, Member)
                assert there.read(member.offset, member.size) == here.read(member.offset, member.size)
                named = f"{name}!{member.name}"
                assert open_member(root, named, 10**6) == open_member(folder, named, 10**6)
    sliced = "shard.tar@512+50000"
    assert open_member(root, sliced, 10**6) == open_member(folder, sliced, 10**6)
    assert open_member(root, "PMC1/a.jpg", 10**6) == IMAGES[0]
    with pytest.raises(InputError, match="image_too_large"):
        open_member(root, "PMC1/a.jpg", 1000)
    with pytest.raises(InputError, match="tar_truncated"):
        open_member(root, f"shard.tar@{10**8}+5", 10**6)


def test_reading_on_takes_large_pieces_and_jumping_the_asked_bytes(
    folder: Path, tmp_path: Path, spans: list[int]
) -> None:
    root = Corpus.at(url("corpus"), tmp_path).path
    size = (folder / "shard.tar").stat().st_size
    spans.clear()
    with Tar(root / "shard.tar") as tar:
        members = [member for member in tar.members() if isinstance(member, Member)]
    assert len(spans) < 12
    assert max(spans) <= AHEAD_MOST
    assert sum(spans) < 1.2 * size
    spans.clear()
    file = content(root / "shard.tar")
    assert isinstance(file, RemoteFile)
    for member in members[::-9]:
        assert file.pread(member.size, member.offset) == IMAGES[int(member.name.partition(".")[0])]
    assert sum(spans) < 1.2 * sum(member.size for member in members[::-9])


@pytest.mark.parametrize("name", ["a//b.xml", "a/../b.xml", "x" * 300 + ".xml"])
def test_names_that_cannot_be_files_are_refused(server: Server, tmp_path: Path, name: str) -> None:
    import boto3

    prefix = f"odd{len(name)}{name[2]}".replace("/", "-").replace(".", "_")
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=b"<article/>")
    with pytest.raises((BadSetting, MissingInput), match=r"cannot be a file|Nothing to read"):
        Corpus.at(url(prefix), tmp_path)
    assert not list(tmp_path.rglob("*.xml"))


def test_an_empty_prefix_is_said(server: Server, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="Nothing to read in 's3://tests/nothing'"):
        Corpus.at(url("nothing"), tmp_path)


@pytest.mark.slow
def test_a_run_on_a_corpus_in_a_bucket_is_that_on_a_folder(server: Server, tmp_path: Path) -> None:
    Remote(url("run")).send_folder(ASSETS / "corpora" / "miniature", "")
    options = ["--set", "label=null", "--set", "explain=null", "--set", "export.hf=null", "--set", "probe=null"]
    for store, more in (("here", []), ("there", ["--set", f"collect.path={url('run')}"])):
        command = [sys.executable, "-m", "medvlsynther", "run", "quickstart", "--store", store, *options, *more]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    here, there = (results_of(tmp_path / store) for store in ("here", "there"))
    tables = [name for name in here if name.startswith("steps/")]
    assert {name: there.get(name) for name in tables} == {name: here[name] for name in tables}
