"""JATS elements as plain text: captions whole, paragraphs with the places of their cross-references.

Blanks collapse to one; blocks are kept apart by a blank; a numeric exponent keeps its caret ("10^3"), every other
super- or subscript joins its word ("18F", "IC50"); of a formula given twice, the MathML is read and not the TeX.
"""

import re
from dataclasses import dataclass, field

from lxml import etree

from medvlsynther.sources._xml import attribute, children, local

BLOCKS = frozenset({
    "p", "title", "subtitle", "tr", "list-item", "attrib", "def", "term", "verse-line", "disp-quote", "fn", "caption",
    "label", "kwd", "aff", "statement", "speech", "ack", "notes", "row",
})  # fmt: skip
"""Elements that hold a passage of their own: their text is not their parent paragraph's."""
FLOATS = frozenset({
    "fig", "fig-group", "table-wrap", "table-wrap-group", "boxed-text", "supplementary-material", "media", "array",
    "list", "def-list", "verse-group", "fn-group", "graphic", "chem-struct-wrap",
})  # fmt: skip
"""Elements that stand in a paragraph without being part of its sentence."""
_SILENT = frozenset({"annotation", "annotation-xml", "object-id", "alt-text", "long-desc"})
_SPACED = frozenset({"break", "disp-formula", "td", "th", "entry", "sec", "disp-formula-group"})
_TEX_BODY = re.compile(r"\\begin\{document\}(.*?)\\end\{document\}", re.DOTALL)
_BASE = re.compile(r"(?<![\d.,])\d{1,2}$")
_EXPONENT = re.compile(r"\s*[-−–+]?\d+\s*")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A cross-reference in a text."""

    start: int
    end: int
    element: etree._Element
    """The `xref`."""


@dataclass(slots=True)
class Plain:
    """Text under construction: collapses blanks as it grows, so that offsets hold."""

    parts: list[str] = field(default_factory=list)
    length: int = 0
    gap: bool = False
    """A blank is due before the next word."""
    anchors: list[Anchor] = field(default_factory=list)

    def add(self, text: str | None) -> None:
        """Appends raw text."""
        if not text:
            return
        body = " ".join(text.split())
        if not body:
            self.gap = True
            return
        if (self.gap or text[0].isspace()) and self.length:
            self._append(" ")
        self._append(body)
        self.gap = text[-1].isspace()

    def _append(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    @property
    def next(self) -> int:
        """Offset of the next word."""
        return self.length + (self.gap and self.length > 0)

    @property
    def takes_exponent(self) -> bool:
        """Whether the text so far ends in a short number, as the base of a power does."""
        return bool(self.parts) and not self.gap and bool(_BASE.search(self.parts[-1][-4:]))

    def text(self) -> str:
        """The text so far."""
        return "".join(self.parts)


def whole(element: etree._Element | None) -> str:
    """All text of an element, blocks included and kept apart."""
    return "" if element is None else read(element, inner_blocks=True).text()


def read(element: etree._Element, *, inner_blocks: bool = False) -> Plain:
    """The text of one passage with its cross-references.

    Blocks and floats inside are passages of their own and stay out, unless `inner_blocks` asks for everything.
    """
    plain = Plain()
    opened: list[tuple[int, etree._Element]] = []
    walker = etree.iterwalk(element, events=("start", "end"))
    for event, node in walker:
        name = local(node)
        if event == "start":
            if node is not element and _stays_out(node, name, inner_blocks):
                plain.gap = plain.gap or name not in _SILENT
                walker.skip_subtree()
                continue
            _open(plain, node, name, opened)
        else:
            if opened and opened[-1][1] is node:
                plain.anchors.append(Anchor(min(opened.pop()[0], plain.length), plain.length, node))
            plain.gap = plain.gap or name in _SPACED or name in BLOCKS or name in FLOATS
            if node is not element:
                plain.add(node.tail)
    return plain


def _stays_out(node: etree._Element, name: str, inner_blocks: bool) -> bool:
    if name in _SILENT or (name == "tex-math" and _has_mathml(node)):
        return True
    return not inner_blocks and (name in BLOCKS or name in FLOATS)


def _has_mathml(tex: etree._Element) -> bool:
    parent = tex.getparent()
    return parent is not None and next(children(parent, "math"), None) is not None


def _open(plain: Plain, node: etree._Element, name: str, opened: list[tuple[int, etree._Element]]) -> None:
    if name in _SPACED or name in BLOCKS or name in FLOATS:
        plain.gap = True
    if name == "xref":
        opened.append((plain.next, node))
    text = node.text
    if name == "sup" and plain.takes_exponent and not len(node) and _EXPONENT.fullmatch(text or ""):
        plain.add("^")
    elif name == "tex-math" and text:
        body = _TEX_BODY.search(text)
        text = body[1] if body else text
    plain.add(text)


def is_passage(element: etree._Element) -> bool:
    """Whether an element's direct text is a passage."""
    return local(element) in BLOCKS


def passage_of(xref: etree._Element) -> etree._Element | None:
    """The passage that a cross-reference stands in; None where it stands in a figure's caption or label.

    Outside any block (a loose cell, a section's bare text) it is the nearest element that is not mere markup.
    """
    holder: etree._Element | None = None
    node = xref.getparent()
    while node is not None:
        name = local(node)
        if holder is None and (name in BLOCKS or name in FLOATS or name in _HOLDERS):
            holder = node
        if name in ("fig", "fig-group") and not _said_about(xref, node):
            return None
        node = node.getparent()
    return holder if holder is not None else xref.getparent()


_HOLDERS = frozenset({"sec", "body", "back", "abstract", "trans-abstract", "app", "front", "article"})


def _said_about(xref: etree._Element, figure: etree._Element) -> bool:
    """Whether a reference inside a figure is outside its caption and label, e.g. in an attribution."""
    node = xref.getparent()
    while node is not None and node is not figure:
        if local(node) in ("caption", "label"):
            return False
        node = node.getparent()
    return True


def targets(xref: etree._Element) -> tuple[str, ...]:
    """The ids that a cross-reference names: one, several (IDREFS) or none."""
    return tuple(attribute(xref, "rid").split())
