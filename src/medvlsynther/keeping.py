"""What takes long to get ready is kept for the next who needs it: loaded weights, started servers.

Two steps in a row then do not get it ready twice. It goes when something else is needed that nobody holds beside it,
since memory is for one of them, and at the end of the process.
"""

import atexit
import multiprocessing.util  # noqa: F401 - waits for children at exit: what is registered after it, as here, comes first
import threading
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Closeable(Protocol):
    """Something to let go of."""

    @property
    def usable(self) -> bool:
        """Whether it can still do its work."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Closeable)


class Kept(Generic[K, V]):
    """Things by what they are."""

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make
        self._things: dict[K, V] = {}
        self._holders: dict[K, int] = {}
        self._lock = threading.Lock()
        atexit.register(self.clear)

    def take(self, key: K) -> V:
        """The thing, made if need be; the caller must `leave` it. Others that nobody holds are closed before.

        Raises: whatever making it raises.
        """
        with self._lock:
            for other in [other for other in self._things if not self._holders[other]]:
                if other != key or not self._things[other].usable:
                    self._things.pop(other).close()
            if key not in self._things:
                self._things[key] = self._make(key)
                self._holders[key] = 0
            self._holders[key] += 1
            return self._things[key]

    def leave(self, key: K) -> None:
        """Say that it is not needed any more."""
        with self._lock:
            self._holders[key] -= 1

    def clear(self) -> None:
        """Close everything: for the end of the process."""
        with self._lock:
            while self._things:
                self._things.popitem()[1].close()
