"""Articles as bare XML, with their images beside it: NLM 2.x and 3.0, JATS 1.0 to 1.3, SciELO SPS, OAI-PMH records,
`pmc-articleset` responses and publishers' own files.

`parse` is the one parser of the house; the sources for packages and metadata call it too.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from medvlsynther.errors import InputError
from medvlsynther.records import Article, Figure, GivenLabel, ImageRef, Licence, Reject
from medvlsynther.rules import licence
from medvlsynther.rules.mentions import Context
from medvlsynther.rules.panels import find_panels
from medvlsynther.sources import _base, _bioc, _xml
from medvlsynther.sources._jats_figures import Drawn, article_elements, read_figures
from medvlsynther.sources._jats_front import NOTHING, Beside, Front, read_front
from medvlsynther.sources._jats_mentions import Told, link
from medvlsynther.sources._media import File, Media

Check = Callable[[File], str | None]
"""Says what is wrong with an image file (a reason code), or None."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How an article is read: where its images lie and what is asked of it."""

    media: Media
    """The image files beside it."""
    corpus: str
    """Digest of the corpus, for the image references."""
    policy: licence.Policy
    """Which licences are accepted."""
    context: Context = "sentences"
    """How much text makes a mention."""
    beside: Beside = NOTHING
    """What is said about the article outside its XML."""
    check: Check | None = None
    """A look at each image file before it is taken, e.g. at its stated digest."""


def shards(root: Path) -> list[str]:
    """The XML files below `root`, as relative names in natural order.

    Raises: MissingInput where there is no folder or no XML in it.
    """
    found = [name for name in _base.walk(root) if name.lower().endswith((".xml", ".nxml"))]
    return _base.some(found, root, "XML files (.xml, .nxml)")


def read(
    root: Path, shard: str, corpus: str, policy: licence.Policy, *, context: Context = "sentences"
) -> Iterator[Article | Reject]:
    """The articles of one XML file; a file that cannot be read is a reject."""
    setting = Setting(_base.media_beside(root, shard), corpus, policy, context)
    yield from read_document(root, shard, setting)


def read_document(root: Path, shard: str, setting: Setting) -> Iterator[Article | Reject]:
    """The articles of one XML file under a given setting."""
    try:
        data = _base.read_bytes(root / shard, _xml.LARGEST)
    except InputError as error:
        yield Reject(id=shard, reason=error.reason, detail=error.detail)
        return
    yield from parse(data, shard, setting)


def parse(data: bytes, name: str, setting: Setting) -> Iterator[Article | Reject]:
    """The articles of one document, each with every figure as a figure or as a reject.

    `name` is the document's place in the corpus. Never raises for bad content.
    """
    try:
        root = _xml.parse(data)
    except InputError as error:
        yield Reject(id=name, reason=error.reason, detail=error.detail)
        return
    kind = _xml.local(root)
    articles = list(_bioc.from_xml(root) if kind == "collection" else article_elements(root))
    if not articles:
        yield Reject(id=name, reason="not_an_article", detail=f"the root element is {kind[:100]!r}")
    yield from parse_trees(articles, name, setting)


def parse_trees(articles: Sequence[etree._Element], name: str, setting: Setting) -> Iterator[Article | Reject]:
    """The articles whose elements are given."""
    for number, element in enumerate(articles, 1):
        stem = _stem(name)
        yield _article(element, stem if len(articles) == 1 else f"{stem}/{number}", setting)


def _stem(name: str) -> str:
    """A document's place without its ending, and without its own name where its folder bears the same."""
    stem = name.rpartition(".")[0] or name
    folder, _, last = stem.rpartition("/")
    return folder if folder.rpartition("/")[2] == last else stem


def _article(element: etree._Element, name: str, setting: Setting) -> Article:
    front = read_front(element, name, setting.beside, setting.policy)
    drawn = read_figures(element, front.copyright)
    links = link(element, drawn, setting.context)
    judged = [_figure(figure, told, front, setting) for figure, told in zip(drawn, links.told, strict=True)]
    rejects = [result for result in judged if isinstance(result, Reject)]
    rejects += _dangling(front.ref.article_id, links.dangling)
    figures = tuple(result for result in judged if isinstance(result, Figure))
    return Article(ref=front.ref, figures=figures, rejects=tuple(rejects))


def _dangling(article_id: str, dangling: Sequence[tuple[str, str]]) -> list[Reject]:
    """Cross-references to figures that the XML does not hold, one reject for each target."""
    texts = dict(reversed(dangling))
    return [
        Reject(id=f"{article_id}/{rid or text[:40] or 'nameless'}", reason="dangling_xref", detail=texts[rid][:200])
        for rid, text in dict(dangling).items()
    ]


def _figure(drawn: Drawn, told: Told, front: Front, setting: Setting) -> Figure | Reject:
    figure_id = f"{front.ref.article_id}/{drawn.id}"
    if drawn.trouble:
        return Reject(id=figure_id, reason=drawn.trouble, detail=drawn.detail)
    if setting.beside.scanned:
        return Reject(id=figure_id, reason="historical_ocr", detail="the article is recognised from scanned pages")
    try:
        images = _images(drawn, setting)
    except InputError as error:
        return Reject(id=figure_id, reason=error.reason, detail=error.detail)
    return Figure(
        figure_id=figure_id,
        article=front.ref.model_copy(update={"licence": _licence(drawn, front, setting.policy)}),
        label=drawn.label,
        caption=drawn.caption,
        mentions=told.mentions,
        images=images,
        panels=find_panels(drawn.caption),
        labels=tuple(_labels(drawn, setting.beside)),
        context_quality=told.quality,
        synthetic=front.synthetic,
    )


def _licence(drawn: Drawn, front: Front, policy: licence.Policy) -> Licence:
    own = licence.for_figure(
        front.ref.licence, policy, caption=drawn.caption, statement=drawn.statement, uris=drawn.uris
    )
    return front.credited(own, drawn.label)


def _labels(drawn: Drawn, beside: Beside) -> Iterator[GivenLabel]:
    if drawn.kind:
        yield GivenLabel(name=drawn.kind, source="jats.fig-type")
    if beside.manuscript:
        yield GivenLabel(name="author manuscript", source="pmc.is_manuscript")


def _images(drawn: Drawn, setting: Setting) -> tuple[ImageRef, ...]:
    """The image files of a figure, in order.

    Raises: InputError with no_image_file where one is missing, or with what the check found.
    """
    found: dict[str, ImageRef] = {}
    for addresses in drawn.images:
        file = next(filter(None, map(setting.media.find, addresses)), None)
        if file is None:
            small = any(map(setting.media.only_thumbnail, addresses))
            raise InputError("no_image_file", f"{addresses[0]}{': only a thumbnail is there' if small else ''}")
        trouble = setting.check(file) if setting.check else None
        if trouble:
            raise InputError(trouble, file.name)
        found.setdefault(file.member, ImageRef(name=file.name, corpus=setting.corpus, member=file.member))
    return tuple(found.values())
