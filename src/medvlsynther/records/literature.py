"""Articles, their figures and images, and what may be done with them."""

from typing import Literal

from medvlsynther.records._base import Record, Reject


class Licence(Record):
    """What an article or a figure may be used for, and how that is known."""

    code: str
    """SPDX identifier without the port ("CC-BY-4.0", "CC0-1.0", "CC-BY" where no version is stated), or "unknown"."""
    standing: Literal["allowed", "quarantined", "refused"]
    """What the licence policy of the run says: only allowed figures go on."""
    reasons: tuple[str, ...] = ()
    """Codes of the signals behind the standing, strongest first, e.g. "uri_cc_by", "text_nc", "figure_permission"."""
    uri: str | None = None
    """The licence's URI, where one is stated."""
    attribution: str = ""
    """The line that a user of the figure has to print."""


class ArticleRef(Record):
    """The identity of an article, as carried by each of its figures."""

    article_id: str
    """Stable identity: "PMC1762412.1", "PMC1762412", "doi:10.1371/…", else "file:<name>"."""
    pmcid: str | None = None
    """"PMC" and digits, without version."""
    version: int | None = None
    """PMC version of the article, where the source states one."""
    doi: str | None = None
    """DOI in lower case, without resolver."""
    title: str = ""
    """Title as plain text."""
    journal: str | None = None
    """Journal title."""
    year: int | None = None
    """Year of first publication."""
    article_type: str | None = None
    """JATS article-type, e.g. "research-article", "case-report", "retraction"."""
    retracted: bool = False
    """True where metadata or the article itself says so."""
    licence: Licence
    """The article's licence as judged."""


class ImageRef(Record):
    """One image of a figure: where its bytes are, and, once prepared, what they are."""

    name: str
    """File name as in the source, e.g. "pone.0000133.g001.jpg"."""
    corpus: str = ""
    """Digest of the corpus that `member` lies in; "" for an image that lives in the store only."""
    member: str = ""
    """Place inside the corpus: "dir/a.jpg", "dir/a.tar!PMC1/a.jpg" or "a.tar@<offset>+<size>" (bytes)."""
    sha256: str | None = None
    """SHA-256 of the prepared bytes in the store; None until the `images` stage ran."""
    source_sha256: str | None = None
    """SHA-256 of the original bytes."""
    pixels_sha256: str | None = None
    """SHA-256 of the prepared pixels with their shape: the same under any encoding."""
    width_px: int | None = None
    """Width of the prepared image."""
    height_px: int | None = None
    """Height of the prepared image."""
    phash: str | None = None
    """64-bit DCT perceptual hash, 16 hex digits, of the prepared pixels."""
    dhash: str | None = None
    """64-bit difference hash, 16 hex digits, of the prepared pixels."""
    notes: tuple[str, ...] = ()
    """What preparing did that a reader should know: "upscaled", "windowed_16bit", "exif_rotated", …"""


class Panel(Record):
    """One panel of a compound figure, as the caption describes it."""

    label: str
    """"A", "b", "iii", "left", …"""
    start: int
    """Offset of the panel's text in the caption, in characters."""
    end: int
    """Offset after the panel's text."""


class GivenLabel(Record):
    """What somebody else said about a figure: a weak prior, never a fact."""

    name: str
    """The label, e.g. "magnetic resonance" or "multiple panels: images"."""
    source: str
    """Who said so: "biomedica.image_secondary_label", "metadata.modality", …"""


class Figure(Record):
    """One figure of one article, with all text that is about it."""

    figure_id: str
    """"<article_id>/<fig id>", unique in a corpus."""
    article: ArticleRef
    """Where it comes from."""
    label: str = ""
    """"Fig. 2", as printed."""
    caption: str
    """The whole caption as plain text: title and paragraphs, separated by a blank."""
    mentions: tuple[str, ...] = ()
    """Text passages that refer to the figure, in reading order, without repeats."""
    images: tuple[ImageRef, ...]
    """Its images in order; 1 to 6 once curated."""
    panels: tuple[Panel, ...] = ()
    """Panels found in the caption; empty for a single-panel figure."""
    labels: tuple[GivenLabel, ...] = ()
    """Weak labels that came with the source."""
    category: str | None = None
    """Kind of image as decided by `classify`: one of the vocabulary's categories."""
    context_quality: str = "xml"
    """How the mentions were won: "xml", "biomedica-repaired", "plain-text", "none"."""
    synthetic: bool = False
    """True for the drawn figures of the bundled corpus: never a patient's."""


class Article(Record):
    """An article as a source reads it, before its figures are judged one by one."""

    ref: ArticleRef
    """Identity and licence."""
    figures: tuple[Figure, ...]
    """Usable figures, in reading order."""
    rejects: tuple[Reject, ...] = ()
    """Figures that cannot be used, each with its reason."""
