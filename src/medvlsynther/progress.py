"""How long work is told: a bar with rate and ETA on a terminal, one log line a minute without one."""

import logging
import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LOG = logging.getLogger("medvlsynther")
QUIET_S = 60.0
"""Seconds between two log lines without a terminal."""


class Meter:
    """Counts what a step does and shows it; a context manager around one step."""

    def __init__(self, title: str, total: int | None, console: Console | None) -> None:
        self.title, self.total = title, total
        self.counts: Counter[str] = Counter()
        self.spent = 0.0
        """Currency units that replies taken so far cost, at the site's prices."""
        self._started = self._told = time.monotonic()
        self._bar = (
            Progress(
                TextColumn("{task.description:<14}"),
                BarColumn(bar_width=28),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[extra]}"),
                console=console,
                transient=True,
            )
            if console is not None and console.is_terminal
            else None
        )
        self._task = self._bar.add_task(title, total=total, rate="", extra="") if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def add(self, **counts: int) -> None:
        """Count: `done` moves the bar; the others (rejects, requests, prompt_tokens, …) are shown beside it."""
        self.counts.update(counts)
        now = time.monotonic()
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=self.counts["done"], rate=self._rate(now), extra=self._extra())
        elif now - self._told >= QUIET_S:
            self._told = now
            LOG.info("%s: %s", self.title, self.line())

    def line(self) -> str:
        """The state in one line."""
        now = time.monotonic()
        of = f" of {self.total}" if self.total else ""
        return " · ".join(part for part in (f"{self.counts['done']}{of}", self._rate(now), self._extra()) if part)

    def _rate(self, now: float) -> str:
        elapsed = now - self._started
        return f"{self.counts['done'] / elapsed:.1f}/s" if elapsed > 0.5 else ""

    def _extra(self) -> str:
        tokens = self.counts["prompt_tokens"] + self.counts["reply_tokens"]
        parts = [f"{self.counts['rejects']} rejected"] if self.counts["rejects"] else []
        parts += [f"{tokens:,} tokens"] if tokens else []
        parts += [f"{self.spent:.2f} spent"] if self.spent else []
        return " · ".join(parts)
