"""A folder of choices: each file is one, and the file's name is its name."""

import importlib
import pkgutil
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import ModuleType

from medvlsynther.errors import MissingInput, UnknownName

ASSETS = Path(str(files("medvlsynther"))) / "assets"
"""The bundled cards: data, no code."""

SUFFIX = ".yaml"


def names(folder: str) -> tuple[str, ...]:
    """The names of all bundled cards in `assets/<folder>`, sorted."""
    return tuple(sorted(path.stem for path in (ASSETS / folder).glob(f"*{SUFFIX}")))


def find(folder: str, name: str, *, where: str = "") -> Path:
    """The file of one card: a bundled name, or a path of the user's own ending in `.yaml`.

    Raises: UnknownName with the nearest known name; MissingInput for a path that is not there.
    """
    if name.endswith(SUFFIX):
        path = Path(name)
        if not path.is_file():
            raise MissingInput(f"No file {name!r}", where=where, mend="Give the path of a card that exists")
        return path
    known = names(folder)
    if name not in known:
        raise UnknownName(name, folder, known, where=where)
    return ASSETS / folder / f"{name}{SUFFIX}"


@cache
def modules(package: str) -> tuple[str, ...]:
    """The names of all public modules in `medvlsynther.<package>`, dotted below it, sorted."""
    root = importlib.import_module(f"medvlsynther.{package}")
    prefix = f"{root.__name__}."
    found = pkgutil.walk_packages(root.__path__, prefix)
    return tuple(sorted(m.name.removeprefix(prefix) for m in found if not m.ispkg and "._" not in m.name))


def module(package: str, name: str, *, where: str = "") -> ModuleType:
    """The module of one choice (a stage, an engine, a source), imported when it is first asked for.

    Raises: UnknownName with the nearest known name.
    """
    known = modules(package)
    if name not in known:
        raise UnknownName(name, package, known, where=where)
    return importlib.import_module(f"medvlsynther.{package}.{name}")
