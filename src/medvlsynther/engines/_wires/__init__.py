"""The wire forms, one file each: a module with a `WIRE` is a protocol, and its name is the protocol's name."""

import importlib
from functools import cache

from medvlsynther.engines._protocols import Wire


@cache
def wire(protocol: str) -> Wire:
    """The wire form of that name."""
    found: Wire = importlib.import_module(f"{__name__}.{protocol}").WIRE
    return found
