"""The commands of docs/stores.md, run as they stand there: by a shell, on a real S3 server, by a stand-in for SLURM."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from medvlsynther.catalog import ASSETS
from medvlsynther.store.remote import Remote
from tests.buckets import serving
from tests.conftest import ROOT
from tests.test_interruption import results_of

SBATCH = """\
#!{python}
import os, subprocess, sys
array = [option.partition("=")[2] for option in sys.argv if option.startswith("--array=")]
first, last = array[0].split("-") if array else (0, 0)
jobs = [
    subprocess.Popen(["sh", "-c", sys.argv[-1]], env=os.environ | {{"SLURM_ARRAY_TASK_ID": str(task)}})
    for task in range(int(first), int(last) + 1)
]
sys.exit(max(job.wait() for job in jobs))
"""


def blocks() -> list[str]:
    text = (ROOT / "docs" / "stores.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def shell(block: str, folder: Path, **env: str) -> str:
    tools = folder / "bin"
    tools.mkdir(parents=True)
    (tools / "sbatch").write_text(SBATCH.format(python=sys.executable))
    (tools / "medvlsynther").write_text(f'#!/bin/sh\nexec {sys.executable} -m medvlsynther "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    there = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"} | env
    done = subprocess.run(["sh", "-ec", block], cwd=folder, env=there, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_shares_by_hand_and_on_slurm_give_the_same(tmp_path: Path) -> None:
    by_hand, slurm = (block for block in blocks() if "--shard" in block)
    shell(by_hand, tmp_path / "hand")
    shell(slurm, tmp_path / "slurm")
    assert results_of(tmp_path / "hand" / "store") == results_of(tmp_path / "slurm" / "store")


@pytest.mark.slow
def test_a_store_and_a_corpus_in_a_bucket(tmp_path: Path) -> None:
    store, corpus = (block for block in blocks() if "s3://" in block)
    with serving() as server:
        import boto3

        boto3.client("s3").create_bucket(Bucket="bucket")
        Remote("s3://bucket/articles").send_folder(ASSETS / "corpora" / "miniature", "")
        assert "Data set: " in shell(store, tmp_path / "store", **server.env)
        assert any(key.endswith("step.json") for key in Remote("s3://bucket/prefix").sizes("steps"))
        assert "Data set: " in shell(corpus, tmp_path / "corpus", **server.env)


def test_every_block_is_run_but_the_installation() -> None:
    assert sum("--shard" not in block and "s3://" not in block for block in blocks()) == 1
