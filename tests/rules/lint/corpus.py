"""Figures and sound questions about them, written for the tests: the clean set, and the soil for planted defects.

A case is a caption, a mention and four questions; a question is `stem | key | distractor | …`. Every caption and
question is our own, in the manner of open-access articles.
"""

from dataclasses import dataclass
from pathlib import Path

CASES = Path(__file__).with_name("corpus.txt")


@dataclass(frozen=True)
class Case:
    """A figure's texts and the sound questions about it."""

    caption: str
    mention: str
    questions: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Stem, key, distractors."""


def cases() -> tuple[Case, ...]:
    """The cases in order."""
    found = []
    for block in CASES.read_text(encoding="utf-8").strip().split("\n---\n"):
        caption, mention, *lines = block.splitlines()
        parts = [tuple(part.strip() for part in line.split("|")) for line in lines]
        found.append(Case(caption, mention, tuple((stem, key, tuple(rest)) for stem, key, *rest in parts)))
    return tuple(found)
