"""Which passages of a JATS article are about which figure.

A cross-reference decides by its id; what it leaves open (the middle of "Figs 2–4", an id that leads nowhere, a mention
that nobody tagged) is decided by the printed label. What neither decides is reported.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from lxml import etree

from medvlsynther.rules.mentions import (
    WIDEST_RANGE,
    Context,
    Hit,
    Name,
    Passage,
    Reference,
    gather,
    is_range,
    references,
)
from medvlsynther.sources._jats_figures import Drawn
from medvlsynther.sources._jats_text import Anchor, passage_of, read, targets
from medvlsynther.sources._xml import attribute, local, named

_STEMS = {"figure": ("fig", "abb"), "photo": ("foto", "photo")}
"""How the words of a kind begin, where not as the kind itself."""
_TEXT = etree.XPath("string()", smart_strings=False)
_SUB_FIGURE = re.compile(r"(.*\d)[-_.]?[a-z]")
_MOST_HITS = 2_000
"""Places that are remembered for one figure; far more than it has mentions."""
_FIGURE_TYPES = frozenset({"fig", "figs", "figure", "figures", "fig-group"})


_Place = TypeVar("_Place", Anchor, Reference)


@dataclass(frozen=True, slots=True)
class Told:
    """What the text tells of one figure."""

    mentions: tuple[str, ...]
    quality: str
    """"xml" where a cross-reference led here, "plain-text" where only words did, "none" without mentions."""


@dataclass(frozen=True, slots=True)
class Links:
    """All references of an article."""

    told: tuple[Told, ...]
    """One entry a figure, in the order given."""
    dangling: tuple[tuple[str, str], ...]
    """Target and text of cross-references to figures that are not there."""


@dataclass(slots=True)
class _Index:
    """Figures by what a reference may call them."""

    ids: dict[str, list[int]] = field(default_factory=dict)
    numbers: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, figures: Sequence[Drawn]) -> "_Index":
        index = cls()
        for position, drawn in enumerate(figures):
            for name in drawn.reached_by:
                for spelled in dict.fromkeys((name, name.lower())):
                    index.ids.setdefault(spelled, []).append(position)
            if drawn.number:
                index.numbers.setdefault(drawn.number, []).append(position)
        return index

    def by_id(self, rid: str) -> list[int]:
        """Figures of an id, of an id in another case, or of the figure that a panel's id belongs to."""
        found = self.ids.get(rid) or self.ids.get(rid.lower())
        panel = _SUB_FIGURE.fullmatch(rid.lower())
        return found or (self.ids.get(panel[1], []) if panel else [])

    def by_name(self, kind: str, name: Name) -> list[int]:
        """Figures of a printed number; "3" reaches the figures "3A" and "3B" where no figure is "3"."""
        exact = [hit for panel in name.panels for hit in self.numbers.get((kind, name.number + panel.upper()), [])]
        exact = exact or self.numbers.get((kind, name.number), [])
        if exact or not name.number.isdigit():
            return exact
        parts = (self.numbers.get((kind, name.number + letter), []) for letter in "ABCDEFGHIJKL")
        return [hit for part in parts for hit in part]


def link(article: etree._Element, figures: Sequence[Drawn], context: Context) -> Links:
    """Reads all passages outside captions and tells each figure's mentions."""
    linker = _Linker(_Index.of(figures))
    for block in _blocks(article, linker.index):
        linker.read(block)
    linker.check_captions(article)
    told = tuple(linker.tell(position, context) for position in range(len(figures)))
    return Links(told, tuple(linker.dangling))


def _blocks(article: etree._Element, index: _Index) -> Iterable[etree._Element]:
    """The passages worth reading, in document order: those with a figure's cross-reference or a figure's word."""
    stems = tuple(stem for kind in sorted({kind for kind, _ in index.numbers}) for stem in _STEMS.get(kind, (kind,)))
    wanted: dict[etree._Element, None] = {}
    for node in named(article, "xref", "p", "title", "tr"):
        if local(node) == "xref":
            passage = passage_of(node) if _is_figure_reference(node, index) else None
            if passage is not None:
                wanted[passage] = None
        elif _says(node, stems) and not _in_figure(node):
            wanted[node] = None
    return wanted


def _says(node: etree._Element, stems: tuple[str, ...]) -> bool:
    text = str(_TEXT(node)).lower()
    return any(stem in text for stem in stems)


def _in_figure(node: etree._Element) -> bool:
    return any(local(above) in ("fig", "fig-group", "front") for above in node.iterancestors()) and not any(
        local(above) in ("abstract", "trans-abstract") for above in node.iterancestors()
    )


