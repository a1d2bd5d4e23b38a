"""Where in a text stands what a lint rule found."""

import re
from ast import literal_eval
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from medvlsynther.records import LintNote

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_LEAST = 2
MOST_SPANS = 200

RULES_OF: Mapping[str, tuple[str, ...]] = {
    "stem_self_contained": ("LEAK1", "GRD1"),
    "vocabulary_constraint": ("GRD3", "GRD4", "LEAK4"),
    "diagnosis_leak": ("LEAK2", "CUE2"),
    "single_correct_option": ("SCH2", "SCH3"),
    "option_type_consistency": ("CUE7", "CUE5"),
    "clinical_validity": (),
    "image_text_consistency": ("GRD1", "GRD2"),
    "plausible_distractors": ("CUE6", "CUE7", "NBM3"),
    "clarity_and_focus": ("NBM2", "NBM8"),
    "multiple_keys": ("SCH2", "SCH3"),
    "parallel_options": ("CUE1", "CUE5"),
    "stem_concision": ("NBM9",),
    "answer_field_validity": ("SCH1", "SCH2"),
    "json_schema_compliance": ("SCH1",),
    "forbidden_terms": ("LEAK1",),
}
"""Criterion to the lint rules that look at the same thing."""


class Span(NamedTuple):
    """A part of a text."""

    start: int
    """In characters."""
    end: int
    rule: str
    """Id of the rule that spoke of it."""


def spans(text: str, notes: Iterable[LintNote]) -> list[Span]:
    """The parts of a text that notes quote, in order and without overlaps; the first rule has a part."""
    lower = text.casefold() if len(text.casefold()) == len(text) else text.lower()
    if len(lower) != len(text):
        lower = text
    found = []
    for note in notes:
        for quoted in _QUOTED.findall(note.detail):
            found += [Span(s, s + n, note.rule) for s, n in _places(lower, _read(quoted))]
    kept: list[Span] = []
    for span in sorted(set(found), key=lambda each: (each.start, each.start - each.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept[:MOST_SPANS]


def _read(quoted: str) -> str:
    try:
        return str(literal_eval(quoted)).casefold()
    except (SyntaxError, ValueError):
        return ""


def _places(text: str, wanted: str) -> Iterable[tuple[int, int]]:
    if len(wanted.strip()) < _LEAST:
        return []
    pattern = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)")
    return [(found.start(), len(wanted)) for found in pattern.finditer(text)]


def linted(criterion: str, notes: Iterable[LintNote]) -> tuple[LintNote, ...] | None:
    """What the linter says of a criterion: nothing found, the notes, or None where no rule looks at it."""
    rules = RULES_OF.get(criterion, ())
    return tuple(note for note in notes if note.rule in rules) if rules else None
