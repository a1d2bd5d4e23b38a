"""The ledger: what was put is there, whatever happened since; what was torn is skipped; nobody disturbs anybody."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.cards import Model
from medvlsynther.errors import StoreTrouble
from medvlsynther.store import _ledger_index, _ledger_segment
from medvlsynther.store import ledger as module
from medvlsynther.store.ledger import Ledger, ledger_folder

KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1, max_size=20)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(-(2**53), 2**53), st.none(), st.booleans()), max_size=4)

WRITER = """
import sys
from pathlib import Path
from medvlsynther.store.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    ledger.put(f"{sys.argv[2]}-{number}", {"text": "x" * 2000, "number": number})
    print(number, flush=True)
if len(sys.argv) > 4:
    sys.stdin.read()
ledger.close()
"""


def put_all(folder: Path, entries: dict[str, dict[str, Any]]) -> None:
    with Ledger(folder) as ledger:
        for key, value in entries.items():
            ledger.put(key, value)


def segments(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def writer(folder: Path, name: str, count: int, *more: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", WRITER, str(folder), name, str(count), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=12))
def test_what_was_put_is_there_before_and_after_reopening(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    with Ledger(folder) as ledger:
        for key, value in entries.items():
            ledger.put(key, value)
        assert {key: ledger.get(key) for key in entries} == entries
    with Ledger(folder) as ledger:
        assert {key: ledger.get(key) for key in entries} == entries
        assert dict(ledger.items()) == entries
        assert len(ledger) == len(entries)
        assert ledger.damaged == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "00ff", "c", "d", "e", "f00", "1"]), st.integers(0, 99)), max_size=60)
)
def test_the_index_agrees_with_a_plain_dictionary(
    tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[str, int]]
) -> None:
    expected: dict[str, int] = {}
    with pytest.MonkeyPatch.context() as patch, Ledger(tmp_path_factory.mktemp("ledger")) as ledger:
        patch.setattr(_ledger_index, "_FRESH_MOST", 3)
        for key, number in puts:
            ledger.put(key, {"number": number})
            expected[key] = number
            assert ledger.get(key) == {"number": number}
        assert {key: value["number"] for key, value in ledger.items()} == expected


def test_two_keys_with_one_digest_are_never_taken_for_each_other(tmp_path: Path) -> None:
    long = "1" + "0" * 15 + "7"  # its last 64 bits are those of "7"
    with Ledger(tmp_path) as ledger:
        ledger.put("7", {"text": "seven"})
        assert ledger.get(long) is None
        ledger.put(long, {"text": "long"})
        assert ledger.get(long) == {"text": "long"}
        assert ledger.get("7") is None


def test_a_tail_torn_at_any_byte_loses_its_own_line_only(tmp_path: Path) -> None:
    put_all(tmp_path / "whole", {"a": {"text": "first"}, "b": {"text": "zweite, übrigens"}})
    (segment,) = segments(tmp_path / "whole")
    data = segment.read_bytes()
    first = data.index(b"\n") + 1
    for end in range(first, len(data)):
        folder = tmp_path / f"torn{end}"
        folder.mkdir()
        (folder / segment.name).write_bytes(data[:end])
        with Ledger(folder) as ledger:
            assert ledger.get("a") == {"text": "first"}
            assert ledger.get("b") is None
            ledger.put("b", {"text": "again"})
        with Ledger(folder) as ledger:
            assert ledger.get("a") == {"text": "first"}
            assert ledger.get("b") == {"text": "again"}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_one_damaged_byte_costs_one_line_and_is_counted(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    entries = {f"k{number}": {"text": f"reply {number}"} for number in range(5)}
    put_all(folder, entries)
    (segment,) = segments(folder)
    text = bytearray(segment.read_bytes())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= data.draw(st.integers(1, 255))
    segment.write_bytes(text)
    with Ledger(folder) as ledger:
        found = dict(ledger.items())
        assert all(entries[key] == value for key, value in found.items())
        assert 3 <= len(found) <= 4  # a newline lost or won joins two lines into one, or splits one
        assert ledger.damaged or at == len(text) - 1


def test_what_no_ledger_wrote_is_skipped(tmp_path: Path) -> None:
    put_all(tmp_path, {"a": {"text": "kept"}})
    (tmp_path / "zeros.jsonl").write_bytes(bytes(1 << 20))
    (tmp_path / "prose.jsonl").write_bytes(b"not a ledger\n" * 10)
    (tmp_path / "notes.txt").write_text("hands off")
    with Ledger(tmp_path) as ledger:
        assert dict(ledger.items()) == {"a": {"text": "kept"}}
        assert ledger.damaged == 10


def test_a_killed_writer_loses_nothing_that_it_had_put(tmp_path: Path) -> None:
    with writer(tmp_path, "killed", 1_000_000) as process:
        assert process.stdout is not None
        for _ in range(300):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in process.stdout.read().splitlines()[:-1])])
    with Ledger(tmp_path) as ledger:
        assert all(ledger.get(f"killed-{number}") for number in range(last + 1))


def test_processes_on_one_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    processes = [writer(tmp_path, name, 200) for name in ("one", "two", "three")]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert len(segments(tmp_path)) == 3
    with Ledger(tmp_path) as ledger:
        assert len(ledger) == 600
        assert ledger.damaged == 0


def test_a_reply_that_another_process_paid_for_is_seen_without_reopening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.0)
    with Ledger(tmp_path) as ledger:
        assert ledger.get("other-1") is None
        with writer(tmp_path, "other", 2, "stay") as process:
            assert process.stdout is not None
            assert [process.stdout.readline() for _ in range(2)] == [b"0\n", b"1\n"]
            assert ledger.get("other-1") == {"text": "x" * 2000, "number": 1}
            process.communicate()


def test_a_forked_child_starts_its_own_segment(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from medvlsynther.store.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.put("before", {})
child = os.fork()
for number in range(100):
    ledger.put(f"{'parent' if child else 'child'}-{number}", {"number": number})
if child:
    os.waitpid(child, 0)
    ledger.close()
else:
    os._exit(0)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], check=True)
    assert len(segments(tmp_path)) == 2
    with Ledger(tmp_path) as ledger:
        assert len(ledger) == 201
        assert ledger.damaged == 0


def failing_writes(monkeypatch: pytest.MonkeyPatch, fails: Callable[[], bool]) -> None:
    """Let writes fail as on a full disk: half of the bytes are written first."""
    real = os.pwrite

    def pwrite(file: int, data: bytes, offset: int) -> int:
        if fails():
            if len(data) > 1:
                return real(file, data[: len(data) // 2], offset)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = False
    failing_writes(monkeypatch, lambda: full)
    with Ledger(tmp_path) as ledger:
        ledger.put("before", {"text": "kept"})
        full = True
        with pytest.raises(StoreTrouble, match=r"No space left.*Free space"):
            ledger.put("lost", {"text": "not kept"})
        assert ledger.get("lost") is None
        assert ledger.get("before") == {"text": "kept"}
        full = False
        ledger.put("after", {"text": "kept too"})
    with Ledger(tmp_path) as ledger:
        assert dict(ledger.items()) == {"before": {"text": "kept"}, "after": {"text": "kept too"}}
        assert ledger.damaged == 0


def test_a_real_limit_on_file_size_is_told_like_a_full_disk(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from medvlsynther.errors import StoreTrouble
from medvlsynther.store.ledger import Ledger
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
with Ledger(Path(sys.argv[1])) as ledger:
    try:
        for number in range(100):
            ledger.put(str(number), {"text": "x" * 300})
    except StoreTrouble:
        print(number)
"""
    result = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True)
    put = int(result.stdout)
    assert 20 < put < 40
    with Ledger(tmp_path) as ledger:
        assert len(ledger) == put
        assert ledger.damaged == 0


