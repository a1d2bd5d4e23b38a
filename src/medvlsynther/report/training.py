"""Training curves: what a training step noted while it ran, one line a run."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medvlsynther.store.finished import Run

CURVES = "curves.jsonl"
"""Lines that a training step leaves in its folder: {"step": 1, "reward": 0.25, …}."""

QUANTITIES: Mapping[str, str] = {
    "reward": "Reward",
    "accuracy": "Share of right replies",
    "format": "Share of replies in the asked format",
    "length_tokens": "Length of a reply, tokens",
    "kl": "KL divergence from the reference",
    "loss": "Loss",
}
"""What is drawn, in this order, and how it reads. Whatever else a trainer notes stays in its file."""

POINTS = 300
"""Points drawn of one curve; of a longer one, means of neighbours."""

LONGEST_LINE = 1 << 16
"""Bytes of one line."""

Points = Sequence[tuple[float, float]]


@dataclass
class Curves:
    """What the trainings of some runs noted."""

    lines: dict[str, dict[str, Points]] = field(default_factory=dict)
    """Quantity to the name of a training to its points, by step."""
    unread: dict[str, int] = field(default_factory=dict)
    """Name of a training to the lines that are no notes of a step."""

    @property
    def titled(self) -> Iterator[tuple[str, Mapping[str, Points]]]:
        """Title and lines of each quantity that somebody noted."""
        return ((title, self.lines[name]) for name, title in QUANTITIES.items() if name in self.lines)


def curves(runs: Sequence[Run]) -> Curves:
    """The curves of all steps that left some; of a step that was trained twice, the later note counts."""
    found = Curves()
    several = len(runs) > 1
    for run in runs:
        for step in run.steps:
            if (step.folder / CURVES).is_file():
                name = f"{run.name} {step.name}" if several else step.name
                _take(found, name, step.folder / CURVES)
    return found


def _take(found: Curves, name: str, path: Path) -> None:
    noted: dict[str, dict[float, float]] = {}
    for note in _notes(path):
        if note is None:
            found.unread[name] = found.unread.get(name, 0) + 1
            continue
        for quantity in QUANTITIES:
            if (value := _number(note.get(quantity))) is not None:
                noted.setdefault(quantity, {})[note["step"]] = value
    for quantity, values in noted.items():
        found.lines.setdefault(quantity, {})[name] = _thinned(sorted(values.items()))


def _notes(path: Path) -> Iterator[dict[str, Any] | None]:
    """The notes of a file; None for a line that is none. A line without its end is still being written."""
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            if line.strip():
                yield _note(line)


def _note(line: bytes) -> dict[str, Any] | None:
    try:
        note = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return note if isinstance(note, dict) and _number(note.get("step")) is not None else None


def _number(value: object) -> float | None:
    """A finite number; trainers write NaN where a quantity has none yet."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e300 and math.isfinite(value) else None


def _thinned(points: Sequence[tuple[float, float]]) -> Points:
    size = -(-len(points) // POINTS)
    groups: Iterable[Points] = (points[start : start + size] for start in range(0, len(points), size))
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
