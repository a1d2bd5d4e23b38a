"""Networks that lie on this machine as a recipe's setting: what is in them decides a result, not where they lie."""

import hashlib
from pathlib import Path
from typing import Any

from pydantic import model_validator

from medvlsynther.errors import MissingInput
from medvlsynther.records import Record


class Weights(Record):
    """A file or folder of weights, or the name under which a library knows them."""

    place: str
    """As the user wrote it."""
    digest: str = ""
    """SHA-256 of the content; "" for a name, of which only the loaded weights tell."""

    @model_validator(mode="before")
    @classmethod
    def _at(cls, value: Any) -> Any:
        """Raises: MissingInput for a path where nothing lies."""
        if not isinstance(value, str):
            return value
        path = Path(value.removeprefix("local-dir:"))
        if path.is_file() or path.is_dir():
            return {"place": value, "digest": content_hash(path)}
        if value.startswith("local-dir:") or path.suffix in (".pt", ".pth") or path.is_absolute():
            raise MissingInput(f"No weights at {str(path)!r}", mend="Fetch them first and give their path")
        return {"place": value}

    def identity(self) -> object:
        """What a fingerprint sees."""
        return {"weights": self.digest or self.place}

    @property
    def path(self) -> Path:
        """Where they lie, for a file or folder."""
        return Path(self.place.removeprefix("local-dir:"))

    @property
    def name(self) -> str:
        """How they are named in evidence: never by a folder of one machine."""
        return self.path.name if self.digest else self.place


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or over the names and contents of a folder's files; hidden ones are left out."""
    if path.is_file():
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if file.is_file() and not any(part.startswith(".") for part in inside.parts):
            whole.update(f"{inside.as_posix()}\x1f{content_hash(file)}\n".encode())
    return whole.hexdigest()
