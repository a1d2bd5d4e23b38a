"""BioC passages as JATS: the fallback where only the text of an article is at hand.

BioC keeps captions and paragraphs but no cross-references; as JATS elements they take the same way as every other
article, and mentions are found by their words.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from medvlsynther.sources._jats_text import whole
from medvlsynther.sources._xml import attribute, children, local

_HREF = "{http://www.w3.org/1999/xlink}href"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FIGURE_TYPES = ("fig",)
_NUMBER = re.compile(r"(?:f|fig|figure|g)[-_.]?0*(\d{1,3})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Passage:
    infons: Mapping[str, str]
    text: str


def from_xml(collection: etree._Element) -> Iterator[etree._Element]:
    """The articles of a BioC collection in XML."""
    for document in children(collection, "document"):
        passages = [
            _Passage(
                {attribute(infon, "key"): whole(infon) for infon in children(passage, "infon")},
                " ".join(whole(text) for text in children(passage, "text")),
            )
            for passage in children(document, "passage")
        ]
        yield _article(whole(next(children(document, "id"), None)), passages)


def from_json(data: Any) -> Iterator[etree._Element]:
    """The articles of BioC in JSON: a collection, a list of collections, or nothing where it is something else."""
    for collection in data if isinstance(data, list) else [data]:
        documents = collection.get("documents") if isinstance(collection, dict) else None
        for document in documents if isinstance(documents, list) else ():
            if isinstance(document, dict):
                yield _article(_text(document.get("id")), list(_passages(document.get("passages"))))


def _passages(passages: object) -> Iterator[_Passage]:
    for passage in passages if isinstance(passages, list) else ():
        if isinstance(passage, dict):
            infons = passage.get("infons")
            known = {str(key): _text(value) for key, value in infons.items()} if isinstance(infons, dict) else {}
            yield _Passage(known, _text(passage.get("text")))


def _text(value: object) -> str:
    return str(value) if isinstance(value, (str, int, float)) else ""


def _article(name: str, passages: Iterable[_Passage]) -> etree._Element:
    passages = list(passages)
    article = etree.Element("article")
    meta = _add(_add(article, "front"), "article-meta")
    facts = {key: value for passage in reversed(passages) for key, value in passage.infons.items()}
    _front(meta, name, facts, passages)
    body = _add(article, "body")
    figures: dict[str, etree._Element] = {}
    for passage in passages:
        kind = passage.infons.get("type", "").lower()
        if kind.startswith(_FIGURE_TYPES):
            _figure(body, figures, passage)
        elif kind not in ("front", "ref") and not kind.startswith("table"):
            _add(body, "p", passage.text)
    return article


def _front(meta: etree._Element, name: str, facts: Mapping[str, str], passages: list[_Passage]) -> None:
    pmcid = facts.get("article-id_pmc") or (name if name.upper().startswith("PMC") else "")
    for kind, value in (("pmc", pmcid), ("doi", facts.get("article-id_doi", ""))):
        if value:
            _add(meta, "article-id", value).set("pub-id-type", kind)
    title = next((passage.text for passage in passages if passage.infons.get("type") in ("front", "title")), "")
    _add(_add(meta, "title-group"), "article-title", title)
    _add(_add(meta, "pub-date"), "year", facts.get("year", ""))
    _add(_add(_add(meta, "permissions"), "license"), "license-p", facts.get("license", ""))


def _figure(body: etree._Element, figures: dict[str, etree._Element], passage: _Passage) -> None:
    """Passages of one figure (title, caption, footnotes) come one after the other under one id."""
    name = passage.infons.get("id") or f"passage-{len(figures) + 1}"
    figure = figures.get(name)
    if figure is None:
        figure = figures[name] = _add(body, "fig")
        figure.set("id", _CONTROL.sub("", name))
        number = _NUMBER.match(name)
        _add(figure, "label", f"Figure {number[1]}" if number else "")
        _add(figure, "caption")
        if passage.infons.get("file"):
            _add(figure, "graphic").set(_HREF, _CONTROL.sub("", passage.infons["file"]))
    caption = next(element for element in figure if local(element) == "caption")
    _add(caption, "p", passage.text)


def _add(parent: etree._Element, name: str, text: str = "") -> etree._Element:
    element = etree.SubElement(parent, name)
    element.text = _CONTROL.sub(" ", text)
    return element
