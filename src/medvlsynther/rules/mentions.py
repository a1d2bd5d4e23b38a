"""What running text says about a figure: references to it, and the sentences around them.

Text in, text out: nothing here knows XML. `references` reads "Figs. 2A–C and 4"; `split` cuts sentences; `gather`
picks, for one figure, the sentences about it with one sentence of context on each side, and repeats none.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

Context = Literal["sentences", "paragraphs"]
"""How much text around a reference makes a mention."""

LONGEST_SENTENCE = 2_000
"""Characters; anything longer is cut at a blank, so that no input makes a mention without bounds."""
LONGEST_PARAGRAPH = 20_000
"""Characters of a mention that is a whole paragraph."""
MOST_MENTIONS = 64
"""Passages kept for one figure."""
WIDEST_RANGE = 40
"""Figures that one range may span; "Figs 1–900" is no range."""


class Name(NamedTuple):
    """One figure as a text names it."""

    number: str
    """"2", "S1", "A3", "IV": as printed, letters in capitals."""
    panels: tuple[str, ...] = ()
    """Panel letters as printed, ranges written out."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One place in a text that names one figure or several of a kind."""

    start: int
    """Offset of its first character."""
    end: int
    """Offset after its last character."""
    kind: str
    """"figure", or "plate", "scheme", …"""
    names: tuple[Name, ...]
    """The figures, ranges written out."""
    foreign: bool
    """True for a figure of a supplement or of another work."""


# ---------------------------------------------------------------------------------------------- references

_KINDS = {
    "fig": "figure", "figs": "figure", "figure": "figure", "figures": "figure", "figura": "figure",
    "figuras": "figure", "abb": "figure", "abbildung": "figure", "abbildungen": "figure",
    "scheme": "scheme", "schemes": "scheme", "plate": "plate", "plates": "plate", "chart": "chart", "charts": "chart",
    "foto": "photo", "fotos": "photo", "photo": "photo", "photos": "photo", "graph": "graph", "graphs": "graph",
    "map": "map", "maps": "map", "illustration": "illustration", "illustrations": "illustration", "video": "video",
}  # fmt: skip
_PLURAL = {"figs", "figures", "figuras", "abbildungen", "schemes", "plates", "charts", "fotos", "photos", "graphs"}

_DASH = r"[-–—‒−‐‑]"
_HEAD = re.compile(rf"(?<![\w-])(?P<word>{'|'.join(sorted(_KINDS, key=len, reverse=True))})(?:\.|\b)\s{{0,3}}", re.I)
_NUMBER = re.compile(
    r"(?:(?P<series>[A-Z]{1,2})[-. ]?)?(?P<digits>\d{1,3})(?!\d)(?P<part>\.\d{1,2}(?![\d%]))?|(?P<roman>[IVX]{1,5})\b",
    re.I,
)
_LETTER = re.compile(r"\s?\(?\s?(?P<letter>[A-Za-z])(?P<more>\d{1,2}|['′″]{1,2}|[ivx]{1,4})?(?![^\W_])\)?")
_JOIN = re.compile(
    rf"\s{{0,3}}(?:(?P<range>{_DASH}|\bto\b|\bthrough\b)|(?P<strong>,?\s{{0,3}}(?:and|&|or|e|y|und)\b|[&/+])|(?P<weak>[,;]))\s{{0,3}}",
    re.I,
)
_PROSE = re.compile(r"\s+(?!and\b|or\b|to\b|through\b)[a-z]{2,}")
_AFTER_LOOSE_PANEL = re.compile(rf"\s*(?:[,;)\]/&]|{_DASH}|and\b|to\b|$)")
_NOT_OURS_BEFORE = re.compile(
    r"(?i:\bsuppl(?:\.|[a-z]*)|\badditional|\bextended[ -]data|\bsupporting|\bonline|\bappendix|\bin the supplement)"
    r"(?:\s+(?:information|material|file|data)\s*\d*:?)?\s*$"
    r"|\btheir\s*$|['’]s\s*$|\[\d+[\d,; –-]*,\s*$|"
    r"\b(?!(?:In|Since|From|Until|By|During|After|Before)\b)[A-Z][\w-]+(?:\s+et\s+al\.?)?,?\s+\(?\d{4}[a-z]?[,:;]\s*$"
)
_NOT_OURS_AFTER = re.compile(
    rf"\s*(?:\([^()]{{0,40}}\)\s*)?(?:of|in|from)\s+(?:the\s+)?(?:\[\s*\d|(?i:ref(?:s?\.|erences?\b))\s*\[?\d|supplement|appendix\b"
    rf"|(?:paper|article|study|work)\s+(?:of|by)\s+[A-Z]|[A-Z][\w-]+(?:\s+(?:and|&)\s+[A-Z][\w-]+)?"
    rf"(?:\s+et\s+al|,?\s*\(?\d{{4}}|\s*\[\d))|\s*{_DASH}\s*figure supplement"
)


