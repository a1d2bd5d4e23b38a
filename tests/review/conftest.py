"""A store under review, the real server as a process of its own, and Debian's Chromium."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medvlsynther.records import LintNote, Overlap, Reject
from medvlsynther.store.finished import Run
from tests.export.material import Material
from tests.review.stores import lay

CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

SERVE = """
import sys
from pathlib import Path
import socket, uvicorn
from medvlsynther.review.queue import Plan
from medvlsynther.review.server import application
from medvlsynther.review.shelf import Shelf
from medvlsynther.store.finished import finished
from medvlsynther.store.layout import Store
root, name, *steps = sys.argv[1:]
run = finished(Store(Path(root)), name, [tuple(step.split("=")) for step in steps])
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
app = application(Shelf(run), Path(root) / "reviews", Plan(), token="sesame", host="127.0.0.1", port=port)
print(port, flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none")).run(sockets=[listener])
"""


def material(root: Path, articles: int = 6) -> Material:
    """Items with one, two and three images, lint notes to highlight, and two overlapping pairs."""
    made = Material(root).fill(articles=articles, images=(1, 2, 3))
    notes = (LintNote(rule="CUE1", severity="warn", detail="longest key"),)
    made.items = [i.model_copy(update={"notes": notes}) for i in made.items]
    return made


@dataclass
class Served:
    """A server under test."""

    run: Run
    url: str
    process: "subprocess.Popen[str]"

    @property
    def entry(self) -> str:
        """The address that lets a browser in."""
        return f"{self.url}/?token=sesame"

    @property
    def logs(self) -> Path:
        """Folder of the reviewers' logs."""
        return self.run.store.root / "reviews"

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


def serve(run: Run) -> Served:
    """The application on a port of its own."""
    steps = [f"{step.name}={step.id}" for step in run.steps] + [f"{name}={name}-0" for name in run.to_do]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(run.store.root), run.name, *steps], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    port = process.stdout.readline().strip()
    assert re.fullmatch(r"\d+", port)
    return Served(run, f"http://127.0.0.1:{port}", process)


@pytest.fixture
def serving() -> Iterator[Callable[[Run], Served]]:
    """Starts servers and ends them."""
    started: list[Served] = []

    def start(run: Run) -> Served:
        started.append(serve(run))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.kill()
        if served.process.stdout:
            served.process.stdout.close()


@pytest.fixture
def served(tmp_path: Path, serving: Callable[[Run], Served]) -> Served:
    """A run of twelve items, four of which the filter turned away, and pairs."""
    made = material(tmp_path)
    rejects = [Reject(id=i.item_id, reason="low_score", detail="0.9 < 0.967") for i in made.items[:2]]
    return serving(lay(made, rejects, overlaps=pairs(made)))


def pairs(made: Material) -> list[Overlap]:
    """The first two items' images, held against themselves under another set's name."""
    return [
        Overlap(
            train_set="made",
            train_id=made.items[place].item_id,
            test_set="bench",
            test_id=f"b{place}",
            layer="perceptual",
            measure="phash",
            score=0.9,
            train_image=0,
            test_image=0,
            evidence="2 of 64 bits <b>differ</b>",
        )
        for place in (2, 4)
    ]


@pytest.fixture
def browser() -> Iterator[Callable[[], Any]]:
    """Starts browsers, each with a new profile, and ends them.

    Skips, and says so, where Debian's Chromium is not installed.
    """
    if not (Path(CHROMIUM).exists() and Path(DRIVER).exists()):
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver")
    open_now: list[tuple[Any, str]] = []

    def start() -> Any:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        profile = tempfile.mkdtemp()
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        open_now.append((driver, profile))
        size(driver, 1280, 800)
        return driver

    yield start
    for driver, profile in open_now:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


def size(driver: Any, width: int, height: int) -> None:
    """Give the page exactly this many pixels."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
