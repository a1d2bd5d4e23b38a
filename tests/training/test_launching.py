"""A child trains, ends for a reason that is told, never alone, and never two at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medvlsynther.errors import BadSetting, StoreTrouble, TrainingStopped
from medvlsynther.training import launching
from medvlsynther.training.base import CURVES, JOB, LOG, Job, Place
from medvlsynther.training.launching import environment, launch
from tests.conftest import ROOT
from tests.training.material import MAKES_MODEL, Scripted, job

TOLD = json.dumps({"what": "the loss is no number", "mend": ""})


def ignore(done: int, total: int) -> None:
    """Nobody looks."""


def test_what_is_finished_is_not_started_again(tmp_path: Path) -> None:
    wanted = job(tmp_path)
    model = launch(wanted, Scripted(), Place(), ignore)
    assert model == launch(wanted, Scripted("raise SystemExit(1)"), Place(), ignore)
    assert Job.model_validate_json(wanted.path(JOB).read_bytes()).card.model_dump() == wanted.card.model_dump()


def test_progress_is_told_while_the_child_works(tmp_path: Path) -> None:
    rows = "".join(json.dumps({"step": n, "steps": 3}) + "\\n" for n in (1, 2, 3))
    seen: list[tuple[int, int]] = []
    script = f"folder.joinpath('{CURVES}').write_text('{rows}'); {MAKES_MODEL}"
    launch(job(tmp_path), Scripted(script), Place(), lambda *told: seen.append(told))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"folder.joinpath('stopped.json').write_text({TOLD!r})", "no number"),
        ("raise ValueError('a bad batch')", "ValueError: a bad batch"),
        ("print('torch.OutOfMemoryError: CUDA out of memory'); sys.exit(1)", "out of memory"),
        ("os.kill(os.getpid(), 9)", "ended by signal 9"),
        ("pass", "ended with 0"),
    ],
)  # fmt: skip
def test_an_early_end_is_told_with_its_reason_and_the_mend(script: str, said: str, tmp_path: Path) -> None:
    wanted = job(tmp_path)
    with pytest.raises(TrainingStopped, match=said) as caught:
        launch(wanted, Scripted(script), Place(), ignore)
    assert "Run again" in caught.value.mend
    assert caught.value.where == str(wanted.path(LOG))
    assert launch(wanted, Scripted(), Place(), ignore).is_dir(), "it can be started again"


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    backend = Scripted()
    backend.command = lambda job, place: ["no-such-launcher"]  # type: ignore[method-assign]
    with pytest.raises(BadSetting, match="no-such-launcher cannot be started"):
        launch(job(tmp_path), backend, Place(), ignore)


def test_two_never_train_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "STOP_S", 0.1)
    wanted = job(tmp_path)
    with launching._locked(tmp_path_of(wanted)), pytest.raises(StoreTrouble, match="Another process trains here"):
        launch(wanted, Scripted(), Place(), ignore)


def tmp_path_of(wanted: Job) -> Path:
    Path(wanted.folder).mkdir(parents=True)
    return Path(wanted.folder)


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not end children with their parents")
def test_a_child_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(600)"
    program = (
        "import sys; from pathlib import Path; from tests.training.material import Scripted, job\n"
        "from medvlsynther.training.base import Place; from medvlsynther.training.launching import launch\n"
        f"launch(job(Path({str(tmp_path)!r})), Scripted({script!r}), Place(), lambda *told: None)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    while not (pid.is_file() and pid.read_text()):
        assert parent.poll() is None
        time.sleep(0.05)
    child = int(pid.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for _ in range(600):
        if not alive(child):
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child lives on")


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_child_tells_nobody_anything() -> None:
    env = environment(Place())
    assert env["HF_HUB_DISABLE_TELEMETRY"] == env["DO_NOT_TRACK"] == "1"
    assert env["WANDB_MODE"] == "disabled"
    assert "WANDB_MODE" not in set(environment(Place(log_to="wandb"))) - set(os.environ)
    assert environment(Place(environment={"DO_NOT_TRACK": "0"}))["DO_NOT_TRACK"] == "0"
