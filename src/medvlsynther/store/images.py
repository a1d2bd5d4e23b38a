"""Image bytes, stored once under their SHA-256: `images/ab/ab12….png`."""

import re
from pathlib import Path

from medvlsynther.errors import InputError
from medvlsynther.fingerprint import text_hash
from medvlsynther.store.layout import write_aside

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class ImageStore:
    """The folder of images of one store. Any number of processes may write at once: equal bytes have one name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        """The store's folder of images."""

    def put(self, data: bytes, suffix: str = ".png") -> str:
        """Store bytes and give their SHA-256; bytes that are there already are not written again.

        Raises: StoreTrouble for a full disk or a folder that cannot be written; ValueError for a suffix that is none.
        """
        if not _SUFFIX.fullmatch(suffix):
            raise ValueError(f"not a file suffix: {suffix!r}")
        digest = text_hash(data)
        path = self.root / digest[:2] / f"{digest}{suffix}"
        # A machine that lost power may have kept the name and lost the bytes, hence the size.
        if not (path.is_file() and path.stat().st_size == len(data)):
            write_aside(path, data)
        return digest

    def path(self, sha256: str) -> Path:
        """The file that holds these bytes, whatever its suffix.

        Raises: InputError(image_missing).
        """
        found = self._find(sha256)
        if found is None:
            raise InputError("image_missing", f"{sha256} is not in {self.root}")
        return found

    def read(self, sha256: str) -> bytes:
        """The bytes with this SHA-256.

        Raises: InputError(image_missing, or image_damaged where the file holds other bytes than its name says).
        """
        path = self.path(sha256)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError("image_missing", f"{path}: {error.strerror}") from None
        if text_hash(data) != sha256:
            raise InputError("image_damaged", f"{path} does not hold the bytes of its name")
        return data

    def __contains__(self, sha256: str) -> bool:
        return self._find(sha256) is not None

    def _find(self, sha256: str) -> Path | None:
        if not _DIGEST.fullmatch(sha256):
            return None
        folder = self.root / sha256[:2]
        usual = folder / f"{sha256}.png"
        return usual if usual.is_file() else next(iter(sorted(folder.glob(f"{sha256}.*"))), None)
