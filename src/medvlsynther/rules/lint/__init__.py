"""What code can say about an item before a verifier is paid: about forty rules, each with an id and a severity.

schema     SCH1-5     form: labels, duplicates, references to letters
nbme       NBM1-10    flaws of item writing; TXT1 readability
cues       CUE1-7     what lets a testwise reader guess
leakage    LEAK1-4    the answer in the stem, words about the source, copies of the caption
grounding  GRD1-5     what the sources do not have: panels, marks, numbers; GRD4, the patient, in demographics
support    GRD6-9     what the sources say instead: another modality, a second right option, another key or side
privacy    PHI1       identifiers
images     IMG1, LIC1 what the figure's record says

Errors reject an item, quarantine keeps it out until a person looked, warnings and infos travel with it. Definitions
and severities follow the design's table; each rule's docstring is its definition.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from medvlsynther.records import Figure, Item, LintNote
from medvlsynther.rules.lint import cues, demographics, grounding, images, leakage, nbme, privacy, schema, support
from medvlsynther.rules.lint._core import RULES as _RULES
from medvlsynther.rules.lint._core import Rule, View
from medvlsynther.rules.lint._terms import Lexicons
from medvlsynther.rules.lint.nbme import Readability, readability
from medvlsynther.rules.lint.schema import names_place, unlabel

__all__ = ["RULES", "Lexicons", "Readability", "Rule", "fix", "lint", "names_place", "readability"]

FAMILIES = (schema, nbme, cues, leakage, grounding, demographics, support, privacy, images)
"""The modules that register rules."""

_ORDER = ("SCH", "NBM", "CUE", "LEAK", "GRD", "PHI", "IMG", "LIC", "TXT")


def _place(name: str) -> tuple[int, int]:
    letters = name.rstrip("0123456789")
    return _ORDER.index(letters), int(name.removeprefix(letters))


RULES: Mapping[str, Rule] = MappingProxyType({name: _RULES[name] for name in sorted(_RULES, key=_place)})
"""Every rule by id, in the order of the table."""

_LONGEST_DETAIL = 200


def lint(
    item: Item, figure: Figure, *, vocabulary: Lexicons | None = None, rules: Collection[str] | None = None
) -> tuple[LintNote, ...]:
    """What the rules find on an item, in the order of the table; never raises on any item.

    `vocabulary` adds the names it knows to the built-in ones; `rules` are ids, all by default. An item without a valid
    key is judged by the rules that need none.
    """
    view = View(item, figure, vocabulary or {})
    return tuple(
        LintNote(rule=rule.id, severity=hit.severity or rule.severity, detail=hit.detail[:_LONGEST_DETAIL])
        for rule in RULES.values()
        if (rules is None or rule.id in rules) and (rule.always or view.sound)
        for hit in rule.find(view)
    )


def fix(item: Item) -> Item:
    """The item with what can be mended without touching a meaning: labels in front of all options go ("A) CT").

    The same item where nothing is to mend.
    """
    options = unlabel(item.options)
    return item if options == item.options else item.model_copy(update={"options": options})
