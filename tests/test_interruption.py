"""SIGKILL at any moment, run again: the same bytes, and no answered request is asked twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import orjson
import pytest

from medvlsynther.store._pack_index import walked
from medvlsynther.store.images import ImageStore
from tests.answers import ASKED
from tests.conftest import ROOT

SITE = """\
workers: 1
models:
  lexical: {engine: scripted, function: "tests.answers:slow_lexical", concurrency: 1}
"""
IN_FLIGHT = 1
KILLS = 4


def start(folder: Path) -> "subprocess.Popen[bytes]":
    (folder / "medvlsynther.yaml").write_text(SITE)
    env = os.environ | {"PYTHONPATH": str(ROOT), ASKED: str(folder / "asked.txt")}
    command = [sys.executable, "-m", "medvlsynther", "run", "quickstart"]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(folder: Path) -> None:
    process = start(folder)
    output, _ = process.communicate()
    assert process.returncode == 0, output.decode()


def asked(folder: Path) -> Counter[str]:
    file = folder / "asked.txt"
    return Counter(file.read_text().splitlines() if file.exists() else [])


def replies(folder: Path) -> dict[str, str]:
    """What the ledger holds: key to text, torn lines left out."""
    found = {}
    for segment in (folder / "store" / "replies").glob("*/*.jsonl"):
        for line in segment.read_bytes().splitlines():
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            found[entry["key"]] = entry["reply"].get("text", "")
    return found


def results(folder: Path) -> dict[str, bytes]:
    """Every file of the store that is a result, and every image: not logs, locks, or the ledger's segments."""
    return results_of(folder / "store")


def results_of(store: Path) -> dict[str, bytes]:
    """The same of the store itself."""
    files = (path for path in store.rglob("*") if path.is_file() and path.name != "log.txt")
    named = {path.relative_to(store).as_posix(): path for path in files}
    kept = {n: p.read_bytes() for n, p in named.items() if not n.startswith(("locks/", "replies/", "images/"))}
    return kept | images_of(store)


def images_of(store: Path) -> dict[str, bytes]:
    """Every image, whichever packs hold it."""
    names = {name for pack in (store / "images" / "packs").glob("*.tar") for name in walked(pack, 0)[1]}
    return {name.hex(): ImageStore(store / "images").read(name.hex()) for name in names}


@pytest.mark.slow
def test_a_killed_run_ends_as_if_it_had_never_been_killed(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    began = time.monotonic()
    finish(whole)
    lasted = time.monotonic() - began
    chance = random.Random(20)
    twice: set[str] = set()
    for _ in range(KILLS):
        before = asked(broken)
        process = start(broken)
        time.sleep(chance.uniform(0.25, 0.9) * lasted)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        twice |= {name for name, count in asked(broken).items() if before[name] and count > before[name]}
    finish(broken)
    assert len(replies(whole)) > 100
    assert results(broken) == results(whole)
    assert replies(broken) == replies(whole)
    again = sum((asked(broken) - asked(whole)).values())
    assert again <= IN_FLIGHT * KILLS, f"{again} requests were asked again, {sorted(twice)[:5]}"
    for name, count in asked(broken).items():
        assert count <= 1 + KILLS, name


@pytest.mark.slow
def test_a_finished_run_asks_nothing_again(tmp_path: Path) -> None:
    finish(tmp_path)
    before, kept = asked(tmp_path), results(tmp_path)
    finish(tmp_path)
    assert asked(tmp_path) == before
    assert results(tmp_path) == kept
