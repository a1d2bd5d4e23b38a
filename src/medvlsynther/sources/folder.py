"""Images of one's own: a folder with captions in CSV or JSONL tables, or in a text file beside each image.

A table needs the columns `image` (a path from the table's folder or from the root; several with ";" or as a list) and
`caption`. It may have `figure_id` (rows that share one are one figure), `article_id`, `label`, `licence` (a code, an
address or its wording), `mentions`, `title`, `authors`, `journal`, `year`, `doi`, `pmcid`, and weak labels: `modality`,
`anatomy`, `body_part`, `category`. No other column is copied, and of DICOM files only modality and body part are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from medvlsynther.errors import InputError, MissingExtra
from medvlsynther.records import Article, ArticleRef, Figure, GivenLabel, ImageRef, Reject
from medvlsynther.rules import licence
from medvlsynther.rules.mentions import Context
from medvlsynther.rules.panels import find_panels
from medvlsynther.sources import _base
from medvlsynther.sources._jats_front import Front, identity, parse_doi, parse_pmcid
from medvlsynther.sources._media import is_image
from medvlsynther.sources._table import TABLES, Row, rows

_DICOM = (".dcm", ".dicom")
_LABELS = ("modality", "anatomy", "body_part", "category")
_LONGEST_SIDECAR = 2**20
"""Bytes of a caption file."""


def shards(root: Path) -> list[str]:
    """The tables below `root`, and each folder (with a slash at its end) that holds images.

    Raises: MissingInput where there is no folder, or neither tables nor images in it.
    """
    names = _base.walk(root)
    folders = {f"{PurePosixPath(name).parent}/" for name in names if _is_picture(name)}
    found = [name for name in names if name.lower().endswith(TABLES)] + list(folders)
    return _base.some(sorted(found, key=_base.natural), root, "images or tables of captions (.csv, .jsonl)")


def read(
    root: Path, shard: str, corpus: str, policy: licence.Policy, *, context: Context = "sentences"
) -> Iterator[Article | Reject]:
    """The figures of one table, or the images of one folder that no table names; each is an article of its own.

    `context` changes nothing: what a table gives as mentions is taken as it is.
    Raises: MissingExtra where there are DICOM files and `pydicom` is not installed.
    """
    del context
    drafts = _of_folder(root, shard) if shard.endswith("/") else _of_table(root, shard)
    for draft in drafts:
        yield draft if isinstance(draft, Reject) else _article(draft, root, corpus, policy)


@dataclass(slots=True)
class _Draft:
    """A figure to be."""

    row: Row
    place: str
    """Id where the row gives none."""
    images: list[str] = field(default_factory=list)
    """Members of the corpus."""


def _is_picture(name: str) -> bool:
    return is_image(name) or name.lower().endswith(_DICOM)


# ---------------------------------------------------------------------------------------------- tables


def _of_table(root: Path, shard: str) -> Iterator[_Draft | Reject]:
    """Figures of a table in the order of their first rows."""
    drafts: dict[str, _Draft] = {}
    for row in rows(root / shard, shard):
        if isinstance(row, Reject):
            yield row
            continue
        try:
            images = [_member(root, shard, path) for path in _paths(root, shard, row)]
        except InputError as error:
            yield Reject(id=_name(row, row.place), reason=error.reason, detail=error.detail)
            continue
        trouble = _join(drafts, row, images)
        if trouble:
            yield trouble
    yield from drafts.values()


def _join(drafts: dict[str, _Draft], row: Row, images: list[str]) -> Reject | None:
    """Adds a row to its figure, or begins one."""
    place = str(PurePosixPath(images[0]).with_suffix("")) if images else row.place
    name = _name(row, place)
    draft = drafts.setdefault(name, _Draft(row, place))
    if draft.row is not row and not (row.text("figure_id") and row.text("caption") == draft.row.text("caption")):
        return Reject(id=f"{name} at {row.place}", reason="duplicate_figure", detail=f"already at {draft.row.place}")
    draft.images += [image for image in images if image not in draft.images]
    return None


def _name(row: Row, place: str) -> str:
    """Figure id: article and figure as the row names them, else the image's place."""
    article, figure = row.text("article_id"), row.text("figure_id")
    if article and figure.startswith(f"{article}/"):
        return figure
    return f"{article or _article_id(row, place)}/{figure or (PurePosixPath(place).name if article else '1')}"


def _article_id(row: Row, place: str) -> str:
    pmcid, version = parse_pmcid(row.text("pmcid"))
    return row.text("article_id") or identity(
        pmcid, version, parse_doi(row.text("doi")), row.text("figure_id") or place
    )


def _paths(root: Path, shard: str, row: Row) -> Sequence[str]:
    """The image paths of a row; ";" separates several unless a file is really named so."""
    given = row.texts("image") or row.texts("images")
    if len(given) == 1 and ";" in given[0] and not (root / shard).parent.joinpath(given[0]).is_file():
        return [path.strip() for path in given[0].split(";") if path.strip()]
    if not given:
        raise InputError("no_image_file", "the row names no image")
    return given


