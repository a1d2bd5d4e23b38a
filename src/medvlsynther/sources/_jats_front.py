"""The front of a JATS article: who it is, what may be done with it, whether it still stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from medvlsynther.records import ArticleRef, Licence
from medvlsynther.rules import licence as licences
from medvlsynther.sources._jats_text import whole
from medvlsynther.sources._xml import attribute, children, first, href, local, named

_PMCID = re.compile(r"(?:PMC)?(\d{1,12})(?:\.(\d{1,4}))?", re.IGNORECASE)
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_RETRACTING = frozenset({"retraction", "retracted-article", "retraction-forward", "removed-article", "withdrawal"})
_RETRACTED_TITLE = re.compile(r"\s*\[?(?:retracted|withdrawn|removed)\b\s*(?:article)?\s*[:\].-]", re.IGNORECASE)
_LICENCE_NOTE = re.compile(r"creative commons|creativecommons\.org|\bcc[ -]by\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Beside:
    """What is said about an article outside its XML: names of folders, metadata, file lists."""

    pmcid: str | None = None
    """"PMC" and digits."""
    version: int | None = None
    licence: str | None = None
    """Licence code as the metadata spells it."""
    retracted: bool = False
    manuscript: bool = False
    """An author's manuscript."""
    scanned: bool = False
    """Text recognised from scanned pages."""


NOTHING = Beside()
"""An article of which only the XML speaks."""


@dataclass(frozen=True, slots=True)
class Front:
    """An article without its figures."""

    ref: ArticleRef
    authors: str
    """"Crone et al.", "" where unknown."""
    copyright: str
    """The copyright statement, to tell the article's own from a figure's."""
    synthetic: bool
    """True for the drawn articles of the bundled corpus."""

    @property
    def address(self) -> str:
        """Where the article is found."""
        return f"https://doi.org/{self.ref.doi}" if self.ref.doi else self.ref.pmcid or self.ref.article_id

    def credited(self, licence: Licence, part: str = "") -> Licence:
        """A licence with the attribution line of this article, or of one part of it."""
        ref = self.ref
        line = licences.attribution(
            licence,
            part=part,
            authors=self.authors,
            title=ref.title,
            journal=ref.journal,
            year=ref.year,
            at=self.address,
        )
        return licence.model_copy(update={"attribution": line})


def read_front(article: etree._Element, name: str, beside: Beside, policy: licences.Policy) -> Front:
    """The identity, licence and standing of an article; `name` identifies it where it has no id of its own."""
    meta = _article_meta(article)
    pmcid, version = _pmcid(meta)
    if pmcid is None:
        pmcid, version = beside.pmcid, beside.version
    elif version is None and beside.pmcid == pmcid:
        version = beside.version
    doi, title = _doi(meta), whole(first(first(meta, "title-group"), "article-title"))
    licence = licences.judge(_signals(article, meta, beside), policy)
    ref = ArticleRef(
        article_id=identity(pmcid, version, doi, name),
        pmcid=pmcid,
        version=version,
        doi=doi,
        title=title,
        journal=_journal(article),
        year=_year(meta),
        article_type=attribute(article, "article-type") or None,
        retracted=beside.retracted or _retracted(article, meta, title),
        licence=licence,
    )
    bare = Front(ref, _authors(meta), whole(first(meta, "copyright-statement")), _synthetic(meta))
    return Front(
        ref.model_copy(update={"licence": bare.credited(licence)}), bare.authors, bare.copyright, bare.synthetic
    )


def identity(pmcid: str | None, version: int | None, doi: str | None, name: str) -> str:
    """The article id: PMC id with its version, else the DOI, else the file's name."""
    if pmcid:
        return f"{pmcid}.{version}" if version is not None else pmcid
    return f"doi:{doi}" if doi else f"file:{name}"


def parse_pmcid(text: str) -> tuple[str | None, int | None]:
    """PMC id and version of "PMC123.2", "PMC123" or "123"; nothing for other texts."""
    found = _PMCID.fullmatch(text.strip())
    if not found:
        return None, None
    return f"PMC{int(found[1])}", int(found[2]) if found[2] else None


