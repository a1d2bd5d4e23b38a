"""Replies from a Python function: for tests, for dry runs, and for answers that somebody already has.

The site names the function as `function: package.module:name`; it takes the `Request` and gives a text or a `Reply`.
Its replies go through the ledger like a paid model's. It may raise `ReplyError` to turn a row away; whatever else it
raises turns the row away as `function_failed`, but for the house's own errors, which stop the run.
"""

import importlib
from collections.abc import Callable
from dataclasses import replace

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines.base import Bytes, Endpoint, Engine, Reply, ReplyError, Request
from medvlsynther.errors import BadSetting, MedvlsyntherError

Function = Callable[[Request], str | Reply]


class _Scripted:
    """Calls the function, one request at a time."""

    concurrency = 1
    remembers = False

    def __init__(self, function: Function) -> None:
        self._function = function

    async def generate(self, request: Request, sampling: Sampling) -> Reply:  # noqa: ARG002 - the protocol's
        """What the function gives.

        Raises: ReplyError, the function's own or `function_failed`.
        """
        try:
            given = self._function(request)
        except (ReplyError, MedvlsyntherError):
            raise
        except Exception as error:  # the engine door: somebody else's code ends one row, never the run
            raise ReplyError("function_failed", f"{type(error).__name__}: {error}") from error
        if isinstance(given, Reply):
            return replace(given, request=request)
        if not isinstance(given, str):
            raise ReplyError("function_failed", f"it gave {type(given).__name__} instead of a text")
        return Reply(request=request, text=given.encode("utf-8", "replace").decode())

    async def probe(self) -> None:
        """The function was found when the engine was connected."""

    async def close(self) -> None:
        """Nothing to let go of."""


def connect(model: Model, endpoint: Endpoint, images: Bytes) -> Engine:  # noqa: ARG001 - every engine's signature
    """The engine that asks `endpoint.function`.

    Raises: BadSetting when the function is not named, or not there.
    """
    return _Scripted(_load(endpoint.function, where=f"site endpoint of {model.name or model.repo}, function"))


def _load(name: str | None, *, where: str) -> Function:
    mend = "Name one as package.module:name, importable from here"
    module_name, colon, attribute = (name or "").partition(":")
    if not (module_name and colon and attribute):
        raise BadSetting(f"{name!r} names no function", where=where, mend=mend)
    try:
        function = getattr(importlib.import_module(module_name), attribute, None)
    except ImportError as error:
        raise BadSetting(f"No module for {name!r}: {error}", where=where, mend=mend) from None
    if not callable(function):
        raise BadSetting(f"No function {attribute!r} in {module_name}", where=where, mend=mend)
    return function  # type: ignore[no-any-return]
