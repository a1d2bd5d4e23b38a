"""A Ray cluster, started here or joined; kept from step to step, and let go of at the end.

What was started here ends with this process; what was joined goes on. Nothing is reported to anybody: usage
statistics are off for what is started here. Needs the extra `ray`.

Source: `ray.init` of Ray 2.60, which waits for minutes, and may end the process, where an address does not answer;
so another process tries first, for a bounded time.
"""

import logging
import os
import subprocess
import sys
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import Field

from medvlsynther.errors import ClusterTrouble, MissingExtra
from medvlsynther.executors import _nodes
from medvlsynther.executors._nodes import Common
from medvlsynther.keeping import Kept
from medvlsynther.progress import LOG
from medvlsynther.records import Record

if TYPE_CHECKING:
    from types import ModuleType

JOIN = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level='ERROR'); ray.shutdown()"
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""Environment of a cluster that is started here: no statistics, and no warnings about GPUs that nobody asked for."""
RETRIES = 4
"""So often does Ray do a batch again whose worker or node died: some work kills every worker."""


class Wanted(Record):
    """The cluster that a site asks for."""

    address: str | None = None
    """None starts one here; "auto" joins the one on this machine; "host:port" or "ray://host:port" another."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Longest wait for a cluster or one of its nodes to answer."""
    object_store_mib: int = Field(default=1024, ge=80)
    """Memory for results under way, of a cluster that is started here; beyond it they wait on the disk."""
    cpus: int | None = Field(default=None, ge=1)
    """Tasks at once in a cluster that is started here; None: the site's `workers`."""


def imported() -> "ModuleType":
    """The package `ray`.

    Raises: MissingExtra.
    """
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    try:
        import ray
    except ImportError:
        raise MissingExtra("ray", "ray", where="site file, executor or engine") from None
    # What it says of nodes and workers would stand between the lines of the progress, on standard output even.
    logging.getLogger("ray").setLevel(logging.ERROR)
    ray._private.worker._worker_logs_enabled = False
    ray.cloudpickle.register_pickle_by_value(_nodes)  # type: ignore[no-untyped-call]
    return ray


class Cluster:
    """A connection of this process to a cluster; there is one at a time."""

    def __init__(self, wanted: Wanted) -> None:
        """Start or join it.

        Raises: MissingExtra; ClusterTrouble when it does not answer in time.
        """
        self.ray: Any = imported()
        self.timeout_s = wanted.timeout_s
        self.ours = wanted.address is None
        """Started here: its nodes are this machine."""
        self.compared: dict[tuple[str, ...], dict[str, Any]] = {}
        """What every node was found to have in common with this process, by the store and its corpora."""
        self.at_end = ExitStack()
        """What is to be done before it is left."""
        self._found = self.ray.is_initialized()
        if self._found:  # whoever calls us has joined one already: it is theirs to leave
            self.ours = False
        else:
            self._join(wanted)
        self._connection = self._connected()

    def _join(self, wanted: Wanted) -> None:
        given: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        if wanted.address is None:
            given |= {"address": "local", "num_cpus": wanted.cpus, "include_dashboard": False}
            given |= {"object_store_memory": wanted.object_store_mib << 20}
        else:
            _try(wanted.address, wanted.timeout_s)
            given["address"] = wanted.address
        try:
            self.ray.init(**given)
        except (ConnectionError, OSError, RuntimeError, TimeoutError, ValueError) as error:
            raise _unreachable(wanted.address or "this machine", f"{error}") from None

    @property
    def usable(self) -> bool:
        """Whether it is still joined, and not another one since."""
        return bool(self.ray.is_initialized()) and self._connected() == self._connection

    def _connected(self) -> tuple[str, str]:
        """What tells one connection of this process from another: jobs are counted anew by each cluster."""
        here = self.ray.get_runtime_context()
        return here.get_job_id(), here.get_node_id()

    def close(self) -> None:
        """Leave it; what was started here ends."""
        self.at_end.close()
        if not self._found and self.usable:
            self.ray.shutdown()

    @property
    def cpus(self) -> int:
        """Tasks that it can do at once, now."""
        return int(self.ray.cluster_resources().get("CPU", 0))

    def check(self, wanted: Common) -> None:
        """Ask every node that does work what it has in common with this process.

        Raises: ClusterTrouble, naming the nodes and what they lack, or when none does work at all.
        """
        nodes = [node for node in self.ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0)]
        if not nodes:
            raise ClusterTrouble("No node of the cluster has a CPU to work on", mend="Start nodes that have")
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        look = self.ray.remote(num_cpus=0, max_retries=0)(_nodes.look)
        asked = {
            node["NodeID"]: look.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(wanted.plain())
            for node in nodes
        }
        self.ray.wait(list(asked.values()), num_returns=len(asked), timeout=self.timeout_s)
        found: list[str] = []
        for node in nodes:
            faults, releases = self._answer(asked[node["NodeID"]])
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            found += [f"{name}: {fault}" for fault in faults]
            if releases:
                LOG.warning("node %s has other releases: %s", name, ", ".join(releases))
        if found:
            raise differing(found)

    @cached_property
    def task(self) -> Any:
        """One batch of shards on any node: `_nodes.perform`, done again where a worker or a node died."""
        return self.ray.remote(num_cpus=1, max_retries=RETRIES)(_nodes.perform)

    def _answer(self, asked: Any) -> tuple[list[str], list[str]]:
        try:
            faults, releases = self.ray.get(asked, timeout=0)
        except (self.ray.exceptions.TaskUnschedulableError, self.ray.exceptions.NodeDiedError):
            return [], []  # it left just now
        except self.ray.exceptions.GetTimeoutError:
            return [f"no answer within {self.timeout_s:g} s"], []
        except self.ray.exceptions.RayError as error:
            return [" ".join(str(error).split())[-200:]], []
        return list(faults), list(releases)


def differing(faults: list[str]) -> ClusterTrouble:
    """The error for nodes that would not do what is done here."""
    more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
    mend = "Give every node the same environment and the same paths, or take it out of the cluster"
    return ClusterTrouble("; ".join(faults[:5]) + more, where="Ray cluster", mend=mend)


def _try(address: str, timeout_s: float) -> None:
    """Join from another process, which may hang or end as it likes."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", JOIN, address], capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise _unreachable(address, f"no answer within {timeout_s:g} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["it gave no reason"]
        raise _unreachable(address, lines[-1])


def _unreachable(address: str, why: str) -> ClusterTrouble:
    what = f"No Ray cluster can be had at {address}: {' '.join(why.split())[:300]}"
    return ClusterTrouble(what, mend="Start it, or mend `ray: {address: …}` in the site file")


CLUSTERS: Kept[Wanted, Cluster] = Kept(Cluster)
"""The cluster that this process has joined."""
