"""What several rooms' tests share."""

import re
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.clusters import nodes, wanted

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


__all__ = ["ROOT", "SHARED", "nodes", "shared", "wanted"]

# A shell that starts the tests in the background has them ignore SIGINT, and every process below them too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes depends on what else the machine does; that is measured in benchmarks.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


ON_RAY = re.compile(r"test_(ray|offline|cluster_\w+)\.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Beside each other run whole files, and tests that say so themselves; those with a cluster after each other."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in (item for item in items if item.get_closest_marker("xdist_group") is None):
            name = "ray" if ON_RAY.fullmatch(item.path.name) else str(item.path)
            item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real samples and oracles beside the project; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside the project")
    return SHARED
