"""A store in a bucket: the tables of a local run, whoever is killed or comes late; what is wrong is said at once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.answers import ASKED
from tests.buckets import BUCKET, KEY, SECRET, Server, serving
from tests.test_interruption import results_of

SITE = """\
store: "{store}"
workers: 1
models:
  lexical: {{engine: scripted, function: "tests.answers:slow_lexical", concurrency: 1}}
"""
QUICK = ("run", "quickstart", "--set", "label=null", "--set", "explain=null")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def start(folder: Path, server: Server, *options: str, store: str = "store", **env: str) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    (folder / "medvlsynther.yaml").write_text(SITE.format(store=store))
    there = os.environ | server.env | {ASKED: str(folder / "asked.txt")} | env
    command = [sys.executable, "-m", "medvlsynther", *(options or QUICK)]
    return subprocess.Popen(command, cwd=folder, env=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]", code: int = 0) -> str:
    out, trouble = process.communicate()
    assert process.returncode == code, trouble
    assert "Traceback" not in trouble
    return out if code == 0 else trouble


def asked(folder: Path) -> Counter[str]:
    file = folder / "asked.txt"
    return Counter(file.read_text().splitlines() if file.exists() else [])


def results(store: Path) -> dict[str, bytes]:
    """What there is of results, but for notes that a machine keeps for itself."""
    found = results_of(store)
    return {name: data for name, data in found.items() if not name.startswith("corpora/") and name != "store.json"}


@pytest.fixture(scope="module")
def whole(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    ended(start(folder, server))
    return folder


@pytest.mark.slow
def test_a_run_in_a_bucket_is_a_local_run_and_is_found_from_anywhere(
    server: Server, whole: Path, tmp_path: Path
) -> None:
    store = f"s3://{BUCKET}/one"
    ended(start(tmp_path / "here", server, store=store))
    there = server.bring("one", tmp_path / "there")
    assert results(there) == results(whole / "store")
    assert list((there / "locks").glob("*")) == []
    assert asked(tmp_path / "here") == asked(whole)
    told = ended(start(tmp_path / "elsewhere", server, store=store))
    assert told.count("kept") == told.count("\n") - 1
    assert asked(tmp_path / "elsewhere") == Counter()
    assert not list((tmp_path / "elsewhere").rglob("*.parquet")), "a table was fetched that nobody needs"
    shown = ended(start(tmp_path / "elsewhere", server, "show", "quickstart", "filter", "--limit", "1", store=store))
    assert "item_id" in shown
    # A stage more, on a machine that has nothing: tables are fetched, images read out of packs, replies found again.
    more = (*QUICK, "--set", "filter.min_score=0.5")
    ended(start(tmp_path / "elsewhere", server, *more, store=store))
    assert asked(tmp_path / "elsewhere") == Counter()
    assert not list((tmp_path / "elsewhere").rglob("packs/*.tar"))


@pytest.mark.slow
@pytest.mark.parametrize("lost", [False, True], ids=["killed", "machine lost"])
def test_a_killed_run_goes_on_here_or_elsewhere(server: Server, whole: Path, tmp_path: Path, lost: bool) -> None:
    prefix = f"killed-{lost}"
    store, here = f"s3://{BUCKET}/{prefix}", tmp_path / "here"
    for wanted in (40, 90):
        process = start(here, server, store=store)
        while sum(asked(here).values()) < wanted and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if lost:
            shutil.rmtree(here / "store-cache")
    ended(start(here, server, store=store))
    assert results(server.bring(prefix, tmp_path / "there")) == results(whole / "store")
    again = sum((asked(here) - asked(whole)).values())
    assert again <= (140 if lost else 2), "more was asked again than was in flight, or not in the bucket yet"


@pytest.mark.slow
def test_shares_that_have_nothing_but_the_bucket_in_common(server: Server, whole: Path, tmp_path: Path) -> None:
    store = f"s3://{BUCKET}/shares"
    folders = [tmp_path / name for name in "ab"]
    for _ in range(2):
        processes = [
            start(folder, server, *QUICK, "--shard", f"{number}/2", store=store)
            for number, folder in enumerate(folders)
        ]
        for process in processes:
            ended(process)
    ended(start(folders[0], server, store=store))
    assert results(server.bring("shares", tmp_path / "there")) == results(whole / "store")
    assert asked(folders[0]) + asked(folders[1]) == asked(whole)


@pytest.mark.slow
def test_two_runs_in_one_bucket_name_each_other(server: Server, tmp_path: Path) -> None:
    store = f"s3://{BUCKET}/two"
    first = start(tmp_path / "a", server, store=store)
    while sum(asked(tmp_path / "a").values()) < 5 and first.poll() is None:
        time.sleep(0.02)
    told = ended(start(tmp_path / "b", server, store=store), 2)
    assert f"is being written by process {first.pid} on " in told
    first.kill()
    first.communicate()


def refused(server: Server, folder: Path, store: str, **env: str) -> str:
    told = ended(start(folder, server, store=store, **env), 2)
    assert not asked(folder)
    assert told.count("\n") == 1
    for path in folder.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    assert SECRET not in told
    assert KEY not in told
    return told


def test_a_bucket_that_is_not_there(server: Server, tmp_path: Path) -> None:
    assert "There is no such bucket" in refused(server, tmp_path, "s3://no-such-bucket/x")


def test_a_server_that_is_not_there(server: Server, tmp_path: Path) -> None:
    told = refused(server, tmp_path, f"s3://{BUCKET}/x", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert "cannot be reached: EndpointConnectionError" in told


def test_no_credentials(server: Server, tmp_path: Path) -> None:
    nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    told = refused(server, tmp_path, f"s3://{BUCKET}/x", HOME=str(tmp_path), **nothing)
    assert "credentials" in told


def test_wrong_credentials(tmp_path: Path) -> None:
    with serving(guarded=True) as guarded:
        assert "Mend the credentials or their rights" in refused(guarded, tmp_path, f"s3://{BUCKET}/x")


@pytest.mark.parametrize("store", ["s3://key:secret@bucket/x", "ftp://host/x", "s3://", "s3:///x"])
def test_a_url_that_is_none_of_a_bucket(server: Server, tmp_path: Path, store: str) -> None:
    told = refused(server, tmp_path, store)
    assert "credentials" in told or "No bucket" in told
    assert "secret" not in told


def test_without_the_extra_it_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "s3fs.py").write_text("raise ImportError(name='s3fs')")
    path = f"{tmp_path}:{server.env['PYTHONPATH']}"
    assert "pip install 'medvlsynther[objects]'" in refused(server, tmp_path, "s3://tests/x", PYTHONPATH=path)


def test_a_local_run_imports_nothing_of_it(tmp_path: Path) -> None:
    script = (
        "import sys, medvlsynther.cli.run, medvlsynther.pipeline.runner\n"
        "from medvlsynther.pipeline.site import Site\n"
        "Site().located()\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('fsspec', 's3fs', 'botocore', 'gcsfs')])"
    )
    found = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"
