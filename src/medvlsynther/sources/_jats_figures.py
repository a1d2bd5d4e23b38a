"""The figures of a JATS article as its XML has them, before any file is looked for.

A figure is a `fig`, or a `fig-group` that holds graphics itself. Graphics of formulas, tables, structures and
supplements belong to those and never make a figure; of `alternatives` one is taken, siblings are images in order.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from lxml import etree

from medvlsynther.rules.mentions import label_name, references
from medvlsynther.sources._jats_front import SUB_ARTICLES, addresses
from medvlsynther.sources._jats_text import whole
from medvlsynther.sources._media import THUMBNAIL
from medvlsynther.sources._xml import attribute, children, first, href, language, local, named

MOST_FIGURES = 1_000
"""Figures of one article; what exceeds it is turned away."""
_LONGEST_LENT = 20_000
"""Characters of a group's caption that each of its figures repeats."""

_OTHERS = frozenset({
    "disp-formula", "disp-formula-group", "inline-formula", "table-wrap", "table-wrap-group", "table", "caption",
    "label", "supplementary-material", "media", "chem-struct", "chem-struct-wrap", "bio", "contrib", "aff", "ref",
    "custom-meta", "journal-meta", "attrib", "permissions",
})  # fmt: skip
"""Owners of graphics that are no figures."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One figure as written."""

    id: str
    """Unique in its article: the element's own id, or a stable substitute."""
    reached_by: tuple[str, ...] = ()
    """Ids by which cross-references reach it: its own and its group's."""
    label: str = ""
    caption: str = ""
    images: tuple[tuple[str, ...], ...] = ()
    """Addresses in order; for each image its alternatives, best first."""
    statement: str = ""
    """What its permission and attribution elements say."""
    uris: tuple[str, ...] = ()
    """Licences that these state."""
    kind: str = ""
    """The element's `fig-type`."""
    trouble: str = ""
    """Reason code where it can be no figure of this article."""
    detail: str = ""

    @property
    def number(self) -> tuple[str, str] | None:
        """Kind and number by which the text names it: ("figure", "2")."""
        lead = references(self.caption[:40])
        return label_name(self.label or (self.caption[: lead[0].end] if lead and lead[0].start == 0 else ""))


@dataclass(slots=True)
class _Names:
    """Gives every figure an id of its own."""

    used: dict[str, int] = field(default_factory=dict)

    def give(self, wanted: str) -> str:
        name = re.sub(r"\s+", "_", wanted)
        count = self.used.get(name, 0) + 1
        self.used[name] = count
        return name if count == 1 else self.give(f"{name}~{count}")


def read_figures(article: etree._Element, copyright_line: str = "") -> list[Drawn]:
    """All figures of an article in document order, those that cannot be used with their trouble.

    Sub-articles are taken off the tree once their figures are noted. `copyright_line` is the article's own statement,
    which says nothing when a figure repeats it.
    """
    names = _Names()
    subs = [sub for sub in named(article, *SUB_ARTICLES) if not _inside(sub, SUB_ARTICLES)]
    foreign = [drawn for number, sub in enumerate(subs, 1) for drawn in _of_sub_article(sub, number)]
    for sub in subs:
        _detach(sub)
    figures = [replace(drawn, id=names.give(drawn.id)) for drawn in _draw_all(article, copyright_line)]
    figures = _without_copies(_without_twins(article, figures))
    return figures + [replace(drawn, id=names.give(drawn.id)) for drawn in (*_loose(article), *foreign)]