def _member(root: Path, shard: str, path: str) -> str:
    """A path of a table as a member of the corpus.

    Raises: InputError with unsafe_path, not_an_image or no_image_file.
    """
    bare = PurePosixPath(path.replace("\\", "/"))
    if bare.is_absolute() or ".." in bare.parts or "\0" in path:
        raise InputError("unsafe_path", path)
    if not _is_picture(bare.name):
        raise InputError("not_an_image", path)
    for member in (PurePosixPath(shard).parent / bare, bare):
        if _is_file(root / member):
            return member.as_posix()
    raise InputError("no_image_file", path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # e.g. a name longer than the file system takes
        return False


# ---------------------------------------------------------------------------------------------- folders


def _of_folder(root: Path, shard: str) -> Iterator[_Draft | Reject]:
    """The images of a folder that no table names, each with the text file beside it."""
    claimed = _claimed(root, root.stat().st_mtime_ns)
    for path in sorted((root / shard).iterdir(), key=lambda path: _base.natural(path.name)):
        member = path.relative_to(root).as_posix()
        if member in claimed or not _is_picture(path.name) or not path.is_file() or path.name.startswith("."):
            continue
        try:
            yield _Draft(Row(member, {"caption": _sidecar(path)}), str(PurePosixPath(member).with_suffix("")), [member])
        except InputError as error:
            yield Reject(id=f"file:{member}", reason=error.reason, detail=error.detail)


@lru_cache(maxsize=2)
def _claimed(root: Path, _changed_ns: int) -> frozenset[str]:
    """Members that some table names."""
    members = set()
    for table in (name for name in _base.walk(root) if name.lower().endswith(TABLES)):
        for row in rows(root / table, table):
            if isinstance(row, Row):
                try:
                    members |= {_member(root, table, path) for path in _paths(root, table, row)}
                except InputError:
                    continue  # the table's own shard reports it
    return frozenset(members)


def _sidecar(image: Path) -> str:
    """The caption in "a.txt" or "a.jpg.txt" beside an image.

    Raises: InputError with no_caption or not_utf8.
    """
    for path in (image.with_suffix(".txt"), image.with_name(f"{image.name}.txt")):
        if path.is_file():
            data = _base.read_bytes(path, _LONGEST_SIDECAR)[:_LONGEST_SIDECAR]
            try:
                return " ".join(data.decode("utf-8-sig").split())
            except UnicodeDecodeError:
                raise InputError("not_utf8", path.name) from None
    raise InputError("no_caption", "no table names the image and no text file stands beside it")


# ---------------------------------------------------------------------------------------------- records


def _article(draft: _Draft, root: Path, corpus: str, policy: licence.Policy) -> Article:
    row = draft.row
    front = _front(draft, policy)
    figure_id = _name(row, draft.place)
    caption = row.text("caption")
    if not caption:
        return Article(
            ref=front.ref, figures=(), rejects=(Reject(id=figure_id, reason="no_caption", detail=row.place),)
        )
    own = licence.for_figure(front.ref.licence, policy, caption=caption)
    try:
        labels = tuple(_labels(draft, root))
    except InputError as error:
        rejects = (Reject(id=figure_id, reason=error.reason, detail=error.detail),)
        return Article(ref=front.ref, figures=(), rejects=rejects)
    figure = Figure(
        figure_id=figure_id,
        article=front.ref.model_copy(update={"licence": front.credited(own, row.text("label"))}),
        label=row.text("label"),
        caption=caption,
        mentions=tuple(dict.fromkeys(row.texts("mentions"))),
        images=tuple(ImageRef(name=PurePosixPath(m).name, corpus=corpus, member=m) for m in draft.images),
        panels=find_panels(caption),
        labels=labels,
        context_quality="plain-text" if row.texts("mentions") else "none",
    )
    return Article(ref=front.ref, figures=(figure,))


def _front(draft: _Draft, policy: licence.Policy) -> Front:
    row = draft.row
    stated = row.text("licence") or row.text("license")
    judged = licence.judge(licence.Signals(code=stated, uris=(stated,), text=stated), policy)
    pmcid, version = parse_pmcid(row.text("pmcid"))
    year = row.text("year")
    ref = ArticleRef(
        article_id=_article_id(row, draft.place),
        pmcid=pmcid,
        version=version,
        doi=parse_doi(row.text("doi")),
        title=row.text("title"),
        journal=row.text("journal") or None,
        year=int(year) if year.isdecimal() and len(year) == 4 else None,
        licence=judged,
    )
    front = Front(ref, row.text("authors"), "", synthetic=False)
    return Front(ref.model_copy(update={"licence": front.credited(judged)}), front.authors, "", synthetic=False)


def _labels(draft: _Draft, root: Path) -> Iterator[GivenLabel]:
    for column in _LABELS:
        for value in draft.row.texts(column):
            yield GivenLabel(name=value, source=f"metadata.{column}")
    for member in draft.images:
        if member.lower().endswith(_DICOM):
            for name, value in _dicom_tags(root / member).items():
                yield GivenLabel(name=value, source=f"dicom.{name}")


def _dicom_tags(path: Path) -> Mapping[str, str]:
    """Modality and body part of a DICOM file; nothing about the patient is read.

    Raises: MissingExtra without pydicom; InputError with dicom_unreadable.
    """
    try:
        import pydicom
    except ModuleNotFoundError:
        raise MissingExtra("pydicom", "dicom", where=str(path)) from None
    wanted = ["Modality", "BodyPartExamined"]
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=wanted)
        return {name: str(header.get(name)) for name in wanted if header.get(name)}
    except (pydicom.errors.InvalidDicomError, OSError, ValueError, AttributeError, NotImplementedError) as error:
        raise InputError("dicom_unreadable", str(error)) from None