def test_a_failed_sync_is_told_at_the_next_put_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Event()

    def fdatasync(file: int) -> None:
        tried.set()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(_ledger_segment, "SYNC_EVERY_S", 0.001)
    ledger = Ledger(tmp_path)
    ledger.put("a", {})
    assert tried.wait(30)
    assert ledger._writer is not None
    ledger._writer._thread.join(0.1)  # the thread tells a moment after it tried
    with pytest.raises(StoreTrouble, match="No space left"):
        ledger.put("b", {})
    with pytest.raises(StoreTrouble, match="No space left"):
        ledger.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with Ledger(tmp_path / "file" / "ledger") as ledger, pytest.raises(StoreTrouble, match="cannot be kept"):
        ledger.put("a", {})


def test_looking_makes_no_folder(tmp_path: Path) -> None:
    with Ledger(tmp_path / "none") as ledger:
        assert ledger.get("a") is None
    assert not (tmp_path / "none").exists()


def test_nothing_stays_open(tmp_path: Path) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before, threads = open_files(), threading.active_count()
    for number in range(40):
        put_all(tmp_path, {f"k{number}": {}})
    with Ledger(tmp_path) as ledger:
        assert all(ledger.get(f"k{number}") == {} for number in range(40))
        assert open_files() - before <= module._OPEN_FILES + 1
    ledger.close()
    assert open_files() == before
    assert threading.active_count() == threads


