"""Model servers as children of this process: started, waited for, mended, and stopped with all that they started.

Each has a port and its share of the GPUs. What it says goes into a file without a name, of which an error shows the
last lines. One that ends while it is needed is started anew on the same port, a few times.
"""

import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from medvlsynther.errors import EngineRefused

LOG = logging.getLogger("medvlsynther")
START_S = 1800.0
"""Longest start: weights may be hundreds of gigabytes on a network file system."""
LOOK_S = 0.5
STOP_S = 20.0
"""After this long a child that was asked to stop is killed."""
MOST_FALLS = 3
"""So often in a row a child that ended is started anew."""
LASTED_S = 600.0
"""After so long, an end is none in a row."""
TAIL = 1 << 16
FAULT = re.compile(rb"^.*(?:(?:Error|Exception): |out of memory).*$", re.MULTILINE)
"""Lines that say what went wrong; much may follow on them before a server ends."""
GIVE_UP = threading.Event()
"""Set while nobody wants the servers any more that are being started."""
GPUS = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Wanted:
    """Servers of one model."""

    command: tuple[str, ...]
    """Command with the model and all options but `--port`."""
    replicas: int
    """How many."""
    gpus: int
    """GPUs of each."""


class Children:
    """The servers, once they answer."""

    def __init__(self, wanted: Wanted) -> None:
        """Start them all at once, and wait.

        Raises: EngineRefused when one ends or does not answer in time; then none is left.
        """
        self._children: list[_Child] = []
        self._lock = threading.Lock()
        try:
            for number in range(wanted.replicas):
                self._children.append(_Child(wanted, number))
            for child in self._children:
                child.wait()
        except BaseException:
            self.close()
            raise

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Where they are."""
        return tuple(child.base_url for child in self._children)

    @property
    def usable(self) -> bool:
        """Whether all of them run."""
        return not any(child.ended for child in self._children)

    def mend(self) -> None:
        """Start those anew that have ended, and do not wait for them.

        Raises: EngineRefused for one that ends again and again, with what it said.
        """
        with self._lock:
            for child in self._children:
                child.mend()

    @property
    def starting(self) -> bool:
        """Whether one that was started does not answer yet. Asks them."""
        return any(child.starting for child in self._children)

    def close(self) -> None:
        """Stop them all."""
        for child in self._children:
            child.ask_to_stop()
        for child in self._children:
            child.stop()


class _Child:
    def __init__(self, wanted: Wanted, number: int) -> None:
        port = _free_port()
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._name = wanted.command[0]
        self._command = [*wanted.command, "--host", "127.0.0.1", "--port", str(port)]
        self._environment = {**os.environ, **_share(os.environ, number, wanted)}
        self._falls = 0
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        self._start()

    def _start(self) -> None:
        self._began_s = time.monotonic()
        self._up = False
        try:
            self._process = subprocess.Popen(
                self._command,
                stdout=self._told,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            self._told.close()
            raise EngineRefused(f"{self._name} cannot be started: {error.strerror}", mend="Mend `command`") from None

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def check(self) -> None:
        """Say why it has ended, if it has.

        Raises: EngineRefused.
        """
        if self.ended:
            raise self._refusal(f"{self._name} ended with {self._process.returncode}")

    def mend(self) -> None:
        """Start it anew if it has ended.

        Raises: EngineRefused when it does that again and again.
        """
        if not self.ended:
            return
        self._falls = 1 if time.monotonic() - self._began_s > LASTED_S else self._falls + 1
        self._signal(signal.SIGKILL)  # what it started may have outlived it, and hold the memory
        if self._falls > MOST_FALLS:
            self.check()
        LOG.warning("%s ended with %s and is started anew", self._name, self._process.returncode)
        self._start()

    @property
    def starting(self) -> bool:
        """Whether it runs and does not answer yet."""
        if self._up or self.ended or time.monotonic() - self._began_s > START_S:
            return False
        self._up = self._answers()
        return not self._up

    def wait(self) -> None:
        """Wait until it answers.

        Raises: EngineRefused.
        """
        while self.starting or not self._up:
            self.check()
            if time.monotonic() - self._began_s > START_S:
                raise self._refusal(f"{self._name} did not answer within {START_S:g} s")
            if GIVE_UP.wait(LOOK_S):
                raise self._refusal(f"{self._name} was stopped while it started")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.base_url}/models", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def _refusal(self, what: str) -> EngineRefused:
        size = self._told.seek(0, os.SEEK_END)
        self._told.seek(max(0, size - TAIL))
        tail = self._told.read()
        faults = b" ".join(FAULT.findall(tail)[-2:]) or tail
        said = " ".join(faults.decode("utf-8", "replace").split())
        return EngineRefused(f"{what}: …{said[-600:]}", mend="Mend the options in the site file, or start it by hand")

    def ask_to_stop(self) -> None:
        """Tell it, and all that it started, to end."""
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """Wait for its end, or make it end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self._signal(signal.SIGKILL)  # what it started may have outlived it
        self._process.wait()
        self._told.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


def _share(environment: Mapping[str, str], number: int, wanted: Wanted) -> dict[str, str]:
    """The GPUs of one replica: the next ones of those that this process may use. One replica alone sees them all."""
    if wanted.replicas == 1:
        return {}
    listed = environment.get(GPUS, "").split(",") if environment.get(GPUS) else []
    places = range(number * wanted.gpus, (number + 1) * wanted.gpus)
    if listed and places[-1] >= len(listed):
        what = f"{wanted.replicas} replicas of {wanted.gpus} GPUs do not fit into {GPUS}={environment[GPUS]}"
        raise EngineRefused(what, mend="Lower replicas or tensor_parallel in the site file")
    return {GPUS: ",".join(listed[place] if listed else str(place) for place in places)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
