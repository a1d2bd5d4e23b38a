"""BIOMEDICA shards: WebDataset archives of one image, one JSON and one caption a record.

One pass over the headers of each archive, in which no image is opened: an image is named by its place in the archive
and read when its figure was chosen. Labels are looked at before the JSON is parsed, since most records are plots.
A record is known by its article and its image, never by the image's stem alone, which many articles share.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from medvlsynther.errors import InputError
from medvlsynther.records import Article, ArticleRef, Figure, ImageRef, Licence, Reject
from medvlsynther.rules import licence
from medvlsynther.rules.panels import find_panels
from medvlsynther.sources import _base
from medvlsynther.sources._biomedica_members import JSON_LIMIT_BYTES, Sample, samples
from medvlsynther.sources._biomedica_record import Record, labelled_otherwise, parse, plain_caption, said, year_of
from medvlsynther.sources._biomedica_text import mentions_of
from medvlsynther.sources._jats_front import parse_pmcid
from medvlsynther.store.tar import Damage, Member, Tar

HELD = 10_000
"""Images that wait for others with their caption; the size of a published shard."""

_TAR = (".tar", ".tar.gz", ".tgz")
_KEY = re.compile(r"[^-]*-(PMC\d+)-\d+-(.+)")
_RIGHTS = (
    "permi", "repro", "reprint", "republi", "adapt", "modif", "redraw", "taken", "borrow", "courtesy", "©", "(c)",
    "copyright", "reserved",
)  # fmt: skip


def shards(root: Path) -> list[str]:
    """The archives below `root`, in natural order.

    Raises: MissingInput where there is no folder or no archive in it.
    """
    return _base.some([name for name in _base.walk(root) if name.lower().endswith(_TAR)], root, "archives (.tar)")


def read(root: Path, shard: str, corpus: str, policy: licence.Policy) -> Iterator[Article | Reject]:
    """One article with one figure for each record, or for the records of an article that share a caption.

    Rejects: label_not_wanted, no_caption, json_missing, json_too_large, json_damaged, record_malformed, image_missing,
    not_a_record, and for parts of archives tar_truncated, tar_damaged, gzip_damaged, tar_too_large, tar_unreadable,
    lfs_pointer.

    Source: BIOMEDICA's serialisation; figures of several images as the published curation groups them, per archive.
    """
    try:
        with Tar(root / shard) as archive:
            yield from _Reader(archive, shard, corpus, policy).read()
    except InputError as error:
        yield Reject(id=shard, reason=error.reason, detail=error.detail)


@dataclass(slots=True)
class _Held:
    """A figure of which other images may follow."""

    figure: Figure
    order: list[str]
    """All images of the article with its caption."""
    parts: dict[str, Figure] = field(default_factory=dict)
    """What came so far, by image."""


class _Reader:
    """One archive on its way to figures."""

    def __init__(self, archive: Tar, shard: str, corpus: str, policy: licence.Policy) -> None:
        self._archive, self._shard, self._corpus, self._policy = archive, shard, corpus, policy
        self._held: dict[tuple[str, str], _Held] = {}
        self._waiting = 0
        self._stem_of: dict[str, str] = {}

    def read(self) -> Iterator[Article | Reject]:
        for found in samples(self._archive):
            if isinstance(found, Damage):
                yield Reject(id=self._shard, reason=found.reason, detail=found.detail)
            elif isinstance(found, Member):
                yield Reject(id=f"{self._shard}/{found.name}", reason="not_a_record", detail="no image, JSON or text")
            else:
                yield from self._sample(found)
        yield from self._release()

    def _sample(self, sample: Sample) -> Iterator[Article | Reject]:
        try:
            otherwise = labelled_otherwise(sample.head, whole=False)
            if otherwise is None:
                raw = self._json(sample)
                otherwise = labelled_otherwise(raw, whole=True)
            if otherwise is None:
                yield from self._article(sample, raw)
            else:
                yield Reject(id=self._name(sample), reason="label_not_wanted", detail=otherwise)
        except InputError as error:
            yield Reject(id=self._name(sample), reason=error.reason, detail=error.detail)

    def _name(self, sample: Sample) -> str:
        known = _KEY.fullmatch(sample.stem.rpartition("/")[2])
        return f"{known[1]}/{known[2]}" if known else f"{self._shard}/{sample.stem}"

    # ------------------------------------------------------------------------------------------- records to figures

    def _article(self, sample: Sample, raw: bytes) -> Iterator[Article]:
        """The figure of one record, unless it waits for others.

        Raises: InputError for a record that cannot be used.
        """
        if sample.image is None:
            raise InputError("image_missing", f"{sample.stem} has no image")
        image, record = sample.image, parse(raw)
        known = _KEY.fullmatch(sample.stem.rpartition("/")[2])
        image_id = said(record.image_cluster_id) or (known[2] if known else sample.stem)
        written = record.caption(image_id)
        caption = plain_caption(written) or self._text(sample)
        if not caption:
            raise InputError("no_caption", sample.stem)
        figure = self._figure(sample.stem, record, image, image_id, caption)
        order = record.sharing(written) if written else []
        if len(order) < 2:
            yield Article(ref=figure.article, figures=(figure,))
            return
        key = (figure.article.article_id, caption)
        held = self._held.setdefault(key, _Held(figure, order))
        held.parts[image_id if image_id not in held.parts else sample.stem] = figure
        self._waiting += 1
        if len(held.parts) == len(order):
            self._waiting -= len(held.parts)
            yield _joined(self._held.pop(key))
        elif self._waiting >= HELD:
            yield from self._release()

    def _release(self) -> Iterator[Article]:
        """The figures that waited."""
        yield from map(_joined, self._held.values())
        self._held.clear()
        self._waiting = 0

    def _json(self, sample: Sample) -> bytes:
        if sample.json is None:
            raise InputError("json_missing", f"{sample.stem} has no JSON")
        if sample.json.size > JSON_LIMIT_BYTES:
            raise InputError("json_too_large", f"{sample.json.size} bytes; the limit is {JSON_LIMIT_BYTES}")
        return self._archive.read(sample.json.offset, sample.json.size)

    def _text(self, sample: Sample) -> str:
        """The caption that lies beside the image."""
        if sample.text is None:
            return ""
        raw = self._archive.read(sample.text.offset, min(sample.text.size, JSON_LIMIT_BYTES))
        return plain_caption(raw.decode("utf-8", "replace"))

    def _figure(self, stem: str, record: Record, image: Member, image_id: str, caption: str) -> Figure:
        ref = self._ref(stem, record)
        figure_id = f"{ref.article_id}/{image_id}"
        if self._stem_of.setdefault(figure_id, stem) != stem:
            figure_id = f"{figure_id}~{stem}"  # another image under the same name: two figures, none of them lost
        own = _licence(ref.licence, caption, self._policy)
        # What may not be used goes no further than its licence: its text is not worth the time.
        usable = own.standing == "allowed"
        mentions = mentions_of(record.passages(image_id), image_id) if usable else ()
        return Figure(
            figure_id=figure_id,
            article=ref.model_copy(update={"licence": _credited(own, ref)}),
            caption=caption,
            mentions=mentions,
            images=(
                ImageRef(
                    name=said(record.image_file_name) or image.name, corpus=self._corpus, member=self._place(image)
                ),
            ),
            panels=find_panels(caption) if usable else (),
            labels=tuple(record.labels()),
            context_quality="biomedica-repaired" if mentions else "none",
        )

    def _place(self, image: Member) -> str:
        if self._archive.packed or not self._shard.lower().endswith(".tar"):
            return f"{self._shard}!{image.name}"
        return f"{self._shard}@{image.offset}+{image.size}"

    def _ref(self, stem: str, record: Record) -> ArticleRef:
        """The article, by its accession id, else by the record's name: articles without id are never one."""
        known = _KEY.fullmatch(stem.rpartition("/")[2])
        accession = said(record.article_accession_id) or (known[1] if known else "")
        pmcid, version = parse_pmcid(accession)
        return ArticleRef(
            article_id=accession or f"file:{self._shard}/{stem}",
            pmcid=pmcid,
            version=version,
            title=said(record.article_title),
            journal=said(record.article_journal) or None,
            year=year_of(said(record.article_date)),
            licence=_judged(said(record.article_license), self._policy),
        )