def _is_figure_reference(xref: etree._Element, index: _Index) -> bool:
    return attribute(xref, "ref-type").lower() in _FIGURE_TYPES or any(index.by_id(rid) for rid in targets(xref))


@dataclass(slots=True)
class _Linker:
    index: _Index
    hits: dict[int, list[Hit]] = field(default_factory=dict)
    tagged: set[int] = field(default_factory=set)
    dangling: dict[tuple[str, str], None] = field(default_factory=dict)

    def tell(self, position: int, context: Context) -> Told:
        mentions = gather(self.hits.get(position, ()), context)
        return Told(mentions, "none" if not mentions else "xml" if position in self.tagged else "plain-text")

    def read(self, block: etree._Element) -> None:
        """Notes every figure that one passage names."""
        plain = read(block)
        passage = Passage(plain.text())
        said = references(passage.text)
        resolved: list[tuple[Anchor, list[int]]] = []
        anchors = sorted(plain.anchors, key=lambda anchor: (anchor.start, anchor.end))
        for anchor in anchors:
            if _is_figure_reference(anchor.element, self.index):
                found = self._resolve(anchor, said)
                resolved.append((anchor, found))
                self._note(found, passage, anchor.start, anchor.end, tagged=True)
        self._fill_ranges(passage, resolved)
        self._read_words(passage, said, anchors)

    def _resolve(self, anchor: Anchor, said: Sequence[Reference]) -> list[int]:
        """The figures of a cross-reference: by id, else by the label in its text; reported where there are none."""
        found = [hit for rid in targets(anchor.element) for hit in self.index.by_id(rid)]
        if not found:
            spoken_on_it = _on(said, anchor.start, anchor.end)
            found = [hit for spoken in spoken_on_it if not spoken.foreign for hit in self._named(spoken)]
        if not found:
            self._report(anchor.element)
        return list(dict.fromkeys(found))

    def _report(self, xref: etree._Element) -> None:
        text = "".join(map(str, xref.itertext())).strip()
        for rid in targets(xref) or ("",):
            self.dangling[(rid, text)] = None

    def _named(self, spoken: Reference) -> Iterator[int]:
        for name in spoken.names:
            yield from self.index.by_name(spoken.kind, name)

    def _note(self, found: Iterable[int], passage: Passage, start: int, end: int, *, tagged: bool) -> None:
        for position in found:
            known = self.hits.setdefault(position, [])
            if len(known) < _MOST_HITS:
                known.append(Hit(passage, start, end))
            if tagged:
                self.tagged.add(position)

    def _fill_ranges(self, passage: Passage, resolved: Sequence[tuple[Anchor, list[int]]]) -> None:
        """The figures in the middle of "Figs 2" – "4" carry no cross-reference of their own."""
        number = {position: key for key, positions in self.index.numbers.items() for position in positions}
        for (first, low), (last, high) in pairwise(resolved):
            if not low or not high or not is_range(passage.text[first.end : last.start]):
                continue
            (kind, start), (_, end) = number.get(low[-1], ("", "")), number.get(high[0], ("", ""))
            if start.isdigit() and end.isdigit() and int(end) - int(start) <= WIDEST_RANGE:
                for middle in range(int(start) + 1, int(end)):
                    found = self.index.by_name(kind, Name(str(middle)))
                    self._note(found, passage, first.start, last.end, tagged=True)

    def _read_words(self, passage: Passage, said: Sequence[Reference], anchors: Sequence[Anchor]) -> None:
        """References in plain words; a cross-reference of another kind on them says that they mean something else."""
        for spoken in said:
            on_it = _on(anchors, spoken.start, spoken.end)
            if spoken.foreign or any(not _is_figure_reference(anchor.element, self.index) for anchor in on_it):
                continue
            self._note(self._named(spoken), passage, spoken.start, spoken.end, tagged=bool(on_it))

    def check_captions(self, article: etree._Element) -> None:
        """Cross-references in captions make no mention, but lead somewhere or are reported."""
        for xref in named(article, "xref"):
            if attribute(xref, "ref-type").lower() in _FIGURE_TYPES and passage_of(xref) is None:
                text = "".join(map(str, xref.itertext()))
                by_word = any(hit is not None for spoken in references(text) for hit in self._named(spoken))
                if not by_word and not any(self.index.by_id(rid) for rid in targets(xref)):
                    self._report(xref)


def _on(places: Sequence[_Place], start: int, end: int) -> list[_Place]:
    """Those of some places, in order and apart from each other, that touch a stretch of text."""
    found = []
    for number in range(bisect_left(places, max(end, start + 1), key=lambda place: place.start) - 1, -1, -1):
        if max(places[number].end, places[number].start + 1) <= start:
            break
        found.append(places[number])
    return found[::-1]
