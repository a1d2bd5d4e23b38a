"""A step is there whole or not at all, and has one writer."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from medvlsynther.errors import MissingInput, StoreTrouble
from medvlsynther.store.layout import DONE, Store, write_aside


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.prepare()
    return made


def test_a_step_appears_only_when_its_writer_succeeds(store: Store) -> None:
    with store.writing("s-1") as part:
        (part / DONE).write_bytes(orjson.dumps({"rows": 1}))
        assert store.manifest("s-1") is None
    assert store.manifest("s-1") == {"rows": 1}


def test_a_failed_writer_leaves_no_step_and_the_next_one_starts_clean(store: Store) -> None:
    def half() -> None:
        with store.writing("s-1") as part:
            (part / "half").write_text("half")
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        half()
    assert store.manifest("s-1") is None
    with store.writing("s-1") as part:
        assert list(part.iterdir()) == []


def test_a_second_writer_is_told_who_holds_the_step(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from medvlsynther.store.layout import Store\n"
        "with Store(Path(sys.argv[1])).writing('s-1'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreTrouble, match=f"written by process {holder.pid}"), store.writing("s-1"):
            pass
        holder.kill()
    with store.writing("s-1"):
        pass


def test_a_store_that_cannot_be_made_is_an_error_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreTrouble, match="Cannot write the store"):
        Store(tmp_path / "file" / "store").prepare()


def test_an_unknown_corpus_is_named(store: Store) -> None:
    with pytest.raises(MissingInput, match="Corpus abc"):
        store.corpus_path("abc")
    store.remember_corpus("abc", Path())
    assert store.corpus_path("abc") == Path.cwd()


def test_writing_aside_replaces_whole_files_and_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "a" / "f.json"
    write_aside(target, b"1")
    write_aside(target, b"2")
    assert target.read_bytes() == b"2"
    assert [p.name for p in target.parent.iterdir()] == ["f.json"]