def _detach(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _inside(element: etree._Element, names: frozenset[str]) -> bool:
    return any(local(node) in names for node in element.iterancestors())


def _units(article: etree._Element) -> Iterator[etree._Element]:
    for element in named(article, "fig", "fig-group"):
        if local(element) == "fig" or next(_graphics(element), None) is not None:
            yield element


def _of_sub_article(sub: etree._Element, number: int) -> Iterator[Drawn]:
    prefix = attribute(sub, "id") or f"sub-article-{number}"
    for position, element in enumerate(_units(sub), 1):
        name = attribute(element, "id") or f"unnamed-{position}"
        yield Drawn(f"{prefix}/{name}", trouble="sub_article", detail="a figure of a translation, review or reply")


# ---------------------------------------------------------------------------------------------- one figure


@dataclass(frozen=True, slots=True)
class _Lent:
    """What a group gives to each of its figures."""

    id: str = ""
    label: str = ""
    caption: str = ""
    statement: str = ""
    uris: tuple[str, ...] = ()


def _draw_all(article: etree._Element, copyright_line: str) -> Iterator[Drawn]:
    lent: dict[etree._Element | None, _Lent] = {None: _Lent()}
    for number, element in enumerate(_units(article), 1):
        substitute = f"unnamed-{number}"
        if number > MOST_FIGURES:
            yield Drawn(attribute(element, "id") or substitute, trouble="too_many_figures")
            continue
        group = element.getparent() if local(element) == "fig" else None
        group = group if group is not None and local(group) == "fig-group" else None
        if group is not None and group not in lent:
            lent[group] = _lend(group, copyright_line)
        yield _draw(element, substitute, lent[group], copyright_line)


def _lend(group: etree._Element, copyright_line: str) -> _Lent:
    statement, uris = _said(group, copyright_line)
    label = whole(next(children(group, "label"), None))
    return _Lent(attribute(group, "id"), label, _caption(group)[:_LONGEST_LENT], statement, uris)


def _draw(element: etree._Element, substitute: str, lent: _Lent, copyright_line: str) -> Drawn:
    own = attribute(element, "id")
    statement, uris = _said(element, copyright_line)
    images = tuple(_images(element))
    drawn = Drawn(
        id=own or (f"{lent.id}/{substitute}" if lent.id else substitute),
        reached_by=tuple(name for name in (own, lent.id) if name),
        label=_label(element, lent.label),
        caption=f"{lent.caption} {_caption(element)}".strip(),
        images=images,
        statement=f"{statement} {lent.statement}".strip(),
        uris=uris + lent.uris,
        kind=attribute(element, "fig-type"),
    )
    if not drawn.caption:
        return replace(drawn, trouble="no_caption")
    if not images:
        return replace(drawn, trouble="no_graphic", detail="the element names no image")
    return drawn


def _label(element: etree._Element, above: str) -> str:
    """The printed label; in a group "Figure 3" a figure "B" is "Figure 3B"."""
    own = whole(next(children(element, "label"), None))
    if above and re.fullmatch(r"\(?[A-Za-z]\)?[.:]?", own):
        return above.rstrip(".: ") + own.strip("().: ")
    return own or above


def _caption(element: etree._Element) -> str:
    """All captions of an element, else its bare title and paragraphs."""
    parts = list(children(element, "caption")) or list(children(element, "title", "p"))
    return " ".join(filter(None, map(whole, parts)))


def _said(element: etree._Element, copyright_line: str) -> tuple[str, tuple[str, ...]]:
    """What attributions and permissions say beyond the article's own copyright line, and the licences they state."""
    texts: list[str] = []
    uris: list[str] = []
    for note in children(element, "attrib", "permissions"):
        texts.append(whole(note).removeprefix(copyright_line).strip())
        uris += addresses(note) if local(note) == "permissions" else ()
    return " ".join(filter(None, texts)), tuple(dict.fromkeys(uris))


def _images(element: etree._Element) -> Iterator[tuple[str, ...]]:
    """Addresses of each image in order, the alternatives of each best first; an address is taken once."""
    seen: set[tuple[str, ...]] = set()
    holder: dict[etree._Element, list[etree._Element]] = {}
    for graphic in _graphics(element):
        parent = graphic.getparent()
        key = parent if parent is not None and local(parent) == "alternatives" else graphic
        holder.setdefault(key, []).append(graphic)
    for graphics in holder.values():
        usable = tuple(
            dict.fromkeys(href(graphic) for graphic in graphics if href(graphic) and not _is_thumbnail(graphic))
        )
        if usable and usable not in seen:
            seen.add(usable)
            yield usable


def _graphics(element: etree._Element) -> Iterator[etree._Element]:
    """The graphics that are an element's own: not a formula's, a table's or a nested figure's."""
    for graphic in named(element, "graphic"):
        node = graphic.getparent()
        while node is not None and node is not element and local(node) not in _OTHERS and local(node) != "fig":
            node = node.getparent()
        if node is element:
            yield graphic


def _is_thumbnail(graphic: etree._Element) -> bool:
    return bool(THUMBNAIL.search(f"{attribute(graphic, 'specific-use')} {attribute(graphic, 'content-type')}"))


# ---------------------------------------------------------------------------------------------- the article


def _without_twins(article: etree._Element, figures: list[Drawn]) -> list[Drawn]:
    """Bilingual groups: the figure without an image is the other's caption in another language."""
    twins = {
        attribute(group, "id")
        for group in named(article, "fig-group")
        if attribute(group, "id") and len({language(fig) for fig in children(group, "fig")} - {""}) > 1
    }
    pairs: dict[str, list[Drawn]] = {}
    for drawn in figures:
        if drawn.reached_by and drawn.reached_by[-1] in twins:
            pairs.setdefault(drawn.reached_by[-1], []).append(drawn)
    lonely = {name for name, members in pairs.items() if sum(bool(member.images) for member in members) == 1}
    return [
        replace(drawn, trouble="language_twin", detail="its twin carries the image", reached_by=(), label="")
        if drawn.reached_by and drawn.reached_by[-1] in lonely and not drawn.images
        else drawn
        for drawn in figures
    ]


def _without_copies(figures: list[Drawn]) -> list[Drawn]:
    """An element that repeats another's id, caption and images is its copy."""
    seen: set[tuple[object, ...]] = set()
    kept = []
    for drawn in figures:
        key = (drawn.reached_by, drawn.label, drawn.caption, drawn.images)
        copy = bool(drawn.reached_by) and not drawn.trouble and key in seen
        kept.append(replace(drawn, trouble="duplicate_figure") if copy else drawn)
        seen.add(key)
    return kept


def _loose(article: etree._Element) -> Iterator[Drawn]:
    """Graphics outside any figure: graphical abstracts, bare pictures, and scanned pages (counted as one)."""
    pages = 0
    for number, graphic in enumerate(named(article, "graphic"), 1):
        if _inside(graphic, _OTHERS | {"fig", "fig-group"}):
            continue
        if attribute(graphic, "content-type") == "scanned-page":
            pages += 1
            continue
        name = attribute(graphic, "id") or f"graphic-{number}"
        yield Drawn(name, trouble="outside_figure", detail=href(graphic))
    if pages:
        yield Drawn("pages", trouble="scanned_pages", detail=f"{pages} scanned pages")


def article_elements(root: etree._Element) -> Iterator[etree._Element]:
    """The articles of a document: itself, or those wrapped in an OAI response or an article set."""
    if local(root) == "article":
        yield root
        return
    for article in named(root, "article"):
        if first(article, "front", "body") is not None:
            yield article
