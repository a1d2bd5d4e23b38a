"""Image bytes, stored once under their SHA-256: in packs, `images/packs/<name>.tar`, and, in stores from before there
were packs, in loose files, `images/ab/ab12….png`.
"""

import re
from pathlib import Path

from medvlsynther.errors import InputError
from medvlsynther.fingerprint import text_hash
from medvlsynther.store.packs import PACKS, Packs, opened

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class ImageStore:
    """The images of one store. Any number of processes may write at once: each has packs of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        """The store's folder of images."""

    @property
    def packs(self) -> Packs:
        """The packs, as this process sees them."""
        return opened(self.root / PACKS)

    def put(self, data: bytes, suffix: str = ".png") -> str:
        """Store bytes and give their SHA-256; bytes that this process or an earlier one stored are not written again.

        Raises: StoreTrouble for a full disk or a folder that cannot be written; ValueError for a suffix that is none.
        """
        if not _SUFFIX.fullmatch(suffix):
            raise ValueError(f"not a file suffix: {suffix!r}")
        digest = text_hash(data)
        loose = self._loose(digest)
        # A machine that lost power may have kept the name and lost the bytes, hence the size.
        if loose is None or loose.stat().st_size != len(data):
            self.packs.put(digest, data, suffix)
        return digest

    def read(self, sha256: str) -> bytes:
        """The bytes with this SHA-256.

        Raises: InputError(image_missing, or image_damaged where other bytes lie under this name).
        """
        fault = InputError("image_missing", f"{sha256} is not in {self.root}")
        packs = self.packs
        for place in packs.places(sha256):
            try:
                data = packs.read(place)
            except OSError as error:
                fault = InputError("image_missing", f"{place.pack}: {error.strerror}")
                continue
            if text_hash(data) == sha256:
                return data
            fault = _damaged(place.pack, sha256)
        loose = self._loose(sha256)
        if loose is None:
            raise fault
        try:
            data = loose.read_bytes()
        except OSError as error:
            raise InputError("image_missing", f"{loose}: {error.strerror}") from None
        if text_hash(data) != sha256:
            raise _damaged(loose, sha256)
        return data

    def suffix(self, sha256: str) -> str:
        """The suffix under which bytes were put, e.g. ".png".

        Raises: InputError(image_missing).
        """
        packs = self.packs
        for place in packs.places(sha256):
            try:
                return packs.suffix(place)
            except OSError:
                continue
        loose = self._loose(sha256)
        if loose is None:
            raise InputError("image_missing", f"{sha256} is not in {self.root}")
        return loose.suffix

    def __contains__(self, sha256: str) -> bool:
        return bool(self.packs.places(sha256)) or self._loose(sha256) is not None

    def _loose(self, sha256: str) -> Path | None:
        if not _DIGEST.fullmatch(sha256):
            return None
        folder = self.root / sha256[:2]
        if not folder.is_dir():
            return None
        usual = folder / f"{sha256}.png"
        return usual if usual.is_file() else next(iter(sorted(folder.glob(f"{sha256}.*"))), None)


def _damaged(path: Path, sha256: str) -> InputError:
    return InputError("image_damaged", f"{path} does not hold the bytes of {sha256}")
