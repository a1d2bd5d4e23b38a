"""Model servers as children of this process: started, waited for, and stopped with all that they started.

Each has a port and its share of the GPUs. What it says goes into a file without a name, of which an error shows the
last lines.
"""

import contextlib
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

START_S = 1800.0
"""Longest start: weights may be hundreds of gigabytes on a network file system."""
LOOK_S = 0.5
STOP_S = 20.0
"""After this long a child that was asked to stop is killed."""
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

    def check(self) -> None:
        """Say why one has ended, if one has.

        Raises: EngineRefused.
        """
        for child in self._children:
            child.check()

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
        environment = {**os.environ, **_share(os.environ, number, wanted)}
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        try:
            self._process = subprocess.Popen(
                [*wanted.command, "--host", "127.0.0.1", "--port", str(port)],
                stdout=self._told,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
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

    def wait(self) -> None:
        """Wait until it answers.

        Raises: EngineRefused.
        """
        until_s = time.monotonic() + START_S
        while not self._answers():
            self.check()
            if time.monotonic() > until_s:
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
