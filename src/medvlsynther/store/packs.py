"""Image bytes in append-only tar archives, found by SHA-256: thousands of images a file instead of one.

A pack is a plain tar of members `<sha256><suffix>`, written by one process alone under a name that nobody else can
take; any number of processes may write packs beside each other, and any tool can read them. A writer that was killed
leaves a torn tail, which is skipped. Beside a pack lies its index, which may be missing or damaged: the headers of the
pack are the one source of truth (`_pack_index`), and there is none to mend.

Where the store lies in a bucket, packs that are settled go there with their indices; of packs that only the bucket has,
the indices are brought here, and single images are read out of them.
"""

import atexit
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from medvlsynther.store._pack_index import INDEX, Entries, Pack, key_of, walked
from medvlsynther.store._pack_writer import PACK, Writer, trouble
from medvlsynther.store.locks import hold_open
from medvlsynther.store.remote import remote_of
from medvlsynther.store.tar import BLOCK

PACKS = "packs"
"""Folder of the packs, among the images of a store."""
_KEYS = "images/packs"
_OPEN_FILES = 32
_OPEN_FOLDERS = 8


class Place(NamedTuple):
    """Where an image lies."""

    pack: Path
    offset: int
    """Of its bytes; its header is the block before."""
    size: int


class Packs:
    """All packs of a folder, as one process sees them, and the one that it writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._remote = remote_of(folder.parent.parent)
        self._lock = threading.RLock()
        self._packs: OrderedDict[Path, Pack] = OrderedDict()
        self._files: OrderedDict[Path, int] = OrderedDict()
        self._looked = False
        self._writer: Writer | None = None

    def places(self, sha256: str, *, anew: bool = True) -> list[Place]:
        """Where copies of an image lie; where none is known, packs are looked at again, unless `anew` is False.

        Raises: StoreTrouble where they cannot be read.
        """
        key = key_of(sha256)
        if key is None:
            return []
        with self._lock:
            known = self._looked
            if not known:
                self._look()
            found = self._known(key)
            if not found and anew and known:
                self._look()
                found = self._known(key)
            return found

    def read(self, place: Place) -> bytes:
        """The bytes at a place, as they are.

        Raises: OSError.
        """
        return self._bytes(place.pack, place.offset, place.size)

    def suffix(self, place: Place) -> str:
        """The suffix of a member's name; "" where its header is damaged.

        Raises: OSError.
        """
        header = self._bytes(place.pack, place.offset - BLOCK, BLOCK)
        return "".join(Path(header[:100].rstrip(b"\0").decode("utf-8", "replace")).suffixes)

    def _bytes(self, pack: Path, offset: int, size: int) -> bytes:
        with self._lock:
            try:
                return os.pread(self._file(pack), size, offset)
            except FileNotFoundError:
                if self._remote is None:
                    raise
        return self._remote.span(f"{_KEYS}/{pack.name}", offset, size)

    def put(self, sha256: str, data: bytes, suffix: str) -> None:
        """Append an image to this process's pack, unless a pack that is known holds it whole.

        Raises: StoreTrouble when it cannot be written; what was written before stays whole.
        """
        with self._lock:
            if any(self.holds(place, data) for place in self.places(sha256, anew=False)):
                return
            if self._writer is None or self._writer.owner != os.getpid():
                self._writer = Writer(self.folder)
            self._writer.append(sha256, data, suffix)
            if self._writer.full:
                self._end()

    def holds(self, place: Place, data: bytes) -> bool:
        """Whether these bytes stand at a place."""
        try:
            return place.size == len(data) and self.read(place) == data
        except OSError:
            return False

    def settle(self) -> None:
        """Bring this process's pack to the disk, with its index and its end mark; the next image begins another.

        Before a bucket, all packs here that are settled are brought there.

        Raises: StoreTrouble when the disk or the bucket did not take it.
        """
        with self._lock:
            self._end()
            if self._remote is not None:
                self._send()

    def _end(self) -> None:
        with self._lock:
            writer, self._writer = self._writer, None
            if writer is not None and writer.owner == os.getpid():
                entries = writer.close()
                self._packs[writer.path] = Pack(writer.path, entries, Entries.of(entries.covered, {}), writer.size)

    def close(self) -> None:
        """Bring this process's pack to the disk, and let go of all files."""
        with self._lock:
            self._end()
            while self._files:
                os.close(self._files.popitem()[1])

    def _known(self, key: bytes) -> list[Place]:
        found = []
        if self._writer is not None and (span := self._writer.members.get(key)) is not None:
            found.append(Place(self._writer.path, *span))
        spans = ((pack.path, pack.get(key)) for pack in reversed(self._packs.values()))
        found += [Place(path, *span) for path, span in spans if span is not None]
        if found and found[-1].pack in self._packs:
            self._packs.move_to_end(found[-1].pack)  # images are asked for much as they were written
        return found

    def _look(self) -> None:
        try:
            if self._remote is not None:
                self._fetch_indices()
            for path in sorted(self.folder.glob(f"*{PACK}")):
                if self._writer is not None and path == self._writer.path:
                    continue
                pack = self._packs.get(path) or Pack(path)
                size = path.stat().st_size
                if size != pack.seen:
                    pack.look(size)
                    self._packs.setdefault(path, pack)
        except OSError as error:
            raise trouble(error, self.folder) from None
        self._looked = True

    def _send(self) -> None:
        """Bring to the bucket what is settled here, by whichever process, and is not there yet."""
        assert self._remote is not None
        there = self._remote.sizes(_KEYS)
        for path in sorted(self.folder.glob(f"*{PACK}")):
            index = path.with_suffix(INDEX)
            with path.open("rb") as file:
                if not hold_open(file.fileno()):
                    continue  # its writer lives, and brings it there itself
                if not index.exists():
                    Entries.of(*walked(path, 0)).try_to_save(index)
                if there.get(index.name) != index.stat().st_size or there.get(path.name) != path.stat().st_size:
                    self._remote.upload(path, f"{_KEYS}/{path.name}")
                    self._remote.upload(index, f"{_KEYS}/{index.name}")

    def _fetch_indices(self) -> None:
        """Know the packs that only the bucket has."""
        assert self._remote is not None
        there = self._remote.sizes(_KEYS)
        for name, size in there.items():
            index = self.folder / name
            pack = index.with_suffix(PACK)
            if index.suffix != INDEX or pack.exists():
                continue
            if not index.exists() or index.stat().st_size != size:
                self._remote.download(f"{_KEYS}/{name}", index)
            entries = Entries.load(index)
            if entries is not None and entries.covered <= there.get(pack.name, 0):
                self._packs[pack] = Pack(pack, entries, Entries.of(entries.covered, {}), entries.covered)

    def _file(self, path: Path) -> int:
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if len(self._files) > _OPEN_FILES:
                os.close(self._files.popitem(last=False)[1])
        else:
            self._files.move_to_end(path)
        return file


_OPENED: OrderedDict[Path, Packs] = OrderedDict()
_OPENING = threading.Lock()


def opened(folder: Path) -> Packs:
    """A folder of packs as this process sees it: one view for all who ask, settled when the process ends."""
    with _OPENING:
        packs = _OPENED.get(folder)
        if packs is None:
            packs = _OPENED[folder] = Packs(folder)
            if len(_OPENED) > _OPEN_FOLDERS:
                _OPENED.popitem(last=False)[1].close()
        else:
            _OPENED.move_to_end(folder)
        return packs


def release(folder: Path) -> None:
    """Close this process's view of a folder; the next one looks at the files anew."""
    with _OPENING:
        packs = _OPENED.pop(folder, None)
    if packs is not None:
        packs.close()


def settle(folder: Path) -> None:
    """Bring to the disk what this process put into a folder of packs.

    Raises: StoreTrouble when the disk did not take it.
    """
    packs = opened(folder) if remote_of(folder.parent.parent) else _OPENED.get(folder)
    if packs is not None:
        packs.settle()


def _release_all() -> None:
    for folder in list(_OPENED):
        release(folder)


atexit.register(_release_all)
