"""The panels of a compound figure, as its caption describes them.

Captions mark panels before their text ("(A) Axial CT. (B) …", "a left, b right"), after it ("… of the liver (A) and
spleen (B)") or by place ("Left: … Right: …"). Whatever looks like a marker but does not continue the sequence A, B, C …
is none: "(T2)", "(n = 3)", "(C)" after "(A)".
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from medvlsynther.records import Panel
from medvlsynther.rules.mentions import letters_between

_DASH = r"[-–—‒−‐‑]"
_JOIN = rf"\s*(?:,(?:\s*(?:and\b|&))?|and\b|&|/|\+|{_DASH}|\bto\b|\bthrough\b)\s*"
_ROMANS = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_PLACES = r"left|right|top|bottom|upper|lower|middle|cent(?:er|re)|first|second|third|fourth"
_SPOT = rf"(?:{_PLACES})(?:[ -](?:{_PLACES}))?"
_PART = r"(?:panels?|rows?|columns?|images?|sides?|half|picture|photo|inset)"


@dataclass(frozen=True, slots=True)
class _Marker:
    labels: tuple[str, ...]
    start: int
    end: int


def _style(label: str, opening: str, closing: str) -> re.Pattern[str]:
    return re.compile(rf"{opening}(?P<labels>{label}(?:{_JOIN}{label}){{0,30}}){closing}")


_ASIDE = rf"(?:\s*[,;:]\s*(?:{_PLACES})[^()\[\]]{{0,20}})?"
_OPEN, _CLOSE = r"[(\[]\s*(?:[Pp]anels?\s+)?", rf"{_ASIDE}\s*[)\]]\s*(?:[:.,;]|{_DASH})?"
_EDGE = r"(?:^|(?<=[.;:,)\]]\s)|(?<=\band\s))"
_PANEL_WORD = r"(?:^|(?<=[.;:,]\s))[Pp]anels?\s+"
_BARE_END = rf"(?:\s*[:.,)]|\s*{_DASH}(?=\s)|(?=\s+[A-Z0-9]))"
_BRACKET, _BRACKET_AFTER, _WORD = re.compile(r"[(\[]"), re.compile(r"\)"), re.compile("anel")
_EDGE_BEFORE = r"{0}(?:(?<=[.;:,)\]]\s{0})|(?<=\band\s{0})|(?<=\A{0}))"
_STYLES: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (_BRACKET, _style(r"[A-Z]", _OPEN, _CLOSE)),
    (_BRACKET, _style(r"[a-z]", _OPEN, _CLOSE)),
    (_BRACKET, _style(r"(?:x|ix|iv|v?i{1,3}|v|xi{1,2})", _OPEN, _CLOSE)),
    (_BRACKET_AFTER, _style(r"[A-Z]", r"(?<![\w(\[])", r"\)")),
    (_BRACKET_AFTER, _style(r"[a-z]", r"(?<![\w(\[])", r"\)")),
    (_WORD, _style(r"[A-Z]", _PANEL_WORD, r"\s*[:.,)]?(?=\s)")),
    (_WORD, _style(r"[a-z]", _PANEL_WORD, r"\s*[:.,)]?(?=\s)")),
    (re.compile(_EDGE_BEFORE.format("A")), _style(r"[A-Z]", _EDGE, _BARE_END)),
    (re.compile(_EDGE_BEFORE.format("a")), _style(r"[a-z]", _EDGE, rf"(?:\s*[:.,)]|\s*{_DASH}(?=\s)|(?=\s))")),
)
"""Each way to mark panels, after what a caption that uses it must hold and what is found sooner: a bracket, a word, a
first letter behind an edge. Searches that begin with a letter skip to it."""
_PLACE = re.compile(
    rf"(?:^|(?<=[.;:,]\s)|(?<=\band\s))(?:the\s+)?(?P<open>{_SPOT})(?:\s+{_PART})?\s*(?:[:,]|(?=\bshows?\b))"
    rf"|[(\[]\s*(?P<shut>{_SPOT})(?:\s+{_PART})?\s*[)\]]",
    re.IGNORECASE,
)
_MAYBE_PLACE = re.compile(rf"(?:{_PLACES})(?:\s+{_PART})?\s*(?:[:,)\]]|shows?\b)")
"""What must stand in the lower-case caption that marks panels by place; found sooner."""
_ENDS = ".;:!?"


def find_panels(caption: str) -> tuple[Panel, ...]:
    """The panels that a caption tells apart, in reading order; none for a single-panel figure.

    A panel's text is the caption from `start` to `end`, without the marker. Panels marked together ("(A, B)", "A–C")
    share their text. At least two panels, in sequence from the first letter, make a compound figure.
    """
    best: list[_Marker] = []
    for sign, style in _STYLES:
        chain = _chain(style, caption) if sign.search(caption) else []
        if _size(chain) > _size(best):
            best = chain
    if _size(best) < 2 and _MAYBE_PLACE.search(caption.lower()):
        best = _by_place(caption)
    return tuple(_lay_out(caption, best)) if _size(best) >= 2 else ()


def _size(markers: Sequence[_Marker]) -> int:
    return sum(len(marker.labels) for marker in markers)


# ---------------------------------------------------------------------------------------------- sequences


def _chain(style: re.Pattern[str], caption: str) -> list[_Marker]:
    """The markers of one style that continue A, B, C …; what is out of sequence is no marker."""
    chain: list[_Marker] = []
    known: list[str] = []
    for found in style.finditer(caption):
        labels = [label for label in _written_out(found["labels"]) if label not in known]
        if labels and _continues(known, labels):
            chain.append(_Marker(tuple(labels), found.start(), found.end()))
            known += labels
    return chain


def _written_out(group: str) -> list[str]:
    """The labels of a group: "A, B" and "A–C" are lists of two and of three."""
    labels: list[str] = []
    for text, join in _labels(group):
        if labels and re.fullmatch(rf"\s*(?:{_DASH}|to|through)\s*", join):
            labels += _missing(labels[-1], text)
        labels.append(text)
    return labels


def _labels(group: str) -> Iterator[tuple[str, str]]:
    """Each label with the text that joins it to the one before."""
    at = 0
    for found in re.finditer(r"(?<![A-Za-z])(?!and\b|to\b|through\b)[A-Za-z]{1,4}(?![A-Za-z])", group):
        yield found[0], group[at : found.start()]
        at = found.end()


def _missing(first: str, last: str) -> list[str]:
    if first in _ROMANS and last in _ROMANS and len(first + last) > 2:
        return list(_ROMANS[_ROMANS.index(first) + 1 : _ROMANS.index(last)])
    return letters_between(first, last)


def _continues(known: Sequence[str], labels: Sequence[str]) -> bool:
    sequence = [*known, *labels]
    if sequence[0] == "i":
        return tuple(sequence) == _ROMANS[: len(sequence)]
    first = "A" if sequence[0].isupper() else "a"
    return all(len(label) == 1 and ord(label) == ord(first) + n for n, label in enumerate(sequence))


def _by_place(caption: str) -> list[_Marker]:
    """Markers such as "Left:", "(right panel)"; each place once."""
    markers: dict[str, _Marker] = {}
    for found in _PLACE.finditer(caption):
        label = (found["open"] or found["shut"]).lower()
        markers.setdefault(label, _Marker((label,), found.start(), found.end()))
    return list(markers.values())


# ---------------------------------------------------------------------------------------------- extents


def _lay_out(caption: str, markers: Sequence[_Marker]) -> Iterator[Panel]:
    groups = _together(caption, markers)
    after = _marks_after(caption, groups)
    for number, group in enumerate(groups):
        if after:
            low = groups[number - 1][-1].end if number else _sentence_start(caption, group[0].start)
            high = group[0].start
        else:
            low = group[-1].end
            high = groups[number + 1][0].start if number + 1 < len(groups) else len(caption)
        start, end = _trimmed(caption, low, high)
        for marker in group:
            for label in marker.labels:
                yield Panel(label=label, start=start, end=end)


def _together(caption: str, markers: Sequence[_Marker]) -> list[list[_Marker]]:
    """Markers with nothing but a conjunction between them share one text: "(A), (B) and (C) MR images"."""
    groups = [[markers[0]]]
    for last, marker in pairwise(markers):
        if re.fullmatch(_JOIN + r"|\s*", caption[last.end : marker.start]):
            groups[-1].append(marker)
        else:
            groups.append([marker])
    return groups


def _marks_after(caption: str, groups: Sequence[Sequence[_Marker]]) -> bool:
    """Whether markers stand behind what they mark: they follow a word and end a clause."""
    after = sum(_ends_clause(caption, group[-1].end) and _follows_word(caption, group[0].start) for group in groups)
    return 2 * after > len(groups)


def _follows_word(caption: str, at: int) -> bool:
    before = caption[:at].rstrip()
    return bool(before) and before[-1] not in _ENDS + ",—–-"


def _ends_clause(caption: str, at: int) -> bool:
    return caption[at - 1] in ".,;:" or bool(re.match(r"\s*(?:$|[.,;:]|(?:and|or|but|with)\b)", caption[at : at + 8]))


def _sentence_start(caption: str, at: int) -> int:
    starts = [found.end() for found in re.finditer(r"[.:;]\s+", caption[:at])]
    return starts[-1] if starts else 0


def _trimmed(caption: str, low: int, high: int) -> tuple[int, int]:
    """The span without blanks, leading punctuation and a conjunction at either end."""
    text = caption[low:high]
    body = text.lstrip(" .,;:").removeprefix("and ").removeprefix("or ").lstrip()
    start = low + len(text) - len(body)
    body = body.rstrip(" ,;:").removesuffix(" and").removesuffix(" or").rstrip(" ,;:")
    return start, start + len(body)
