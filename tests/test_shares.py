"""Shares of a run, one after the other, at once, twice, killed: the tables of one run, and nothing is paid twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from medvlsynther.store.layout import Store
from medvlsynther.store.locks import held
from tests.answers import ASKED
from tests.conftest import ROOT
from tests.test_interruption import results_of

SITE = """\
workers: 1
models:
  lexical: {engine: scripted, function: "tests.answers:slow_lexical", concurrency: 1}
"""
QUICK = ("quickstart", "--set", "label=null", "--set", "explain=null")
SHARES = ("0/3", "1/3", "2/3")


def start(folder: Path, *options: str, store: str = "store") -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    (folder / "medvlsynther.yaml").write_text(SITE)
    env = os.environ | {"PYTHONPATH": str(ROOT), ASKED: str(folder / "asked.txt")}
    command = [sys.executable, "-m", "medvlsynther", "run", *QUICK, "--store", store, *options]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]", code: int = 0) -> str:
    out, trouble = process.communicate()
    assert process.returncode == code, trouble
    assert "Traceback" not in trouble
    return out if code == 0 else trouble


def asked(folder: Path) -> Counter[str]:
    return Counter((folder / "asked.txt").read_text().splitlines())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    ended(start(folder))
    return folder


@pytest.mark.slow
def test_shares_one_after_the_other_and_a_last_run(whole: Path, tmp_path: Path) -> None:
    told = [ended(start(tmp_path, "--shard", share)) for share in SHARES + SHARES]
    assert told[0] == (
        "Share 0/3 is done up to 'collect'. Run the other shares (--shard 1/3, --shard 2/3), "
        "then `medvlsynther run quickstart`\n"
    )
    again = asked(tmp_path)
    told += [ended(start(tmp_path, "--shard", SHARES[1]))]  # has done its part already
    assert asked(tmp_path) == again
    assert sum(again.values()) > 20
    ended(start(tmp_path))
    assert results_of(tmp_path / "store") == results_of(whole / "store")
    assert asked(tmp_path) == asked(whole)
    assert list((tmp_path / "store" / "steps").glob(".*")) == []


@pytest.mark.slow
def test_shares_at_once_of_which_one_is_killed_and_started_again(whole: Path, tmp_path: Path) -> None:
    others = [start(tmp_path, "--shard", share) for share in SHARES[:2]]
    doomed = start(tmp_path, "--shard", SHARES[2])
    while not (tmp_path / "asked.txt").exists() and doomed.poll() is None:
        time.sleep(0.01)
    doomed.send_signal(signal.SIGKILL)
    doomed.communicate()
    for process in others:
        ended(process)
    for process in [start(tmp_path, "--shard", share) for share in SHARES]:
        ended(process)
    ended(start(tmp_path))
    assert results_of(tmp_path / "store") == results_of(whole / "store")
    assert sum((asked(tmp_path) - asked(whole)).values()) <= 1  # what was in flight when the share was killed


@pytest.mark.slow
def test_a_share_twice_at_once_and_a_run_beside_shares_name_who_is_at_work(tmp_path: Path) -> None:
    first = start(tmp_path, "--shard", "0/1")
    while not (tmp_path / "asked.txt").exists() and first.poll() is None:
        time.sleep(0.01)
    assert f"Share 0/1 is being done by process {first.pid} on " in ended(start(tmp_path, "--shard", "0/1"), 2)
    assert f"A share of this run is at work: process {first.pid} on " in ended(start(tmp_path), 2)
    first.send_signal(signal.SIGINT)
    first.communicate()
    assert first.returncode == 130
    assert "Data set" in ended(start(tmp_path, "--shard", "0/1"))


@pytest.mark.slow
def test_a_share_waits_for_a_step_that_is_being_written(whole: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.prepare()
    step = next((whole / "store" / "steps").glob("classify-*")).name
    with held(store.locks, step):
        process = start(tmp_path, "--shard", "0/1")
        while not list(store.steps.glob("collect-*/step.json")) and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.6)
        assert process.poll() is None
    ended(process)
    assert results_of(tmp_path / "store") == results_of(whole / "store")


def test_what_is_no_share_is_said(tmp_path: Path) -> None:
    assert "No share '3/3'" in ended(start(tmp_path, "--shard", "3/3"), 2)
