"""Scratch room: it remembers what memory would, costs the same memory at any size, and leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medvlsynther.errors import StoreTrouble
from medvlsynther.store.scratch import Lists, Scratch

TEXTS = st.text(st.characters(codec="utf-8"), max_size=80)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(st.lists(TEXTS, max_size=30), TEXTS)
def test_keys_are_a_set(tmp_path: Path, added: list[str], other: str) -> None:
    known: set[str] = set()
    with Scratch(tmp_path) as scratch:
        keys = scratch.keys()
        for text in added:
            assert keys.add(text) is (text not in known)
            known.add(text)
        assert all(text in keys for text in added)
        assert (other in keys) is (other in known)
    assert not any(tmp_path.iterdir())


@quick
@given(st.lists(st.tuples(st.sampled_from(["", "a", "a" * 60, "b" * 60]), TEXTS), max_size=30))
def test_lists_keep_what_was_added_in_order(tmp_path: Path, added: list[tuple[str, str]]) -> None:
    with Scratch(tmp_path) as scratch:
        lists, others = scratch.lists(), scratch.lists()
        for key, value in added:
            lists.add(key, value)
        for key in ("", "a", "a" * 60, "b" * 60, "c"):
            assert lists.of(key) == [value for own, value in added if own == key]
            assert others.of(key) == []


def test_nothing_is_left_of_a_scratch_that_ends_in_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Scratch(tmp_path) as scratch:
        scratch.keys().add(str(1 // 0))
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_a_store_in_trouble(tmp_path: Path) -> None:
    with pytest.raises(StoreTrouble, match="Cannot remember more"), Scratch(tmp_path / "none"):
        pass


def test_a_full_disk_is_a_store_in_trouble(tmp_path: Path) -> None:
    def filled(lists: Lists) -> None:
        for number in range(10_000):
            lists.add(str(number), "x" * 100)

    with Scratch(tmp_path) as scratch:
        lists = scratch.lists()
        scratch.run("PRAGMA max_page_count = 20")
        with pytest.raises(StoreTrouble, match="Free some space"):
            filled(lists)


MEMORY = """
import resource, sys, tempfile
from pathlib import Path
from medvlsynther.store.scratch import Scratch
with tempfile.TemporaryDirectory() as folder, Scratch(Path(folder)) as scratch:
    keys, lists = scratch.keys(), scratch.lists()
    for number in range(int(sys.argv[1])):
        keys.add(f"PMC{number * 7919 % 10**7}.1/figure-{number}")
        lists.add(f"{number * 7919 % 10**7}", "x" * 50)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_what_is_remembered() -> None:
    def peak(count: int) -> int:
        done = subprocess.run([sys.executable, "-c", MEMORY, str(count)], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert peak(200_000) < peak(1_000) + 30_000
