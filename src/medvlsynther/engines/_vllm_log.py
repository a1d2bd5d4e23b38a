"""Where vLLM's log goes while it runs in this process: into a file, of which an error shows the faults.

The file goes at the end of the process. Where the environment says how vLLM is to log, that holds instead.
"""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson

TAIL = 1 << 16
"""Bytes of the log that are looked through."""
FAULT = re.compile(
    r"((?:\w+\.)*\w*(?:Error|Exception): .*|[^\n]*(?:out of memory|(?:died|exited) unexpectedly).*)$", re.MULTILINE
)
"""What went wrong, as a traceback's last line says it, or as whoever waited for a process does."""
ELSEWHERE = re.compile(r"See (?:root cause|stack trace)")
"""Mark of faults that only say where another one stands."""


@dataclass(frozen=True, slots=True)
class Log:
    """The log of one engine."""

    path: Path
    """File that vLLM's processes write to."""
    begin: int
    """Where in it this engine's log begins, in bytes."""

    def fault(self) -> str:
        """The last two faults in the log: what went wrong, and what followed from it. Empty where there is none."""
        if not self.path.is_file():
            return ""
        with self.path.open("rb") as file:
            file.seek(max(self.begin, self.path.stat().st_size - TAIL))
            tail = file.read().decode("utf-8", "replace")
        return "; ".join([found for found in FAULT.findall(tail) if not ELSEWHERE.search(found)][-2:])


@contextmanager
def told_to_a_file() -> Iterator[Log]:
    """The environment in which vLLM is imported and started: it logs to a file, spawns, and reports to nobody.

    What the environment says already is left as it is.
    """
    folder = _folder()
    log = folder / "vllm.log"
    wishes = {
        "VLLM_LOGGING_CONFIG_PATH": str(folder / "logging.json"),
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # a fork would copy locks that other threads hold
    }
    added = {name: value for name, value in wishes.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield Log(log, log.stat().st_size if log.is_file() else 0)
    finally:
        for name in added:
            os.environ.pop(name, None)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="medvlsynther-vllm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = {"class": "logging.FileHandler", "filename": str(folder / "vllm.log"), "formatter": "plain"}
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
        "handlers": {"file": {**file, "delay": True}},
        "loggers": {"vllm": {"handlers": ["file"], "level": "WARNING", "propagate": False}},
    }
    (folder / "logging.json").write_bytes(orjson.dumps(config))
    return folder
