"""The same recipe runs against a server by a site file alone; both stages keep it busy; a budget stops it in time."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulated_server import serving
from tests.test_cli import medvlsynther

SITE = """\
models:
  "*": {{engine: openai, base_url: "http://127.0.0.1:{port}/v1", served_as: simulated, concurrency: 4,
        price_prompt: 1000, price_reply: 10000}}
"""
QUICK = ("quickstart", "--set", "explain=null")


@pytest.fixture
def server() -> Iterator[int]:
    with serving() as port:
        yield port


@pytest.fixture
def site(server: int, tmp_path: Path) -> Path:
    (tmp_path / "medvlsynther.yaml").write_text(SITE.format(port=server))
    return tmp_path


@pytest.mark.slow
def test_a_server_serves_the_recipe_by_a_site_file_alone(site: Path, server: int) -> None:
    assert medvlsynther("check", *QUICK, cwd=site).returncode == 0
    done = medvlsynther("run", *QUICK, cwd=site)
    assert done.returncode == 0, done.stderr
    assert list(site.glob("store/replies/*/*.jsonl"))
    with urllib.request.urlopen(f"http://127.0.0.1:{server}/order") as reply:
        order = json.load(reply)
    assert order.count("write") >= 20
    assert order.index("judge") < len(order) - 1 - order[::-1].index("write"), "verify waited for the last item"
    assert "each." in medvlsynther("status", *QUICK, cwd=site).stdout


@pytest.mark.slow
def test_a_budget_stops_the_run_and_a_larger_one_goes_on(site: Path) -> None:
    stopped = medvlsynther("run", *QUICK, "--max-cost", "1", cwd=site)
    assert stopped.returncode == 2
    assert "1.00 spent" in stopped.stderr
    assert "Raise --max-cost" in stopped.stderr
    kept = sum(len(path.read_bytes().splitlines()) for path in site.glob("store/replies/*/*.jsonl"))
    assert 5 <= kept <= 5 + 64
    assert medvlsynther("run", *QUICK, cwd=site).returncode == 0


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "medvlsynther.yaml").write_text(SITE.format(port=9))
    done = medvlsynther("run", *QUICK, cwd=tmp_path)
    assert done.returncode == 2
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
