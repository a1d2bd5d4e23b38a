"""The same recipe on one process, on four workers of Ray and on two nodes: the same bytes, whatever is taken away."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synthetic_shards import write
from medvlsynther.engines.base import Endpoint
from medvlsynther.executors.cluster import CLUSTERS, Wanted
from medvlsynther.pipeline.recipe import Recipe, load_recipe
from medvlsynther.pipeline.runner import run
from medvlsynther.pipeline.site import Site
from tests.clusters import processes
from tests.simulated_server import serving
from tests.test_interruption import results_of

pytestmark = pytest.mark.slow
TASKS = (b"ray::perform", b"ray::IDLE")
SHARDS, RECORDS = 24, 1200


@pytest.fixture(scope="module")
def server() -> Iterator[Endpoint]:
    with serving() as port:
        yield Endpoint(engine="openai", base_url=f"http://127.0.0.1:{port}/v1", served_as="simulated", concurrency=8)


def both(folder: Path, server: Endpoint, **where: Any) -> dict[str, bytes]:
    """Results of the quickstart, and of the same with a model behind a server."""
    site = Site(store=str(folder / "store"), **where)
    run(load_recipe("quickstart"), site)
    asking = load_recipe("quickstart", sets=["explain=null"])
    run(asking, site.model_copy(update={"store": f"{folder}/asked", "models": {"*": server}}))
    asked = results_of(folder / "asked")
    return results_of(folder / "store") | {f"asked/{name}": data for name, data in asked.items()}


@pytest.fixture(scope="module")
def alone(server: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process gives."""
    return both(tmp_path_factory.mktemp("alone"), server, workers=1)


def test_four_workers_of_a_ray_that_starts_by_itself(
    alone: dict[str, bytes], server: Endpoint, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = both(tmp_path, server, workers=4, executor="ray", ray=Wanted(object_store_mib=100))
    CLUSTERS.clear()
    assert len(found) > 200
    assert found == alone
    said = capfd.readouterr()
    assert not said.out
    assert "ray" not in said.err.lower(), said.err


def test_two_nodes_that_ask_as_well(alone: dict[str, bytes], server: Endpoint, tmp_path: Path, wanted: Wanted) -> None:
    asking = server.model_copy(update={"engine": "ray", "replicas": 2})
    assert both(tmp_path, asking, executor="ray", ray=wanted) == alone


def taken_away(store: Path, nodes: Any, node: Any) -> list[str]:
    """Kill a worker once images are being made ready, and take a node away; says what was done."""
    done: list[str] = []
    until_s = time.monotonic() + 120
    while time.monotonic() < until_s and not list(store.glob("steps/.images-*")):
        time.sleep(0.02)
    for pid in processes(nodes.head_node, *TASKS)[:1]:
        os.kill(pid, signal.SIGKILL)
        done.append("worker")
    nodes.remove_node(node, allow_graceful=False)
    return [*done, "node"]


def test_a_killed_worker_and_a_node_taken_away_change_nothing(tmp_path: Path, nodes: Any, wanted: Wanted) -> None:
    corpus = tmp_path / "corpus"
    write(corpus, RECORDS, per_shard=RECORDS // SHARDS, clinical=0.8)
    stages = {"collect": {"source": "biomedica", "path": str(corpus)}, "images": {"min_side_px": 28}}
    recipe = Recipe(ref="disturbed", stages=stages)
    run(recipe, Site(store=str(tmp_path / "whole"), workers=1))
    node = nodes.add_node(num_cpus=2, object_store_memory=80 << 20)
    done: list[str] = []
    disturb = threading.Thread(target=lambda: done.extend(taken_away(tmp_path / "broken", nodes, node)))
    disturb.start()
    run(recipe, Site(store=str(tmp_path / "broken"), executor="ray", ray=wanted))
    disturb.join()
    assert done == ["worker", "node"]
    assert results_of(tmp_path / "broken") == results_of(tmp_path / "whole")


def test_where_nobody_asks_for_it_ray_is_not_imported(tmp_path: Path) -> None:
    script = """
import sys
from medvlsynther.pipeline.recipe import load_recipe
from medvlsynther.pipeline.runner import run
from medvlsynther.pipeline.site import Site
run(load_recipe("quickstart", sets=["explain=null"]), Site(workers=2))
assert not [name for name in sys.modules if name.partition(".")[0] == "ray"]
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_cluster_that_is_not_there_is_named_before_anything_is_done(tmp_path: Path) -> None:
    site = 'executor: ray\nray: {address: "127.0.0.1:9", timeout_s: 3}\n'
    (tmp_path / "medvlsynther.yaml").write_text(site)
    command = [sys.executable, "-m", "medvlsynther", "run", "quickstart"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "No Ray cluster can be had at 127.0.0.1:9: no answer within 3 s. Start it" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("store/steps/*"))
