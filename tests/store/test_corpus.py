"""A corpus is its content: the same wherever it lies, another after any edit; its members stay inside it."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from medvlsynther.errors import InputError, MissingInput, UnknownName
from medvlsynther.fingerprint import fingerprint
from medvlsynther.store import corpus as room
from medvlsynther.store.corpus import EDGE_BYTES, Corpus, open_member

LIMIT = 1 << 20


def fill(root: Path) -> Path:
    (root / "deep").mkdir(parents=True)
    (root / "a.xml").write_text("<a/>")
    (root / "deep" / "b.jpg").write_bytes(b"\xff" * (3 * EDGE_BYTES))
    (root / ".hidden").write_text("no part")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fill(tmp_path / "corpus")


def pack(path: Path, files: dict[str, bytes], mode: str = "w") -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


# ----------------------------------------------------------------------------------------------------- identity


def test_the_digest_does_not_depend_on_the_place_or_on_times(root: Path, tmp_path: Path) -> None:
    other = fill(tmp_path / "elsewhere")
    os.utime(other / "a.xml", (0, 0))
    assert Corpus.at(root) == Corpus.at(other)
    assert fingerprint(Corpus.at(root)) == fingerprint(Corpus.at(other))
    assert len(Corpus.at(root).digest) == 16


def test_any_edit_makes_another_corpus(root: Path) -> None:
    digests = {Corpus.at(root).digest}
    (root / "a.xml").write_text("<b/>")
    digests.add(Corpus.at(root).digest)
    (root / "a.xml").rename(root / "c.xml")
    digests.add(Corpus.at(root).digest)
    with (root / "deep" / "b.jpg").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\0")
    digests.add(Corpus.at(root).digest)
    (root / "new.txt").touch()
    digests.add(Corpus.at(root).digest)
    assert len(digests) == 5


def test_hidden_files_are_no_part_of_it(root: Path) -> None:
    before = Corpus.at(root).digest
    (root / ".hidden").write_text("other")
    assert Corpus.at(root).digest == before


def test_an_unchanged_folder_is_not_read_again(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Corpus.at(root, tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr(room, "_digest", lambda *_: pytest.fail("read again"))
        assert Corpus.at(root, tmp_path / "cache") == first
    (root / "a.xml").write_text("<c/>")
    assert Corpus.at(root, tmp_path / "cache") == Corpus.at(root) != first


def test_pipes_and_dangling_links_do_no_harm(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "dangling").symlink_to(root / "nowhere")
    (root / "loop").symlink_to(root / "loop")
    assert Corpus.at(root).digest
    assert Corpus.at(root) == Corpus.at(root)


def test_a_bundled_corpus_goes_by_its_name() -> None:
    with pytest.raises(UnknownName, match="nothing-of-the-kind"):
        Corpus.at("bundled:nothing-of-the-kind")
    with pytest.raises(UnknownName):
        Corpus.at("bundled:../vocab")


def test_what_is_not_there_is_said_with_a_mend(tmp_path: Path, root: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, word in ((tmp_path / "nowhere", "exists"), (root / "a.xml", "holds it"), (tmp_path / "empty", "holds")):
        with pytest.raises(MissingInput, match=word) as caught:
            Corpus.at(path, where="recipe: collect.path")
        assert str(caught.value).startswith("recipe: collect.path: ")


# ------------------------------------------------------------------------------------------------------ members


def test_a_member_is_a_file_a_name_in_an_archive_or_a_slice_of_one(root: Path) -> None:
    files = {"PMC1/a.jpg": b"first", "PMC1/b.jpg": b"second"}
    pack(root / "deep" / "a.tar", files)
    pack(root / "b.tar.gz", files, "w:gz")
    with tarfile.open(root / "deep" / "a.tar") as archive:
        offset = archive.getmember("PMC1/b.jpg").offset_data
    assert open_member(root, "a.xml", LIMIT) == b"<a/>"
    assert open_member(root, "deep/a.tar!PMC1/a.jpg", LIMIT) == b"first"
    assert open_member(root, "b.tar.gz!PMC1/b.jpg", LIMIT) == b"second"
    assert open_member(root, f"deep/a.tar@{offset}+6", LIMIT) == b"second"


def test_an_archive_that_changed_is_opened_again(root: Path) -> None:
    pack(root / "a.tar", {"a.jpg": b"first"})
    assert open_member(root, "a.tar!a.jpg", LIMIT) == b"first"
    pack(root / "a.tar", {"padding": b"", "a.jpg": b"second"})
    assert open_member(root, "a.tar!a.jpg", LIMIT) == b"second"


@pytest.mark.parametrize(
    "member", ["../secret.jpg", "/etc/hostname", "out.jpg", "out/secret.jpg", "deep/../../secret.jpg"]
)
def test_no_member_leaves_the_corpus(root: Path, member: str) -> None:
    (root.parent / "secret.jpg").write_bytes(b"secret")
    (root / "out.jpg").symlink_to(root.parent / "secret.jpg")
    (root / "out").symlink_to(root.parent)
    for form in (member, f"{member}.tar@0+1", f"{member}.tar!a"):
        with pytest.raises(InputError) as caught:
            open_member(root, form, LIMIT)
        assert caught.value.reason in {"outside_corpus", "image_missing"}
    with pytest.raises(InputError, match="outside_corpus"):
        open_member(root, member, LIMIT)


def test_a_link_inside_the_corpus_is_followed(root: Path) -> None:
    (root / "in.xml").symlink_to(root / "a.xml")
    assert open_member(root, "in.xml", LIMIT) == b"<a/>"


@pytest.mark.parametrize(
    "member", ["", "nowhere.jpg", "deep", "a.xml/b", "nul\0.jpg", "x" * 5000, "pipe", "a.tar!nowhere"]
)
def test_what_is_not_there_is_missing(root: Path, member: str) -> None:
    os.mkfifo(root / "pipe")
    pack(root / "a.tar", {"a.jpg": b"first"})
    with pytest.raises(InputError, match="image_missing"):
        open_member(root, member, LIMIT)


def test_the_limit_holds_for_every_form(root: Path) -> None:
    pack(root / "a.tar", {"a.jpg": bytes(100)})
    (root / "b.jpg").write_bytes(bytes(100))
    for member in ("b.jpg", "a.tar!a.jpg", "a.tar@512+100"):
        assert open_member(root, member, 100) == bytes(100)
        with pytest.raises(InputError, match="image_too_large"):
            open_member(root, member, 99)


def test_damage_is_the_reason_that_an_image_is_missing(root: Path) -> None:
    pack(root / "a.tar", {"a.jpg": bytes(5000), "b.jpg": bytes(5000)})
    (root / "cut.tar").write_bytes((root / "a.tar").read_bytes()[:8000])
    assert open_member(root, "cut.tar!a.jpg", LIMIT) == bytes(5000)
    with pytest.raises(InputError, match="tar_truncated"):
        open_member(root, "cut.tar!b.jpg", LIMIT)
    with pytest.raises(InputError, match="tar_truncated"):
        open_member(root, "cut.tar@6000+5000", LIMIT)
    (root / "cut.tgz").write_bytes(gzip.compress((root / "a.tar").read_bytes())[:40])
    with pytest.raises(InputError, match="gzip_damaged"):
        open_member(root, "cut.tgz!b.jpg", LIMIT)
    (root / "lfs.tar").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(InputError, match="lfs_pointer"):
        open_member(root, "lfs.tar!b.jpg", LIMIT)
