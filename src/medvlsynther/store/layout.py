"""The store on disk: where each thing lies, and how it gets there whole.

<store>/
  steps/<stage>-<fingerprint>/   step.json (written last = done), <rows>.parquet, rejects.parquet, log.txt
  replies/<model>-<hash>/        the ledger
  images/ab/ab12….png            bytes, once, under their SHA-256
  corpora/                       where each corpus was last seen; no part of any result
  runs/<recipe>/                 recipe.yaml (resolved), plan.json, exports
  training/<step>/               checkpoints, curves and weights of a training: what outlives a killed run
  locks/                         who writes what now
"""

import errno
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock, Timeout

from medvlsynther.errors import MissingInput, StoreTrouble

DONE = "step.json"
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a system says when the disk takes nothing more."""


class Store:
    """A folder that holds everything that a recipe ever made."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.steps = root / "steps"
        self.images = root / "images"
        self.replies = root / "replies"
        self.corpora = root / "corpora"
        self.runs = root / "runs"
        self.training = root / "training"
        self.locks = root / "locks"

    def prepare(self) -> None:
        """Make the folders.

        Raises: StoreTrouble where they cannot be made.
        """
        try:
            for folder in (self.steps, self.images, self.replies, self.corpora, self.runs, self.locks):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreTrouble(
                f"Cannot write the store: {error.strerror}", where=str(self.root), mend="Name another with --store"
            ) from None

    def step(self, step_id: str) -> Path:
        """The folder of one step, finished or not."""
        return self.steps / step_id

    def lasting(self, part: Path) -> Path:
        """Where the step that is being written in `part` keeps what a killed run may not lose."""
        return self.training / part.name.removeprefix(".").removesuffix(".part")

    def manifest(self, step_id: str) -> dict[str, Any] | None:
        """What a finished step says of itself; None for one that is not finished."""
        try:
            return dict(orjson.loads((self.step(step_id) / DONE).read_bytes()))
        except FileNotFoundError:
            return None

    def remember_corpus(self, digest: str, path: Path) -> None:
        """Note where a corpus lies now, so that later steps find its images."""
        write_aside(self.corpora / f"{digest}.json", orjson.dumps({"path": str(path.resolve())}))

    def corpus_path(self, digest: str) -> Path:
        """Where a corpus was last seen.

        Raises: MissingInput.
        """
        note = self.corpora / f"{digest}.json"
        if not note.is_file():
            raise MissingInput(f"Corpus {digest} is not known here", where=str(note), mend="Run `collect` again")
        return Path(orjson.loads(note.read_bytes())["path"])

    @contextmanager
    def writing(self, step_id: str) -> Iterator[Path]:
        """A folder beside the step's place; on success it becomes the step, otherwise it is gone.

        Raises: StoreTrouble when somebody else writes this step now or has just finished it, or the disk is full.
        """
        with self._held(step_id):
            if self.manifest(step_id) is not None:
                raise StoreTrouble(f"{step_id} was finished by another process just now", mend="Run again to use it")
            part = self.steps / f".{step_id}.part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            try:
                yield part
            except OSError as error:
                if error.errno not in FULL:
                    raise
                raise StoreTrouble(
                    "The disk is full", where=str(self.root), mend="Free some space and run again: nothing is lost"
                ) from None
            part.rename(self.step(step_id))

    @contextmanager
    def _held(self, step_id: str) -> Iterator[None]:
        lock, holder = self.locks / f"{step_id}.lock", self.locks / f"{step_id}.holder"
        try:
            with FileLock(lock, timeout=0):
                holder.write_text(f"process {os.getpid()} on {socket.gethostname()}")
                try:
                    yield
                finally:
                    holder.unlink(missing_ok=True)
        except Timeout:
            name = holder.read_text() if holder.exists() else "another process"
            raise StoreTrouble(f"{step_id} is being written by {name}", mend="Wait for it, then run again") from None


def write_aside(path: Path, data: bytes) -> None:
    """Write a whole file: aside, then renamed, so that nobody sees half of it.

    Raises: StoreTrouble when the disk is full or the folder cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        mend = "Free some space and run again: nothing is lost" if error.errno in FULL else "Mend its permissions"
        raise StoreTrouble(f"Cannot write: {error.strerror}", where=str(path), mend=mend) from None
