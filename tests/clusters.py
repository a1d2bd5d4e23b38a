"""A cluster of two nodes on this machine."""

from collections.abc import Iterator
from typing import Any

import pytest

from medvlsynther.executors.cluster import CLUSTERS, Wanted, imported

NODE = {"num_cpus": 2, "object_store_memory": 80 << 20, "include_dashboard": False}


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def wanted(nodes: Any) -> Wanted:
    """How to join it."""
    return Wanted(address=nodes.address)
