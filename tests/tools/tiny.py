"""Tiny models with random weights for tests: simulated knowledge, real inference."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SHIM = ROOT / "tests" / "tools" / "shim"
CARD = """\
description: A tiny model with random weights; it says nothing about any image
repo: {folder}
family: tiny
engine: transformers
"""


def require() -> None:
    """Skip where the packages for real inference are not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "llguidance")):
        pytest.skip("real inference has an environment of its own: make test-torch", allow_module_level=True)


def environment() -> dict[str, str]:
    """The environment of processes that compute a tiny model: offline, one thread, with the shim."""
    quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    return {**os.environ, **quiet, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONPATH": f"{SHIM}:{ROOT}"}


def built(folder: Path, kind: str) -> Path:
    """A model folder, made by the tool in a process of its own."""
    command = [sys.executable, str(ROOT / "tools" / "tiny_models.py"), str(folder), "--kind", kind]
    subprocess.run(command, check=True, env=environment(), capture_output=True)
    return folder
