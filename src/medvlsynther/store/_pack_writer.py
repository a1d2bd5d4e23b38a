"""Writing a pack: members one behind the other, then an end mark and an index."""

import os
import secrets
import tarfile
from pathlib import Path

from medvlsynther.errors import StoreTrouble
from medvlsynther.store._pack_index import INDEX, Entries
from medvlsynther.store.locks import hold_open
from medvlsynther.store.tar import BLOCK

PACK = ".tar"
MOST_BYTES = 1 << 30
"""A pack that has grown to this is closed, and the next one begun."""
MOST_MEMBERS = 1 << 16
"""Members after which a pack is closed: what is not in an index yet is held in memory."""


class Writer:
    """The pack of one process; a forked child starts its own."""

    def __init__(self, folder: Path) -> None:
        self.owner = os.getpid()
        self.path = folder / f"{secrets.token_hex(12)}{PACK}"
        self.members: dict[bytes, tuple[int, int]] = {}
        self.size = 0
        """Bytes of the file, once it is closed."""
        self._end = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644)
            hold_open(self._file)
        except OSError as error:
            raise trouble(error, folder) from None

    @property
    def full(self) -> bool:
        """Whether another pack is to be begun."""
        return self._end >= MOST_BYTES or len(self.members) >= MOST_MEMBERS

    def append(self, sha256: str, data: bytes, suffix: str) -> None:
        """Write a member. What a failed write left behind is written over by the next one."""
        header = tarfile.TarInfo(f"{sha256}{suffix}")
        header.size, header.mode = len(data), 0o644
        member = header.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % BLOCK)
        try:
            self._write(member)
        except OSError as error:
            self._cut()
            raise trouble(error, self.path.parent) from None
        self.members[bytes.fromhex(sha256)] = (self._end + BLOCK, len(data))
        self._end += len(member)

    def close(self) -> Entries:
        """End mark, sync, index."""
        entries = Entries.of(self._end, self.members)
        try:
            self._write(bytes(2 * BLOCK))
            os.fdatasync(self._file)
        except OSError as error:
            self._cut()
            raise trouble(error, self.path.parent) from None
        finally:
            os.close(self._file)
        self.size = self._end + 2 * BLOCK
        entries.try_to_save(self.path.with_suffix(INDEX))
        return entries

    def _write(self, data: bytes) -> None:
        done = 0
        while done < len(data):
            done += os.pwrite(self._file, data[done:], self._end + done)

    def _cut(self) -> None:
        try:
            os.ftruncate(self._file, self._end)
        except OSError:  # readers skip the torn member, and the next write covers it
            return


def trouble(error: OSError, folder: Path) -> StoreTrouble:
    """What an error of the disk is to the user."""
    return StoreTrouble(
        f"The images cannot be kept: {error.strerror or error}",
        where=str(folder),
        mend="Free some space or mend the permissions and run again: nothing is lost",
    )
