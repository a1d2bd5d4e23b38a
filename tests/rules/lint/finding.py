"""What one rule finds in an item about one caption."""

from typing import Any

from medvlsynther.rules.lint import lint
from tests.rules.material import make_figure, make_item

CAPTION = "Axial CT of a 54-year-old man with a 1.2 cm nodule (arrow) in the right upper lobe."
FIVE = ("Nodule", "Effusion", "Fracture", "Abscess", "Embolus")
STEM = "Which abnormality is shown in this image?"


def found(
    rule: str, question: str = STEM, options: tuple[str, ...] = FIVE, answer: str = "A", **other: Any
) -> list[str]:
    """Severities of what one rule finds."""
    figure = other.pop("figure", None) or make_figure(other.pop("caption", CAPTION), *other.pop("mentions", ()))
    notes = lint(make_item(question, options, answer), figure, rules={rule}, **other)
    assert all(note.rule == rule for note in notes)
    return [note.severity for note in notes]


def first(options: str) -> tuple[str, ...]:
    """Options from "a | b | c"; the first is the key."""
    return tuple(option.strip() for option in options.split("|"))
