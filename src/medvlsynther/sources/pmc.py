"""PubMed Central as it lies on disk, in any mix of its shapes below one folder:

- the cloud layout: `PMC123.1/` with XML, media and `PMC123.1.json`, or the records in a folder `metadata/`;
- legacy packages, as `.tar.gz` or unpacked, with `oa_file_list.csv` beside them;
- bare XML: plain, OAI-PMH records, `pmc-articleset` responses;
- BioC in XML or JSON, where nothing better is at hand.

Of several versions of an article the highest counts, and of an article that lies there both unpacked and packed, the
unpacked one; the others are rejects.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import orjson

from medvlsynther.errors import InputError
from medvlsynther.records import Article, Reject
from medvlsynther.rules.licence import Policy
from medvlsynther.rules.mentions import Context
from medvlsynther.sources import _base, _bioc, _pmc_facts, _xml, jats
from medvlsynther.sources._jats_front import Beside, parse_pmcid
from medvlsynther.sources._media import File, Media, is_image
from medvlsynther.store.corpus import opened
from medvlsynther.store.tar import Damage, Member, Tar

_XML = (".xml", ".nxml")
_TAR = (".tar.gz", ".tgz", ".tar")
_JSON = (".json",)
_OUTDONE = " outdone by "
"""Joins a document to the one that counts in its place, in the name of its shard."""
_PMCID = re.compile(r"(PMC\d{1,12}(?:\.\d{1,4})?)(?![A-Za-z0-9])", re.IGNORECASE)


def shards(root: Path) -> list[str]:
    """The documents and archives below `root`, in natural order.

    A document that does not count is named together with the one that counts in its place.
    Raises: MissingInput where there is no folder, or nothing in it that could be an article.
    """
    names = _base.walk(root)
    units = _units(root, names)
    winners = _winners(root, units, Counter(_folder(name) for name in names if is_image(name)))
    found = [name if winners[name] == name else f"{name}{_OUTDONE}{winners[name]}" for name in units]
    return _base.some(found, root, "articles (.xml, .nxml, .tar.gz, .json)")


def read(
    root: Path, shard: str, corpus: str, policy: Policy, *, context: Context = "sentences"
) -> Iterator[Article | Reject]:
    """The articles of one document or archive; what cannot be read is a reject."""
    name, outdone, winner = shard.partition(_OUTDONE)
    setting = jats.Setting(Media(()), corpus, policy, context)
    if outdone:
        older = (_named(root, name)[1] or 0) < (_named(root, winner)[1] or 0)
        reason = "superseded_version" if older else "duplicate_article"
        yield Reject(id=name, reason=reason, detail=f"{winner} counts in its place")
    elif name.lower().endswith(_TAR):
        yield from _archive(root, name, setting)
    elif name.lower().endswith(_JSON):
        yield from _json(root, name, setting)
    else:
        yield from _document(root, name, setting)


# ---------------------------------------------------------------------------------------------- which documents count


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _stem(name: str) -> str:
    return (
        PurePosixPath(name).name.partition(".tar")[0].removesuffix(".tgz")
        if _is(name, _TAR)
        else PurePosixPath(name).stem
    )


def _is(name: str, endings: tuple[str, ...]) -> bool:
    return name.lower().endswith(endings)


def _named(root: Path, name: str) -> tuple[str | None, int | None]:
    """PMC id and version as the name of a file or of its folder states them."""
    for text in (_stem(name), PurePosixPath(name).parent.name or root.absolute().name):
        found = _PMCID.match(text)
        if found:
            return parse_pmcid(found[1])
    return None, None


def _units(root: Path, names: list[str]) -> list[str]:
    """Documents and archives; JSON only where it is no record about one of them."""
    first = [name for name in names if _is(name, _XML + _TAR)]
    known = {_named(root, name)[0] for name in first} - {None}
    stems = {_stem(name) for name in first}
    return [
        name
        for name in names
        if _is(name, _XML + _TAR)
        or (_is(name, _JSON) and _stem(name) not in stems and _named(root, name)[0] not in known)
    ]


@dataclass(frozen=True, slots=True)
class _Unit:
    name: str
    version: int
    unpacked: bool

    @property
    def place(self) -> tuple[str, int, bool]:
        return _folder(self.name), self.version, self.unpacked


def _winners(root: Path, units: list[str], images: Mapping[str, int]) -> dict[str, str]:
    """For every unit the one that counts: itself, or the better copy of the same article.

    The highest version wins, then unpacked over packed, then the folder with more images, then the first. Several
    documents of one package are no copies of each other.
    """
    winners = {name: name for name in units}
    articles: dict[str, list[_Unit]] = {}
    for name in units:
        pmcid, version = _named(root, name)
        if pmcid:
            articles.setdefault(pmcid, []).append(_Unit(name, version or 0, _is(name, _XML)))
    for copies in articles.values():
        best = max(copies, key=lambda unit: (unit.version, unit.unpacked, images.get(_folder(unit.name), 0)))
        for unit in copies:
            if not (unit.unpacked and unit.place == best.place):
                winners[unit.name] = best.name
    return winners


# ---------------------------------------------------------------------------------------------- one document


def _document(root: Path, name: str, setting: jats.Setting) -> Iterator[Article | Reject]:
    try:
        record = _pmc_facts.record_of(root, name)
        data = _base.read_bytes(root / name, _xml.LARGEST)
    except InputError as error:
        yield Reject(id=name, reason=error.reason, detail=error.detail)
        return
    digests = record.digests if record else {}
    stated = digests.get(PurePosixPath(name).name)
    if stated and _md5(data) != stated:
        yield Reject(id=name, reason="md5_mismatch", detail=f"the metadata states {stated}")
        return
    yield from jats.parse(
        data,
        name,
        replace(
            setting,
            media=_base.media_beside(root, name),
            beside=_beside(root, name, record.beside if record else None),
            check=lambda file: _check(root, file, digests),
        ),
    )


def _beside(root: Path, name: str, stated: Beside | None) -> Beside:
    """What names, metadata and file lists say together."""
    pmcid, version = _named(root, name)
    beside = stated or Beside()
    beside = replace(beside, pmcid=beside.pmcid or pmcid, version=version if beside.version is None else beside.version)
    listed = _pmc_facts.listed(root, beside.pmcid)
    if listed is None:
        return beside
    return replace(beside, licence=beside.licence or listed[0], retracted=beside.retracted or listed[1])


def _check(root: Path, file: File, digests: Mapping[str, str]) -> str | None:
    """Whether an image is the file that the metadata states, where it states one."""
    stated = digests.get(file.name)
    if stated is None:
        return None
    with opened(root / file.member) as (stream, _):
        return None if hashlib.file_digest(stream, _new_md5).hexdigest() == stated else "md5_mismatch"


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _new_md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


# ---------------------------------------------------------------------------------------------- archives, JSON


def _archive(root: Path, name: str, setting: jats.Setting) -> Iterator[Article | Reject]:
    try:
        if not (root / name).is_file():
            raise InputError("unreadable_file", "it is no regular file")
        with Tar(root / name) as archive:
            yield from _packed(root, name, archive, setting)
    except InputError as error:
        yield Reject(id=name, reason=error.reason, detail=error.detail)


def _packed(root: Path, name: str, archive: Tar, setting: jats.Setting) -> Iterator[Article | Reject]:
    """The articles of an archive, each with the images of its folder there, and then what is wrong with the archive."""
    documents: list[Member] = []
    folders: dict[str, list[File]] = {}
    troubles: list[Reject] = []
    for part in archive.members():
        if isinstance(part, Damage):
            troubles.append(Reject(id=name, reason=part.reason, detail=part.detail))
        elif _points_outside(part.name):
            detail = "its name points outside the archive"
            troubles.append(Reject(id=f"{name}!{part.name[:200]}", reason="unsafe_member", detail=detail))
        elif _is(part.name, _XML):
            documents.append(part)
        elif is_image(part.name):
            place = f"{name}!{part.name}" if archive.packed else f"{name}@{part.offset}+{part.size}"
            folders.setdefault(_folder(part.name), []).append(File(PurePosixPath(part.name).name, place))
    seen: set[str] = set()
    for member in documents:
        place = f"{name}!{member.name}"
        beside = _beside(root, member.name if len(documents) > 1 else name, None)
        inner = replace(setting, media=Media(folders.get(_folder(member.name), ())), beside=beside)
        data = archive.read(member.offset, min(member.size, _xml.LARGEST + 1))
        for result in jats.parse(data, place, inner):
            yield _once(result, place, seen)
    yield from troubles
    if not documents and not troubles:
        yield Reject(id=name, reason="no_article_in_archive", detail="no member of it is XML")


def _points_outside(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/")


def _once(result: Article | Reject, place: str, seen: set[str]) -> Article | Reject:
    """An article that one archive holds twice counts once."""
    if isinstance(result, Reject) or result.ref.article_id not in seen:
        seen.update([result.ref.article_id] if isinstance(result, Article) else [])
        return result
    return Reject(id=place, reason="duplicate_article", detail=result.ref.article_id)


def _json(root: Path, name: str, setting: jats.Setting) -> Iterator[Article | Reject]:
    """BioC in JSON; a metadata record without its article, and any other JSON, is a reject."""
    try:
        data = _base.read_bytes(root / name, _xml.LARGEST)
        if len(data) > _xml.LARGEST:
            raise InputError("json_too_large", f"more than {_xml.LARGEST} bytes")
        raw = orjson.loads(data)
    except InputError as error:
        yield Reject(id=name, reason=error.reason, detail=error.detail)
        return
    except orjson.JSONDecodeError as error:
        yield Reject(id=name, reason="json_unreadable", detail=str(error)[:200])
        return
    articles = list(_bioc.from_json(raw))
    if not articles:
        alone = isinstance(raw, dict) and "pmcid" in raw
        yield Reject(id=name, reason="metadata_without_article" if alone else "not_an_article")
    inner = replace(setting, media=_base.media_beside(root, name), beside=_beside(root, name, None))
    yield from jats.parse_trees(articles, name, inner)
