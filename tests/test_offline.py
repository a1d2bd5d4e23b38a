"""Nothing phones home: quickstart runs where every way to the network is shut."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHUT = """\
import socket

def refuse(*arguments, **words):
    raise SystemExit(f"a network request: {arguments}")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.socket.sendto = refuse
"""


@pytest.fixture
def shut(tmp_path: Path) -> dict[str, str]:
    """An environment in which Python cannot reach a network, not even this machine's own."""
    folder = tmp_path / "shut"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SHUT)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def python(*arguments: str, cwd: Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_the_way_out_is_shut(tmp_path: Path, shut: dict[str, str]) -> None:
    tried = python("-c", "import socket; socket.create_connection(('127.0.0.1', 9))", cwd=tmp_path, env=shut)
    assert "a network request" in tried.stderr


@pytest.mark.slow
def test_quickstart_asks_the_network_for_nothing(tmp_path: Path, shut: dict[str, str]) -> None:
    done = python("-m", "medvlsynther", "run", "quickstart", cwd=tmp_path, env=shut)
    assert done.returncode == 0, done.stderr
    assert "Data set:" in done.stdout
