"""What the stem points at or counts that figure, caption and mentions do not have."""

import re
from collections.abc import Iterator

from medvlsynther.records import LETTERS
from medvlsynther.rules.lint._core import Hit, View, rule
from medvlsynther.rules.lint._numbers import number_words, quantities
from medvlsynther.rules.lint._terms import families
from medvlsynther.rules.lint._text import listed
from medvlsynther.rules.lint.demographics import AGE

_PANEL_WORD = (
    r"(?:sub-?)?(?:panel|image|figure|fig\.?|picture|photo(?:graph)?|micrograph|photomicrograph|radiograph|scan"
    r"|plate|part)s?"
)
_PANEL = re.compile(
    rf"\b(?i:{_PANEL_WORD})\s*(?:\(\s*([A-Ha-h]|\d{{1,2}})\s*\)|([A-H]|\d{{1,2}}[A-Ha-h]?)\b(?![-'’.]?\w))"
    r"|\b(?i:panels?|sub-?figures?)\s+([a-h])\b(?!\s+[a-z]+(?:ed|ing)?\s+(?:of|with)\b)"
    r"|\b(?i:in|from|of|between|labell?ed)\s+\(([A-Ha-h])\)"
)
_PLACED = re.compile(
    r"\b(?:both|two|three|four|five|six)\s+(?:sub-?)?(?:panels|subfigures|images)\b"
    r"|\b(?:panel|image)\s+(?:on|to|at)\s+the\s+(?:left|right|top|bottom)\b"
    r"|\b(?:left|right|top|bottom|upper|lower|middle|central|first|second|third|fourth|last)(?:[- ](?:hand|most))?"
    r"(?:[- ](?:left|right))?"
    r"\s+(?:(?:sub-?)?panel|subfigure|picture|image)\b",
    re.IGNORECASE,
)


@rule("GRD1", "error", always=True)
def panel_reference(view: View) -> Iterator[Hit]:
    """Stem or option names a panel, image or figure by letter or number while the item ships one image, or one that the
    figure does not have; or by place or count ("the left panel", "both images") where there is one image and no panels.
    """
    images = len(view.figure.images)
    for text in (view.stem, *view.options):
        for found in _PANEL.finditer(text.raw):
            name = next(filter(None, found.groups()))
            if images < 2 or not _has_panel(view, name.upper()):
                yield Hit(repr(found.group()))
        placed = _PLACED.search(text.raw)
        if placed and images < 2 and not view.figure.panels:
            yield Hit(repr(placed.group()))


def _has_panel(view: View, name: str) -> bool:
    if name in {panel.label.upper() for panel in view.figure.panels}:
        return True
    number = int(name) if name.isdigit() else LETTERS.find(name) + 1
    return 1 <= number <= len(view.figure.images)


_MARKS = {
    "arrow": re.compile(r"\barrows?\b|[←-↓⇐-⇓➔➡]", re.IGNORECASE),
    "arrowhead": re.compile(r"\barrow[- ]?heads?\b|[▲▼►◄▶◀]", re.IGNORECASE),
    "asterisk or star": re.compile(r"\basterisks?\b|\bstars?\b|[*★☆∗＊]", re.IGNORECASE),
    "box": re.compile(r"\bbox(?:es|ed)?\b|\brectangles?\b|\bsquares?\b|\binsets?\b", re.IGNORECASE),
    "circle": re.compile(r"\bcircled?s?\b|\bovals?\b|\bellipses?\b", re.IGNORECASE),
    "label": re.compile(r"\blabell?ed\b|\bmarked\b|\blabels?\b|\bindicated by\b|\bdenoted\b", re.IGNORECASE),
}
_LABELLED = re.compile(
    r"\b(?:labell?ed|marked|label|letter|denoted)\s+(?:as\s+|with\s+|by\s+)?(?:the\s+letter\s+)?['\"“(]?([A-Z0-9]{1,3})\b"
)


@rule("GRD2", "warn", always=True)
def mark_reference(view: View) -> Iterator[Hit]:
    """The stem points at an arrow, arrowhead, asterisk, star, box, circle or label that caption and mentions lack."""
    said = view.sources.raw
    for name, mark in _MARKS.items():
        if name != "label" and mark.search(view.stem.raw) and not mark.search(said):
            yield Hit(name)
    label = _LABELLED.search(view.stem.raw)
    if label and not re.search(rf"(?<!\w){label[1]}(?!\w)", said):
        yield Hit(f"label {label[1]}")


@rule("GRD3", "warn")
def unsupported_number(view: View) -> Iterator[Hit]:
    """A number of the stem or the key, ages apart, that caption and mentions lack: as written, in words up to twenty,
    or in another unit of its kind (1.2 cm is 12 mm).
    """
    claims = quantities(AGE.sub(" ", view.stem.raw)) + quantities(view.key.raw)
    if not claims:
        return
    known = view.sources.quantities
    values = {found.value for found in known} | number_words(view.sources.token_set)
    measures = {found.measure for found in known if found.measure}
    lone = {claim.text for claim in claims if claim.value not in values and claim.measure not in measures}
    if lone:
        yield Hit(listed(lone))


_VISUAL = re.compile(
    r"\b(?:shown?|shows|showing|seen|see|visible|visuali[sz]ed?|images?|imaging|imaged|picture[ds]?|figures?|photo\w*|scans?"
    r"|arrows?|arrowheads?|asterisks?|panels?|slides?|stain(?:ed|ing)?|depict\w*|display\w*|demonstrat\w*|illustrat\w*"
    r"|indicated|marked|highlighted|labell?ed|pointed|view|viewed|section|sections|slices?|film|plane|appear\w*|observed?"
    r"|colou?r|evident|identified|radiolog\w*|structure|region|present(?:ed)?|modality|this (?:lesion|patient|case))\b"
    r"|[\u3040-\u9fff]",
    re.IGNORECASE,
)


@rule("GRD5", "info", always=True)
def image_free_stem(view: View) -> Iterator[Hit]:
    """The stem has no word of seeing (shown, image, scan, arrow, …) and names no kind of image."""
    if view.stem.norm and not _VISUAL.search(view.stem.raw) and not families(view.stem.raw):
        yield Hit("no word of seeing")
