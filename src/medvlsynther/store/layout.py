"""The store on disk: where each thing lies, and how it gets there whole.

<store>/
  steps/<stage>-<fingerprint>/   step.json (written last = done), <rows>.parquet, rejects.parquet, log.txt
  replies/<model>-<hash>/        the ledger
  images/packs/<name>.tar        images by SHA-256, an index beside each pack
  corpora/                       where each corpus was last seen; no part of any result
  runs/<recipe>/                 recipe.yaml (resolved), plan.json, exports
  training/<step>/               checkpoints, curves and weights of a training: what outlives a killed run
  locks/                         who writes what now

A store in a bucket lies there as it does on a disk. On this machine a working folder stands before it: what is made
here goes there once it is whole, with step.json last; what is there is brought here when it is needed.
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
from medvlsynther.store.remote import Remote, remote_of

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

    @property
    def remote(self) -> Remote | None:
        """The bucket that this folder stands before; None where it is the store itself."""
        return remote_of(self.root)

    def prepare(self) -> None:
        """Make the folders; before a bucket, bring there what a run that was killed had finished.

        Raises: StoreTrouble where they cannot be made, or the bucket cannot be written; MissingExtra.
        """
        if self.remote is not None:
            self.remote.check()
        try:
            for folder in (self.steps, self.images, self.replies, self.corpora, self.runs, self.locks):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreTrouble(
                f"Cannot write the store: {error.strerror}", where=str(self.root), mend="Name another with --store"
            ) from None
        if self.remote is not None:
            for folder in sorted(self.steps.glob(f"[!.]*/{DONE}")):
                self._send(folder.parent.name)

    def step(self, step_id: str) -> Path:
        """The folder of one step, finished or not; its tables are brought here if they lie in a bucket."""
        folder = self.steps / step_id
        if self.remote is not None and not folder.exists() and self.manifest(step_id) is not None:
            if not self.remote.fetch_folder(f"steps/{step_id}", folder):
                raise StoreTrouble(f"{step_id} is not there any more", where=self.remote.url, mend="Run again")
            self._sent(step_id).touch()
        return folder

    def publish(self, folder: Path) -> None:
        """Bring a folder of the store to the bucket, where there is one.

        Raises: StoreTrouble.
        """
        if self.remote is not None:
            self.remote.send_folder(folder, folder.relative_to(self.root).as_posix())

    def _sent(self, step_id: str) -> Path:
        """A file that is there once the bucket has a step."""
        folder = self.root / "sent"
        folder.mkdir(exist_ok=True)
        return folder / step_id

    def _send(self, step_id: str) -> None:
        """Bring a finished step to the bucket, its images first and its manifest last."""
        if self.remote is not None and not self._sent(step_id).exists():
            settle(self.images / PACKS)
            self.remote.send_folder(self.steps / step_id, f"steps/{step_id}", last=DONE)
            self._sent(step_id).touch()

    def lasting(self, part: Path) -> Path:
        """Where the step that is being written in `part` keeps what a killed run may not lose."""
        return self.training / part.name.removeprefix(".").removesuffix(".part")

    def leavings(self, step_id: str) -> Path:
        """Where shares of a run leave what they did for a step."""
        return self.steps / f".{step_id}.shares"

    def forget_leavings(self, step_id: str) -> None:
        """Remove what shares left for a step.

        Raises: StoreTrouble.
        """
        folder = self.leavings(step_id)
        shutil.rmtree(folder, ignore_errors=True)
        if self.remote is not None:
            self.remote.remove(f"steps/{folder.name}")

    def manifest(self, step_id: str) -> dict[str, Any] | None:
        """What a finished step says of itself; None for one that is not finished."""
        try:
            return dict(orjson.loads((self.steps / step_id / DONE).read_bytes()))
        except FileNotFoundError:
            found = self.remote.read(f"steps/{step_id}/{DONE}") if self.remote is not None else None
            return dict(orjson.loads(found)) if found is not None else None

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
            part.rename(self.steps / step_id)
            self._send(step_id)
            self.forget_leavings(step_id)


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