@lru_cache(maxsize=256)
def _judged(code: str, policy: licence.Policy) -> Licence:
    return licence.judge(licence.Signals(code=code, text=code), policy)


def _licence(article: Licence, caption: str, policy: licence.Policy) -> Licence:
    """The figure's licence; a caption without any of the words by which figures name another owner is not looked at."""
    lower = caption.lower()
    return licence.for_figure(article, policy, caption=caption) if any(word in lower for word in _RIGHTS) else article


def _credited(own: Licence, ref: ArticleRef) -> Licence:
    line = licence.attribution(own, title=ref.title, journal=ref.journal, year=ref.year, at=ref.pmcid or ref.article_id)
    return own.model_copy(update={"attribution": line})


def _joined(held: _Held) -> Article:
    """One figure of all images that share a caption, in the article's order; it is named after the first."""
    rank = {image_id: place for place, image_id in enumerate(held.order)}
    parts = [
        held.parts[image_id] for image_id in sorted(held.parts, key=lambda name: (rank.get(name, len(rank)), name))
    ]
    figure = parts[0].model_copy(
        update={
            "images": tuple(image for part in parts for image in part.images),
            "mentions": tuple(dict.fromkeys(mention for part in parts for mention in part.mentions)),
            "labels": tuple(dict.fromkeys(label for part in parts for label in part.labels)),
        }
    )
    return Article(ref=figure.article, figures=(figure,))
