"""A real mock server process for the tests of engines, and requests to send there."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from medvlsynther.cards import Model, Prompt
from medvlsynther.engines import _fleet, _limiter, openai
from medvlsynther.engines.base import Endpoint, Engine, Request
from medvlsynther.records import ImageRef
from tests.conftest import ROOT

MODEL = Model(description="d", repo="org/mock", family="mock")
PROMPT = Prompt(
    description="d", task="write", system="You write.", material="Caption: {{ caption }}", request="Write {{ n }}."
)
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


@dataclass
class MockServer:
    """A mock server process."""

    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def control(self, **wishes: Any) -> None:
        """Change what it does."""
        self._fetch("/control", json.dumps(wishes).encode())

    def stats(self) -> dict[str, int]:
        """What it has seen."""
        found = self._fetch("/stats", None)
        return {"requests": 0, "answered": 0, "turned_away": 0, "probes": 0, **found}

    def stop(self) -> None:
        """Kill it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def _fetch(self, path: str, body: bytes | None) -> dict[str, int]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", body, timeout=30) as answer:
            found: dict[str, int] = json.load(answer)
            return found


def start_mock(*options: str) -> MockServer:
    command = [sys.executable, str(ROOT / "benchmarks" / "mock_server.py"), "--latency-s", "0.002", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return MockServer(json.loads(process.stdout.readline())["port"], process)


@pytest.fixture
def mock() -> Iterator[MockServer]:
    """One mock server."""
    server = start_mock()
    yield server
    server.stop()


@pytest.fixture
def mock_pair() -> Iterator[tuple[MockServer, MockServer]]:
    """Two mock servers."""
    one, two = start_mock(), start_mock()
    yield one, two
    one.stop()
    two.stop()


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries as short as a test can bear."""
    monkeypatch.setattr(openai, "BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(_limiter, "PAUSE_FIRST_S", 0.001)
    monkeypatch.setattr(_fleet, "DOWN_FIRST_S", 0.001)


def image(sha256: str) -> bytes:
    """The bytes of any image."""
    return b"\x89PNG" + sha256.encode() * 100


def connect(*servers: MockServer, images: Callable[[str], bytes] = image, **settings: Any) -> Engine:
    """The engine for mock servers."""
    urls = tuple(server.url for server in servers)
    return openai.connect(MODEL, Endpoint(base_url=urls, **{"concurrency": 8, **settings}), images)


def requests(count: int, *, pictures: int = 1, **more: Any) -> Iterator[Request]:
    """So many different requests."""
    for number in range(count):
        refs = tuple(ImageRef(name=f"{n}.png", sha256=f"{number:04}{n:02}") for n in range(pictures))
        yield Request(f"row{number}", PROMPT, {"caption": f"Caption {number}", "n": 1}, images=refs, **more)
