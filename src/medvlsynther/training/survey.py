"""What the Python that will train has: versions, GPUs, memory. Found out before anything starts."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError

from medvlsynther.errors import BadSetting, MissingExtra, UserError
from medvlsynther.records import Record
from medvlsynther.training.base import Job, Place

PROBE = Path(__file__).with_name("_probe.py")
LONGEST_S = 300.0
"""Longest wait for the answer: importing torch from a network file system takes its time."""


class Gpu(Record):
    """One GPU."""

    name: str
    """As its driver calls it."""
    memory_bytes: int
    """All of its memory."""


class Survey(Record):
    """What is there."""

    python: str
    """Version."""
    system: str
    """"Linux", …"""
    machine: str
    """"x86_64", …"""
    cores: int
    """Of the machine."""
    memory_bytes: int | None = None
    """Of the machine, where the system tells."""
    gpus: tuple[Gpu, ...] = ()
    """Those that may be used."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Package to version."""


def survey(place: Place) -> Survey:
    """What the Python of a place has.

    Raises: BadSetting where there is no such Python, or it cannot be asked.
    """
    return _asked(place.python or sys.executable, tuple(sorted(place.environment.items())))


@cache
def _asked(python: str, environment: tuple[tuple[str, str], ...]) -> Survey:
    try:
        done = subprocess.run(
            [python, str(PROBE)],
            env={**os.environ, **dict(environment)},
            capture_output=True,
            timeout=LONGEST_S,
            check=True,
        )
        return Survey.model_validate_json(done.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        what = " ".join(error.stderr.decode("utf-8", "replace").split())[-300:]
    except (OSError, subprocess.TimeoutExpired, ValidationError, IndexError) as error:
        what = " ".join(str(error).split())[:300]
    raise BadSetting(f"{python} cannot be asked what it has: {what}", mend="Mend `training` in the site file")


def require(found: Survey, packages: tuple[str, ...], backend: str) -> None:
    """Nothing, when all packages are installed.

    Raises: MissingExtra that names the first one that is not.
    """
    for package in packages:
        if package not in found.versions:
            raise MissingExtra(package, backend, where=f"training.{backend}.python")


def require_gpu(job: Job, place: Place, found: Survey) -> int:
    """GPUs that the job will use; 0 for a job that a CPU can do.

    Raises: UserError where it needs one and none is there, or the site asks for more than there are.
    """
    wanted = len(found.gpus) if place.gpus is None else place.gpus
    if place.nodes == 1 and wanted > len(found.gpus):
        raise UserError(f"{wanted} GPUs are asked for and {len(found.gpus)} are there", mend="Lower training.*.gpus")
    if job.card.precision == "bf16" and wanted == 0:
        what = f"Trainer {job.card_name!r} computes in bf16 on a GPU, and no GPU is visible"
        raise UserError(what, mend="Run where one is, or take a trainer of tiny models, such as tiny-grpo")
    return wanted