def parse_doi(text: str) -> str | None:
    """A DOI in lower case without its resolver."""
    found = _DOI.search(text.strip())
    return found[0].lower() if found else None


def _article_meta(article: etree._Element) -> etree._Element:
    for front in children(article, "front"):
        for meta in children(front, "article-meta"):
            return meta
    return etree.Element("article-meta")


def _ids(meta: etree._Element) -> Iterator[tuple[str, str]]:
    for element in children(meta, "article-id"):
        yield attribute(element, "pub-id-type"), whole(element)


def _pmcid(meta: etree._Element) -> tuple[str | None, int | None]:
    best: tuple[str | None, int | None] = (None, None)
    for kind, text in _ids(meta):
        if kind in ("pmc", "pmcid", "pmcid-ver"):
            found = parse_pmcid(text)
            if found[0] and (best[0] is None or best[1] is None):
                best = found
    return best


def _doi(meta: etree._Element) -> str | None:
    return next((parse_doi(text) for kind, text in _ids(meta) if kind == "doi"), None)


def _journal(article: etree._Element) -> str | None:
    for front in children(article, "front"):
        journal = first(front, "journal-meta")
        title = whole(first(journal, "journal-title")) or whole(first(journal, "journal-id"))
        if title:
            return title
    return None


def _year(meta: etree._Element) -> int | None:
    texts = [whole(first(date, "year")) for date in children(meta, "pub-date")]
    texts += [whole(year) for year in named(meta, "copyright-year")] if not any(texts) else []
    years = [int(text) for text in texts if re.fullmatch(r"1[5-9]\d\d|20\d\d", text)]
    return min(years, default=None)


def _authors(meta: etree._Element) -> str:
    authors = [
        whole(first(contrib, "surname", "string-name", "collab"))
        for contrib in named(meta, "contrib")
        if attribute(contrib, "contrib-type") in ("author", "")
    ]
    authors = [author for author in authors if author]
    if not authors:
        return whole(first(meta, "copyright-holder"))
    return authors[0] if len(authors) == 1 else " and ".join(authors) if len(authors) == 2 else f"{authors[0]} et al."


def _retracted(article: etree._Element, meta: etree._Element, title: str) -> bool:
    related = {attribute(element, "related-article-type") for element in named(meta, "related-article")}
    return bool({attribute(article, "article-type"), *related} & _RETRACTING or _RETRACTED_TITLE.match(title))


def _synthetic(meta: etree._Element) -> bool:
    return any(
        whole(first(entry, "meta-name")) == "synthetic" and whole(first(entry, "meta-value")) == "true"
        for entry in named(meta, "custom-meta")
    )


# ---------------------------------------------------------------------------------------------- licence signals


def _signals(article: etree._Element, meta: etree._Element, beside: Beside) -> licences.Signals:
    """Everything that states the article's licence: licence elements first, a footnote where there are none."""
    holders = list(named(meta, "license"))
    texts = [whole(element) for element in (*holders, *named(meta, "copyright-statement"))]
    uris = [address for holder in holders for address in addresses(holder)]
    if not uris and not any(_LICENCE_NOTE.search(text) for text in texts):
        notes = [note for note in named(article, "fn") if not _in_sub_article(note)]
        texts += [text for text in map(whole, notes) if _LICENCE_NOTE.search(text)]
    return licences.Signals(code=beside.licence, uris=tuple(dict.fromkeys(uris)), text=" ".join(filter(None, texts)))


def addresses(element: etree._Element) -> Iterator[str]:
    """The URIs that a licence or permission element states, its own first."""
    for node in (element, *named(element, "license", "license_ref", "license-p", "ext-link", "uri")):
        address = whole(node) if local(node) == "license_ref" else href(node)
        if address:
            yield address


def _in_sub_article(element: etree._Element) -> bool:
    return any(local(node) in SUB_ARTICLES for node in element.iterancestors())


SUB_ARTICLES = frozenset({"sub-article", "response"})
"""Translations, reviews and replies that travel in the same document."""