def references(text: str) -> tuple[Reference, ...]:
    """All figures that a text names, in order: lists, ranges and panel letters read as a person would.

    "Fig. 1" is never read out of "Fig. 10" or "Figure S1"; supplements and other papers' figures are marked foreign.
    """
    found = []
    at = 0
    while head := _HEAD.search(text, at):
        at = head.end()
        names, end = _read_names(text, at, head["word"].lower() in _PLURAL)
        if names:
            at = end
            found.append(Reference(head.start(), end, _KINDS[head["word"].lower()], names, _foreign(text, head, end)))
    return tuple(found)


def _foreign(text: str, head: re.Match[str], end: int) -> bool:
    before = text[max(0, head.start() - 60) : head.start()]
    return bool(_NOT_OURS_BEFORE.search(before) or _NOT_OURS_AFTER.match(text, end))


def _read_names(text: str, at: int, plural: bool) -> tuple[tuple[Name, ...], int]:
    """The names that follow a head word, and the offset after the last of them."""
    first = _read_name(text, at)
    if first is None:
        return (), at
    names, end = [first[0]], first[1]
    while (join := _JOIN.match(text, end)) and (following := _read_name(text, join.end())):
        name, after = following
        if not _continues(text, join, names[-1], name, after, plural):
            break
        names += _between(names[-1].number, name.number) if join["range"] else []
        names.append(name)
        end = after
    return _merge(names), end


def _read_name(text: str, at: int) -> tuple[Name, int] | None:
    number = _NUMBER.match(text, at)
    if not number:
        return None
    panels, end = _read_panels(text, number.end())
    spelled = (number["roman"] or f"{number['series'] or ''}{number['digits']}{number['part'] or ''}").upper()
    return Name(spelled, panels), end


def _continues(text: str, join: re.Match[str], last: Name, name: Name, after: int, plural: bool) -> bool:
    """Whether a number after a comma or a conjunction is one more figure, not "3 patients"."""
    if join["range"]:
        return last.number == name.number or bool(_between(last.number, name.number)) or _follows(last, name)
    if last.number == name.number and name.panels:
        return True
    prose = bool(_PROSE.match(text, after)) and not name.panels
    return (plural and not (join["weak"] and prose)) or (bool(join["strong"]) and not prose)


def _follows(last: Name, name: Name) -> bool:
    return last.number.isdigit() and name.number.isdigit() and int(name.number) == int(last.number) + 1


def _between(first: str, last: str) -> list[Name]:
    """The names strictly inside a range such as 2–4 or S1–S3."""
    low, high = re.fullmatch(r"([A-Z]*)(\d+)", first), re.fullmatch(r"([A-Z]*)(\d+)", last)
    if not low or not high or high[1] not in ("", low[1]) or int(high[2]) - int(low[2]) > WIDEST_RANGE:
        return []
    return [Name(f"{low[1]}{number}") for number in range(int(low[2]) + 1, int(high[2]))]


def _read_panels(text: str, at: int) -> tuple[tuple[str, ...], int]:
    """Panel letters right after a number ("2A–C", "1(a)", "3 a, b"), and the offset after them."""
    letter = _LETTER.match(text, at)
    if not letter:
        return (), at
    if letter.start("letter") != at and not _AFTER_LOOSE_PANEL.match(text, letter.end("letter")):
        return (), at
    panels, end = [_spelled(letter)], letter.end()
    while (join := _JOIN.match(text, end)) and (letter := _LETTER.match(text, join.end())):
        article = letter["letter"] in "aAI" and _PROSE.match(text, letter.end())
        if article or (letter["letter"] == "S" and letter["more"]):
            break
        panels += letters_between(panels[-1], letter["letter"]) if join["range"] else []
        panels.append(_spelled(letter))
        end = letter.end()
    return tuple(dict.fromkeys(panels)), end


def panels_at(text: str, at: int) -> tuple[str, ...]:
    """Panel letters that stand right at an offset, as after the number of a tagged reference."""
    return _read_panels(text, at)[0]


def _spelled(letter: re.Match[str]) -> str:
    return letter["letter"] + (letter["more"] or "")


def letters_between(first: str, last: str) -> list[str]:
    """The letters strictly inside a range such as A–D; none where the two are not letters of one case."""
    if len(first) != 1 or len(last) != 1 or first.isupper() != last.isupper():
        return []
    return [chr(code) for code in range(ord(first) + 1, ord(last))]


def _merge(names: Sequence[Name]) -> tuple[Name, ...]:
    panels: dict[str, dict[str, None]] = {}
    for name in names:
        panels.setdefault(name.number, {}).update(dict.fromkeys(name.panels))
    return tuple(Name(number, tuple(letters)) for number, letters in panels.items())


def is_range(between: str) -> bool:
    """Whether the text between two tagged references ("Figs 2" … "4") makes them the ends of a range."""
    return bool(re.fullmatch(rf"\s*(?:{_DASH}|to|through|a|bis)\s*", between))


