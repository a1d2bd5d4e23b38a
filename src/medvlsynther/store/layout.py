"""The store on disk: where each thing lies, and how it gets there whole.

<store>/
  steps/<stage>-<fingerprint>/   step.json (written last = done), <rows>.parquet, rejects.parquet, log.txt
  replies/<model>-<hash>/        the ledger
  images/packs/<name>.tar        images by SHA-256, an index beside each pack
  corpora/                       where each corpus was last seen; no part of any result
  runs/<recipe>/                 recipe.yaml (resolved), plan.json, exports
  training/<step>/               checkpoints, curves and weights of a training: what outlives a killed run
  locks/                         who writes what now
"""

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from medvlsynther.errors import MissingInput, StoreInUse, StoreTrouble
from medvlsynther.store.locks import held
from medvlsynther.store.packs import PACKS, settle

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

    def leavings(self, step_id: str) -> Path:
        """Where shares of a run leave what they did for a step."""
        return self.steps / f".{step_id}.shares"

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

        Raises: StoreInUse when somebody else writes this step now or has just finished it; StoreTrouble when the disk
        is full.
        """
        with held(self.locks, step_id):
            if self.manifest(step_id) is not None:
                raise StoreInUse(f"{step_id} was finished by another process just now", mend="Run again to use it")
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
            settle(self.images / PACKS)
            part.rename(self.step(step_id))
            shutil.rmtree(self.leavings(step_id), ignore_errors=True)


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
