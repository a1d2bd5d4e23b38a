"""What a node of a cluster must have in common with the driver, and what runs there.

These functions travel by value and use the standard library alone: a node without this package, or with another
release of it, must still be able to say so.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pickle
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

PACKAGE = "medvlsynther"
_CHECKED: set[str] = set()
"""What this worker process has been found to have in common already."""


@dataclass(frozen=True)
class Common:
    """What the driver has, and every node must have too."""

    name: str
    """Tells one set of demands from another."""
    home: str
    """Working folder: relative paths mean the same everywhere."""
    release: str
    """Release of this package."""
    code: str
    """Digest of its files."""
    packages: tuple[tuple[str, str], ...]
    """Packages that it uses, as far as they are installed, with their releases."""
    folders: tuple[tuple[str, int], ...] = ()
    """Folders of inputs, and how much lies in each."""
    token: str = ""
    """A file in the store that every node reads, and writes another beside."""

    def plain(self) -> dict[str, Any]:
        """The same without a class of this package."""
        return dict(vars(self))


def common(folders: Iterable[Path] = (), token: Path | None = None) -> Common:
    """What this process has."""
    return Common(
        name=uuid.uuid4().hex,
        home=os.getcwd(),  # noqa: PTH109 - this module travels with as little as it can
        release=importlib.metadata.version(PACKAGE),
        code=_code(),
        packages=tuple(_installed()),
        folders=tuple((str(folder.resolve()), len(os.listdir(folder))) for folder in folders),  # noqa: PTH208
        token="" if token is None else str(token.resolve()),
    )


def _installed() -> Iterable[tuple[str, str]]:
    for line in sorted(importlib.metadata.requires(PACKAGE) or ()):
        name = re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def _code() -> str:
    """Digest of the package's files but for the bundled articles: two checkouts may bear one release number."""
    spec = importlib.util.find_spec(PACKAGE)
    root = Path(str(spec.origin)).parent if spec is not None else Path()
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".yaml", ".jinja", ".txt"} and "corpora" not in path.parts:
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def faults(wanted: dict[str, Any]) -> list[str]:
    """What this node has not in common with the driver, in words; empty when all is well."""
    try:
        os.chdir(wanted["home"])
    except OSError as error:
        return [f"it has no working folder {wanted['home']}: {error.strerror}"]
    try:
        release = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return [f"{PACKAGE} is not installed there, here {wanted['release']}"]
    if release != wanted["release"]:
        return [f"{PACKAGE} {release} is installed there, here {wanted['release']}"]
    found = []
    if (code := _code()) != wanted["code"]:
        found.append(f"its {PACKAGE} {release} has other files ({code}) than the one here ({wanted['code']})")
    there = dict(_installed())
    missing = [f"{name} {version}" for name, version in wanted["packages"] if name not in there]
    if missing:
        found.append(f"without {', '.join(missing)}, which is installed here")
    for folder, entries in wanted["folders"]:
        if not os.path.isdir(folder) or len(os.listdir(folder)) != entries:  # noqa: PTH112, PTH208
            found.append(f"it does not see {folder} as it is here")
    if wanted["token"]:
        found += _blind(wanted["token"], wanted["name"])
    return found


def _blind(token: str, word: str) -> list[str]:
    try:
        with open(token, encoding="ascii") as file:  # noqa: PTH123
            seen = file.read() == word
        with open(f"{token}.{uuid.uuid4().hex}", "x"):  # noqa: PTH123
            pass
    except OSError as error:
        return [f"it cannot read and write the store at {os.path.dirname(token)}: {error.strerror}"]  # noqa: PTH120
    return [] if seen else [f"it sees another store at {os.path.dirname(token)}"]  # noqa: PTH120


def other_releases(wanted: dict[str, Any]) -> list[str]:
    """Packages of which this node has another release than the driver: they seldom matter, and are told."""
    there = dict(_installed())
    pairs = [(name, version, there.get(name, version)) for name, version in wanted["packages"]]
    return [f"{name} {version} (here {wanted})" for name, wanted, version in pairs if version != wanted]


def look(wanted: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The faults of this node, and its other releases."""
    found = faults(wanted)
    return found, [] if found else other_releases(wanted)


def perform(home: str, wanted: dict[str, Any] | None, work: bytes, batch: bytes) -> tuple[list[str], list[Any], float]:
    """One batch, done in the folder `home`: faults of this node (then nothing was done), results, seconds.

    Nodes that joined later have not been looked at, so each worker process looks at itself before its first batch.
    """
    if wanted is not None and wanted["name"] not in _CHECKED:
        if found := faults(wanted):
            return found, [], 0.0
        _CHECKED.add(wanted["name"])
    os.chdir(home)
    function, shards = pickle.loads(work), pickle.loads(batch)
    began_s = monotonic()
    return [], [result for shard in shards for result in function(shard)], monotonic() - began_s


__all__ = ["Common", "common", "look", "perform"]
