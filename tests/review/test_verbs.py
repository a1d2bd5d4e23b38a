"""The verbs themselves, as a user types them."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ENV = os.environ | {"COLUMNS": "200", "PYTHONWARNINGS": "error"}
COMMAND = (sys.executable, "-m", "medvlsynther")


def typed(cwd: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *words], cwd=cwd, env=ENV, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quickstart")
    done = typed(folder, "run", "quickstart")
    assert done.returncode == 0, done.stderr
    return folder


def test_report_writes_a_page_a_text_and_two_runs_side_by_side(ran: Path) -> None:
    for words, file in (
        (("quickstart",), "report-quickstart.html"),
        (("quickstart", "--format", "md"), "report-quickstart.md"),
    ):
        done = typed(ran, "report", *words)
        assert done.returncode == 0, done.stderr
        assert "not_clinical" in (ran / file).read_text()
    both = typed(ran, "report", "quickstart", "quickstart", "--out", "both.html")
    assert both.returncode == 0, both.stderr
    assert 'class="runs"' in (ran / "both.html").read_text()


def test_what_has_not_run_is_said_in_one_line(ran: Path) -> None:
    for verb in ("report", "review"):
        done = typed(ran, verb, "quickstart", "--set", "curate.total=3", "--store", "elsewhere")
        assert done.returncode == 2
        assert done.stderr.startswith("error: quickstart: No step of it is finished")


def test_review_listens_here_alone_and_ends_when_told(ran: Path) -> None:
    process = subprocess.Popen([*COMMAND, "review", "quickstart"], cwd=ran, env=ENV, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(2)]
    assert "store/reviews/quickstart" in lines[0]
    (url,) = re.findall(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", lines[1])
    assert b"Your name" in urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(url).read()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url.partition("?")[0])
    process.send_signal(signal.SIGINT)
    assert process.wait(30) in (0, 130)
    process.stdout.close()
