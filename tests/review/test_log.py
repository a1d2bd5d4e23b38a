"""Logs lose nothing that was acknowledged: cut, spoilt, full, killed, shared or replaced."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medvlsynther.errors import BadSetting, StoreTrouble
from medvlsynther.review.log import Logs, rater_name
from medvlsynther.rules.reviews import Entry

LOOSE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)


def said(number: int, note: str = "") -> Entry:
    return Entry(kind="decision", item_id=f"i{number}", decision="accept", note=note)


def kept(folder: Path, rater: str = "ada") -> list[str]:
    """Items decided, as a server that starts now reads them."""
    return [entry.item_id for entry in Logs(folder).sheet(rater).stack]


@LOOSE
@given(st.lists(st.text(max_size=20), min_size=1, max_size=6), st.data())
def test_cut_anywhere_whole_lines_stay_and_the_next_one_is_added(
    tmp_path_factory: pytest.TempPathFactory, notes: list[str], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    logs, ends = Logs(folder), [0]
    for number, note in enumerate(notes):
        logs.add("ada", said(number, note))
        ends.append((folder / "ada.jsonl").stat().st_size)
    cut = data.draw(st.integers(0, ends[-1]))
    os.truncate(folder / "ada.jsonl", cut)
    whole = sum(end <= cut for end in ends[1:])
    assert kept(folder) == [f"i{number}" for number in range(whole)]
    Logs(folder).add("ada", said(99))
    # A line that lacks nothing but its end may count as well: it was written, but nobody was told so.
    assert kept(folder) in (
        [*(f"i{n}" for n in range(whole)), "i99"],
        [*(f"i{n}" for n in range(whole + 1)), "i99"],
    )


@LOOSE
@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line and b"\r" not in line), max_size=5))
def test_what_is_no_entry_is_passed_over_and_counted(
    tmp_path_factory: pytest.TempPathFactory, spoilt: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    Logs(folder).add("ada", said(1))
    with (folder / "ada.jsonl").open("ab") as file:
        file.write(b"".join(line + b"\n" for line in spoilt))
    Logs(folder).add("ada", said(2))
    logs = Logs(folder)
    assert [entry.item_id for entry in logs.sheet("ada").stack] == ["i1", "i2"]
    assert logs.damaged.get("ada", 0) == sum(bool(line.strip()) for line in spoilt)


def test_threads_and_servers_add_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    servers = [Logs(tmp_path) for _ in range(3)]
    with ThreadPoolExecutor(9) as pool:
        list(pool.map(lambda n: servers[n % 3].add("ada", said(n, "x" * 3000)), range(90)))
    assert sorted(kept(tmp_path)) == sorted(f"i{n}" for n in range(90))
    for server in servers:
        assert len(server.sheet("ada").stack) == 90


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_spoils_nothing(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    logs.add("ada", said(1))
    size = (tmp_path / "ada.jsonl").stat().st_size
    with room_for(size + 20), pytest.raises(StoreTrouble, match="Not saved"):
        logs.add("ada", said(2))
    logs.add("ada", said(3))
    assert kept(tmp_path) == ["i1", "i3"]
    assert [entry.item_id for entry in logs.sheet("ada").stack] == ["i1", "i3"]


def test_a_log_that_another_file_took_the_place_of_is_read_anew(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "a")
    for number in range(5):
        logs.add("ada", said(number))
    Logs(tmp_path / "b").add("ada", said(9))
    (tmp_path / "b" / "ada.jsonl").replace(tmp_path / "a" / "ada.jsonl")
    assert [entry.item_id for entry in logs.sheet("ada").stack] == ["i9"]


WRITER = """
import sys
from pathlib import Path
from medvlsynther.review.log import Logs
from medvlsynther.rules.reviews import Entry
logs = Logs(Path(sys.argv[1]))
for number in range(100_000):
    logs.add("ada", Entry(kind="decision", item_id=f"i{number}", decision="accept", note="x" * 2000))
    print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 7, 40])
def test_killed_at_any_moment_everything_acknowledged_is_there(tmp_path: Path, after: int) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        acknowledged = [process.stdout.readline() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    numbers = [int(line) for line in acknowledged if line.endswith("\n")]
    assert len(numbers) >= after
    found = kept(tmp_path)
    assert found[: len(numbers)] == [f"i{n}" for n in numbers]
    assert len(found) <= len(numbers) + 1


@pytest.mark.parametrize(
    ("given_name", "kept_name"), [(" Ada Lovelace ", "ada-lovelace"), ("ADA", "ada"), ("r_2", "r_2")]
)
def test_a_name_is_kept_in_one_spelling(given_name: str, kept_name: str) -> None:
    assert rater_name(given_name) == kept_name


@given(st.text(max_size=60))
def test_any_name_is_a_plain_file_name_or_refused(text: str) -> None:
    try:
        name = rater_name(text)
    except BadSetting:
        return
    assert Path(f"{name}.jsonl").name == f"{name}.jsonl"
    assert name == rater_name(name)
    assert not name.startswith((".", "-"))
