"""How long work is told: bars with rate and ETA on a terminal, one log line a minute without one."""

import logging
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from medvlsynther.errors import BudgetSpent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

LOG = logging.getLogger("medvlsynther")
STEADY = LOG.getChild("progress")
"""The line a minute; the command shows it where there is no terminal, and each step's log has it."""
QUIET_S = 60.0
"""Seconds between two log lines without a terminal."""


@dataclass
class Budget:
    """What one run may spend on fresh replies; replies from the ledger cost nothing."""

    max_cost: float | None = None
    """Currency units, at the site's prices."""
    max_tokens: int | None = None
    """Prompt and reply tokens together."""
    cost: float = 0.0
    tokens: int = 0

    def spend(self, cost: float, tokens: int) -> None:
        """Count one fresh reply.

        Raises: BudgetSpent once a limit is passed: by the replies that were in flight then, and no more.
        """
        self.cost += cost
        self.tokens += tokens
        if self.max_cost is not None and self.cost > self.max_cost:
            self._stop(f"{self.cost:.2f} of {self.max_cost:.2f} spent", "--max-cost")
        if self.max_tokens is not None and self.tokens > self.max_tokens:
            self._stop(f"{self.tokens:,} of {self.max_tokens:,} tokens used", "--max-tokens")

    def _stop(self, what: str, option: str) -> None:
        raise BudgetSpent(what, mend=f"Raise {option} and run again: no answered request is asked twice")


class Board:
    """Where meters are drawn: one bar a step under way; nothing without a terminal. A context manager."""

    def __init__(self, console: "Console | None") -> None:
        self.bars = _bars(console) if console is not None and console.is_terminal else None

    def __enter__(self) -> Self:
        if self.bars:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bars:
            self.bars.stop()


def _bars(console: "Console") -> "Progress":
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description:<14}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[extra]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


class Meter:
    """Counts what one step does, and shows it."""

    def __init__(self, board: Board, title: str, total: int | None) -> None:
        self.title, self.total = title, total
        self.counts: Counter[str] = Counter()
        self.spent = 0.0
        """Currency units that replies taken so far cost, at the site's prices."""
        self._bars = board.bars
        self._task = board.bars.add_task(title, total=total, extra="") if board.bars else None
        self._started = self._told = time.monotonic()

    def add(self, **counts: int) -> None:
        """Count: `done` and `rejects` move the bar; tokens and money are shown beside it."""
        self.counts.update(counts)
        now = time.monotonic()
        if self._bars and self._task is not None:
            self._bars.update(self._task, completed=self.seen, extra=self._extra(now))
        elif now - self._told >= QUIET_S:
            self._told = now
            STEADY.info("%s: %s", self.title, self.line())

    def reach(self, done: int, total: int) -> None:
        """Say how far work has come that counts for itself: `done` of `total` steps."""
        if self._bars and self._task is not None and total != self.total:
            self._bars.update(self._task, total=total)
        self.total = total
        self.add(done=done - self.counts["done"])

    @property
    def seen(self) -> int:
        """Inputs dealt with, one way or the other."""
        return self.counts["done"] + self.counts["rejects"]

    def line(self) -> str:
        """The state in one line."""
        of = f" of {self.total}" if self.total is not None else ""
        return " · ".join(part for part in (f"{self.seen}{of}", self._extra(time.monotonic())) if part)

    def _extra(self, now: float) -> str:
        elapsed = now - self._started
        tokens = self.counts["prompt_tokens"] + self.counts["reply_tokens"]
        parts = [f"{self.seen / elapsed:.1f}/s"] if elapsed > 0.5 else []
        parts += [f"{self.counts['rejects']} rejected"] if self.counts["rejects"] else []
        parts += [f"{tokens:,} tokens"] if tokens else []
        parts += [f"{self.spent:.2f} spent"] if self.spent else []
        return " · ".join(parts)