@pytest.mark.parametrize("key", ["", "a b", 'a"b', "a\\b", "a\n", "é"])
def test_a_key_that_a_line_cannot_carry_is_refused(tmp_path: Path, key: str) -> None:
    with Ledger(tmp_path) as ledger, pytest.raises(ValueError, match="not a ledger key"):
        ledger.put(key, {})


def test_a_closed_ledger_takes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.close()
    with pytest.raises(ValueError, match="closed"):
        ledger.put("a", {})


def test_any_tool_can_read_a_segment(tmp_path: Path) -> None:
    put_all(tmp_path, {"a": {"text": "one"}, "b": {"text": "two"}})
    (segment,) = segments(tmp_path)
    lines = [orjson.loads(line) for line in segment.read_bytes().splitlines()]
    assert [(line["key"], line["reply"]["text"]) for line in lines] == [("a", "one"), ("b", "two")]


def test_a_renamed_or_mended_card_finds_its_replies(tmp_path: Path) -> None:
    model = Model(description="d", repo="org/model", family="f")
    folder = ledger_folder(tmp_path, model)
    put_all(folder, {"a": {}})
    renamed = Model(description="mended", repo="org/model", family="f")
    renamed._name = "other-name"
    assert ledger_folder(tmp_path, renamed) == folder
    other = Model(description="d", repo="org/model", family="f", extra_body={"top_k": 1})
    assert ledger_folder(tmp_path, other) != folder


def opened_apart(folder: Path, *values: str) -> list[str]:
    """Ledgers that put one key each without seeing each other: their segments' names, in order."""
    ledgers = [Ledger(folder) for _ in values]
    for ledger in ledgers:
        assert ledger.get("k") is None
    for ledger, value in zip(ledgers, values, strict=True):
        ledger._looked_s = float("inf")  # none of them looks at the folder again
        ledger._look = lambda: None  # type: ignore[method-assign]
        ledger.put("k", {"text": value})
        assert ledger.get("k") == {"text": value}
        ledger.close()
    return [path.name for path in segments(folder)]


def reply(folder: Path) -> Any:
    with Ledger(folder) as ledger:
        return ledger.get("k")


@given(order=st.permutations(range(3)), clock=st.integers(0, 2**31))
@settings(max_examples=15)
def test_which_of_several_replies_counts_depends_on_the_segments_alone(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], clock: int
) -> None:
    folder, copy = tmp_path_factory.mktemp("ledger"), tmp_path_factory.mktemp("copy")
    names = opened_apart(folder, "one", "two", "three")
    for place in order:  # copied in another order, and at times that say something else
        (copy / names[place]).write_bytes((folder / names[place]).read_bytes())
        os.utime(copy / names[place], (clock + place, clock + place))
    assert reply(copy) == reply(folder)


def test_a_reply_put_in_place_of_another_wins_whatever_the_clocks_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_all(tmp_path, {"k": {"text": "unusable"}})
    monkeypatch.setattr("time.time", lambda: 0.0)  # another host, whose clock is decades behind
    monkeypatch.setattr("time.gmtime", lambda *_: (1970, 1, 1, 0, 0, 0, 0, 0, 0))
    with Ledger(tmp_path) as ledger:
        assert ledger.get("k") == {"text": "unusable"}
        ledger.put("k", {"text": "usable"})
        assert ledger.get("k") == {"text": "usable"}
    assert reply(tmp_path) == {"text": "usable"}


def test_segments_named_by_date_are_older_than_all_others(tmp_path: Path) -> None:
    put_all(tmp_path, {"k": {"text": "old"}})
    (segment,) = segments(tmp_path)
    segment.rename(tmp_path / f"29991231T235959Z-ffffffffffffffff{_ledger_segment.SUFFIX}")
    put_all(tmp_path, {"k": {"text": "new"}})
    assert reply(tmp_path) == {"text": "new"}


def test_an_open_ledger_never_changes_its_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.0)
    with Ledger(tmp_path) as one, Ledger(tmp_path) as other:
        assert one.get("k") is other.get("k") is None
        one.put("k", {"text": "one"})
        other.put("k", {"text": "other"})
        for _ in range(2):
            assert one.get("missing") is other.get("missing") is None  # looks at the folder again
            assert (one.get("k"), other.get("k")) == ({"text": "one"}, {"text": "other"})