def label_name(label: str) -> tuple[str, str] | None:
    """Kind and number of a printed label: ("figure", "2") of "Fig. 2."; None for a label without a number."""
    found = references(label)
    if found and not found[0].foreign:
        name = found[0].names[0]
        return found[0].kind, name.number + "".join(name.panels[:1]).upper()
    plain = re.fullmatch(r"\s*(\d{1,3})\s*[.:]?\s*", label)
    return ("figure", plain[1]) if plain else None


# ---------------------------------------------------------------------------------------------- sentences

Span = tuple[int, int]
"""Start and end offset in a text."""

_END = re.compile(
    r"[.!?](?:(?<=[^\W\d].)|(?<=[\d)\]%\"”’'°].))[.!?]*[\"'”’)\]]*(?P<cited>\d{1,3}(?:[,–-]\d{1,3})*)?(?P<gap>\s+)"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:figs?|refs?|eqs?|tabs?|suppl?|nos?|vols?|pp?|chap|sec|vs|cf|ca|approx|al|e\.g|i\.e|resp|dr|prof|mrs?|"
    r"ms|st|inc|ltd|co|corp|sp|spp|subsp|var|gen|nov|eds?|abb|viz)|(?-i:\b[A-Z]))$",
    re.IGNORECASE,
)
_STARTS_LOWER = re.compile(r"[a-z]")


def split(text: str) -> tuple[Span, ...]:
    """The sentences of a text as spans that cover all of it but the blanks between them."""
    spans, start = [], 0
    for end in _END.finditer(text):
        stop = end.start("gap")
        if not _is_end(text, start, end):
            continue
        spans.append((start, stop))
        start = end.end()
    if start < len(text.rstrip()):
        spans.append((start, len(text.rstrip())))
    return tuple(piece for span in spans for piece in _bounded(text, span))


def _is_end(text: str, start: int, end: re.Match[str]) -> bool:
    if end.end() >= len(text) or _STARTS_LOWER.match(text, end.end()):
        return False
    stop = text.find(".", end.start(), end.end())
    if end["cited"]:
        return not text[stop - 1].isdigit()
    return stop < 0 or text[stop + 1] in ")]\"”’'" or not _ABBREVIATION.search(text, max(start, stop - 12), stop)


def _bounded(text: str, span: Span) -> Iterable[Span]:
    start, end = span
    while end - start > LONGEST_SENTENCE:
        cut = text.rfind(" ", start + 1, start + LONGEST_SENTENCE)
        cut = cut if cut > start else start + LONGEST_SENTENCE
        yield start, cut
        start = cut + (text[cut] == " ")
    yield start, end


# ---------------------------------------------------------------------------------------------- gathering


@dataclass(frozen=True)
class Passage:
    """One paragraph, heading, table row or footnote of an article."""

    text: str
    """Plain text, blanks collapsed."""

    @cached_property
    def sentences(self) -> tuple[Span, ...]:
        """Its sentences."""
        return split(self.text)


class Hit(NamedTuple):
    """A place that is about the figure."""

    passage: Passage
    start: int
    """Offset in the passage's text."""
    end: int


def gather(hits: Iterable[Hit], context: Context = "sentences", *, margin: int = 1) -> tuple[str, ...]:
    """The mentions of one figure, in the order of its hits: no sentence stands in them twice.

    `margin` is the number of sentences of context on each side; neighbouring mentions of one passage are one mention.
    """
    wanted: dict[int, tuple[Passage, set[int]]] = {}
    for hit in hits:
        passage, chosen = wanted.setdefault(id(hit.passage), (hit.passage, set()))
        chosen.update(_touched(passage.sentences, hit.start, hit.end))
    seen: set[str] = set()
    mentions: list[str] = []
    for passage, chosen in wanted.values():
        if context == "paragraphs":
            mentions += _unseen([passage.text[:LONGEST_PARAGRAPH]], seen)
            continue
        near = {n for hit in chosen for n in range(hit - margin, hit + margin + 1) if 0 <= n < len(passage.sentences)}
        for run in _runs(sorted(near)):
            fresh = _unseen([passage.text[slice(*passage.sentences[n])] for n in run], seen)
            mentions += [" ".join(fresh)] if fresh else []
    return tuple(mentions[:MOST_MENTIONS])


def _touched(spans: Sequence[Span], start: int, end: int) -> range:
    """Indices of the sentences that overlap a place; for a place of no length, the one that it stands in or after."""
    last = bisect_left(spans, (max(end, start + 1), 0)) - 1
    first = last
    while first > 0 and spans[first - 1][1] > start:
        first -= 1
    return range(max(first, 0), last + 1) if last >= 0 else range(min(1, len(spans)))


def _runs(numbers: Sequence[int]) -> Iterable[list[int]]:
    run: list[int] = []
    for number in numbers:
        if run and number != run[-1] + 1:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _unseen(texts: Iterable[str], seen: set[str]) -> list[str]:
    fresh = []
    for text in texts:
        if text and text not in seen:
            seen.add(text)
            fresh.append(text)
    return fresh
