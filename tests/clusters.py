"""A cluster of two nodes on this machine, and the processes that work for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medvlsynther.executors.cluster import CLUSTERS, Wanted, imported

NODE = {"num_cpus": 2, "object_store_memory": 80 << 20, "include_dashboard": False}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """Two nodes of two CPUs each, with as little memory for results as Ray allows."""
    imported()
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODE, shutdown_at_exit=False)
    cluster.add_node(num_cpus=2, object_store_memory=80 << 20)
    try:
        yield cluster
    finally:
        CLUSTERS.clear()
        cluster.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def wanted(nodes: Any) -> Wanted:
    """How to join it."""
    return Wanted(address=nodes.address)


def processes(node: Any, *names: bytes) -> list[int]:
    """Processes of those names that a node has started; it has others, without which it ends."""
    parent = str(node.all_processes["raylet"][0].process.pid)
    found = (path.parent for path in Path("/proc").glob("[0-9]*/stat"))
    return [int(path.name) for path in found if _parent(path) == parent and _command(path).startswith(names)]


def _parent(process: Path) -> str:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return ""


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
