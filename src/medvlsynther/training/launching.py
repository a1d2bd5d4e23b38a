"""Starts a training as a child process, waits for it, and says why it ended when it ended early.

Killed at any moment, started again: the child resumes from the last whole checkpoint. A child never outlives the
process that started it by much, and two never write one folder: the lock goes with the child.
"""

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson

from medvlsynther.errors import BadSetting, StoreTrouble, TrainingStopped
from medvlsynther.store.layout import write_aside
from medvlsynther.training.base import CURVES, JOB, LOG, STOPPED, Backend, Job, Place

LOOK_S = 0.2
STOP_S = 30.0
"""After this long a child that was asked to stop is killed."""
TAIL = 1 << 16
FAULT = re.compile(rb"^.*(?:(?:Error|Exception)\b.*: |out of memory|Killed).*$", re.MULTILINE | re.IGNORECASE)
"""Lines that say what went wrong."""
AGAIN = "Run again: it resumes from the last whole checkpoint"
DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux."""

Told = Callable[[int, int], None]
"""Takes steps done and steps in all."""

QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "PYTHONUNBUFFERED": "1",
}
"""Nothing is told to anybody."""


def launch(job: Job, backend: Backend, place: Place, told: Told) -> Path:
    """The trained model's folder; a job that is done already is not started again.

    Raises: TrainingStopped with the reason when the child ended early; StoreTrouble when another process trains there;
    and what the backend's check raises.
    """
    if (done := backend.finished(job)) is not None:
        return done
    backend.check(job, place)
    Path(job.folder).mkdir(parents=True, exist_ok=True)
    with _locked(Path(job.folder)) as lock:
        write_aside(job.path(JOB), orjson.dumps(job.model_dump(), option=orjson.OPT_INDENT_2))
        job.path(STOPPED).unlink(missing_ok=True)
        code = _child(job, backend.command(job, place), environment(place), lock, told)
    done = backend.finished(job)
    if code == 0 and done is not None:
        return done
    raise _stopped(job, code)


def environment(place: Place) -> dict[str, str]:
    """The child's environment: the place's own variables last."""
    online = place.log_to == "wandb"
    return {**os.environ, **QUIET, **({} if online else {"WANDB_MODE": "disabled"}), **place.environment}


def python(place: Place) -> str:
    """The Python that trains."""
    return place.python or sys.executable


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """A lock that the child holds as well: it stays until both are gone."""
    with (folder / ".lock").open("wb") as file:
        until = time.monotonic() + STOP_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StoreTrouble(
                        "Another process trains here", where=str(folder), mend="Wait for it, or end it"
                    ) from None
                time.sleep(LOOK_S)
        yield file.fileno()


def _child(job: Job, command: list[str], env: dict[str, str], lock: int, told: Told) -> int:
    with job.path(LOG).open("ab") as log:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                pass_fds=(lock,),
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            raise BadSetting(f"{command[0]} cannot be started: {error.strerror}", mend="Mend the site file") from None
    try:
        return _waited(process, job.path(CURVES), told)
    finally:
        _end(process)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)


def _waited(process: "subprocess.Popen[bytes]", curves: Path, told: Told) -> int:
    with _Follower(curves) as follower:
        while True:
            code = process.poll()
            for row in follower.rows():
                if "steps" in row:
                    told(int(row["step"]), int(row["steps"]))
            if code is not None:
                return code
            time.sleep(LOOK_S)


class _Follower:
    """Reads whole lines of a file that is still being written, or not there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "_Follower":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def rows(self) -> Iterator[dict[str, Any]]:
        """What was added since."""
        if self._file is None and self._path.is_file():
            self._file = self._path.open("rb")
        while self._file and (line := self._file.readline()):
            if not line.endswith(b"\n"):
                self._file.seek(-len(line), os.SEEK_CUR)
                return
            with contextlib.suppress(orjson.JSONDecodeError):
                yield orjson.loads(line)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Make it end, with all that it started."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _stopped(job: Job, code: int) -> TrainingStopped:
    """Why the child ended early: in its own words, else in its last lines."""
    log = str(job.path(LOG))
    try:
        told = orjson.loads(job.path(STOPPED).read_bytes())
        return TrainingStopped(told["what"], where=log, mend=told["mend"] or AGAIN)
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError):
        pass
    how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    with job.path(LOG).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        tail = file.read()
    faults = b" ".join(FAULT.findall(tail)[-2:]) or tail
    said = " ".join(faults.decode("utf-8", "replace").split())[-600:]
    return TrainingStopped(f"Training {how}: …{said}" if said else f"Training {how}", where=log, mend=AGAIN)


__all__ = ["environment", "launch", "python"]
