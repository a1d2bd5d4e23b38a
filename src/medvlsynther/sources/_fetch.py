"""Articles from PubMed Central's public bucket, by id: metadata first, then the licence gate, then XML and images.

Nothing here runs unless it is called; no other part of the house reaches for the network on its own.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from medvlsynther.errors import EngineRefused, InputError, MissingInput, StoreTrouble
from medvlsynther.records import Article
from medvlsynther.rules.licence import Policy, Signals, judge
from medvlsynther.sources import _xml, jats
from medvlsynther.sources._bucket import Bucket
from medvlsynther.sources._jats_front import parse_pmcid
from medvlsynther.sources._media import Media, is_image
from medvlsynther.sources._pmc_facts import LARGEST_METADATA, Record, read_record

BUCKET = "https://pmc-oa-opendata.s3.amazonaws.com"
"""PubMed Central's cloud service. Terms: its README.txt; acknowledge the National Library of Medicine."""
LARGEST_IMAGE = 256 * 2**20
"""Bytes of one image."""

_ID = re.compile(r"\bPMC\d{1,12}(?:\.\d{1,4})?(?!\w)", re.IGNORECASE)
_BARE_ID = re.compile(r"^\s*(\d{1,12})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one article."""

    id: str
    """Its id as asked for, then with the version found."""
    outcome: Literal["fetched", "present", "planned", "refused", "failed"]
    """"present": everything was there already; "planned": a dry run would fetch it."""
    reason: str = ""
    """Reason code of a refusal or a failure."""
    detail: str = ""
    files: int = 0
    """Files of the article that are wanted."""
    size_bytes: int = 0
    """Bytes that came over the network."""


Progress = Callable[[int, int, Fetched], None]
"""Called after each article with the number done, the number asked for, and what became of it."""


def read_ids(path: Path) -> list[str]:
    """The PMC ids in a file, without repeats: one a line, or anywhere in a saved search result or table.

    Raises: MissingInput where there is no such file or no id in it.
    """
    if not path.is_file():
        raise MissingInput(f"No file {str(path)!r}", mend="Give a file with PMC ids")
    text = path.read_text(encoding="utf-8", errors="replace")
    ids = [found[0].upper() for found in _ID.finditer(text)] or [f"PMC{found[1]}" for found in _BARE_ID.finditer(text)]
    if not ids:
        raise MissingInput(f"No PMC id in {str(path)!r}", mend="Ids look like PMC1762412")
    return list(dict.fromkeys(ids))


def fetch_pmc(
    ids: Iterable[str],
    target: Path,
    *,
    policy: Policy | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    base_url: str = BUCKET,
    connections: int = 4,
    attempts: int = 5,
    pause_s: float = 1.0,
) -> list[Fetched]:
    """Brings articles into `target` in the cloud layout, and says of each what became of it, in the order asked for.

    The highest version is taken unless an id names one. An article whose metadata or whose XML the policy does not
    allow, that is retracted or recognised from scans, is refused before its images are fetched. Running it again
    continues: what is there with the right digest is not fetched twice. A dry run reads metadata and writes nothing.
    Raises: EngineRefused where the server cannot be reached at all; StoreTrouble where the disk takes nothing more.
    """
    wanted = list(dict.fromkeys(ids))
    return asyncio.run(
        _fetch_all(
            wanted,
            _Errand(target, policy or Policy(), dry_run),
            progress,
            lambda: Bucket.open(base_url, connections=connections, attempts=attempts, pause_s=pause_s),
        )
    )


@dataclass(frozen=True, slots=True)
class _Errand:
    target: Path
    policy: Policy
    dry_run: bool


async def _fetch_all(
    wanted: Sequence[str],
    errand: _Errand,
    progress: Progress | None,
    opened: Callable[[], AbstractAsyncContextManager[Bucket]],
) -> list[Fetched]:
    results: dict[str, Fetched] = {}
    async with opened() as bucket:
        async for name, result in _in_turn(bucket, wanted, errand):
            results[name] = result
            if progress:
                progress(len(results), len(wanted), result)
            if result.reason == "unreachable" and all(each.reason == "unreachable" for each in results.values()):
                raise EngineRefused(f"The server does not answer: {result.detail}", mend="Try again later")
    return [results[name] for name in wanted]


async def _in_turn(bucket: Bucket, wanted: Sequence[str], errand: _Errand) -> AsyncIterator[tuple[str, Fetched]]:
    """Results as they come, a few articles at a time."""
    waiting = iter(wanted)
    running: dict[asyncio.Task[Fetched], str] = {}
    try:
        while True:
            for name in waiting:
                running[asyncio.create_task(_fetch_one(bucket, name, errand))] = name
                if len(running) == _TOGETHER:
                    break
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield running.pop(task), task.result()
    finally:
        for task in running:
            task.cancel()


_TOGETHER = 4
"""Articles under way at once; connections are limited apart from this."""


async def _fetch_one(bucket: Bucket, name: str, errand: _Errand) -> Fetched:
    """One article; whatever is wrong with it is its outcome.

    Raises: StoreTrouble.
    """
    try:
        article = await _resolve(bucket, name)
        raw = await bucket.read(f"metadata/{article}.json", LARGEST_METADATA)
        record = read_record(raw)
        refusal = _refusal(record, errand.policy)
        images = _images(article, record)
        if refusal:
            return Fetched(article, "refused", *refusal)
        if errand.dry_run:
            return Fetched(article, "planned", files=len(images) + 2)
        return await _bring(bucket, article, raw, record, images, errand)
    except InputError as error:
        return Fetched(name, "failed", error.reason, error.detail)


async def _resolve(bucket: Bucket, name: str) -> str:
    """The id with its version: the highest there is, compared as a number.

    Raises: InputError with not_a_pmcid or absent.
    """
    pmcid, version = parse_pmcid(name)
    if pmcid is None:
        raise InputError("not_a_pmcid", f"{name[:60]!r} is no PMC id")
    if version is not None:
        return f"{pmcid}.{version}"
    found = [parse_pmcid(folder.rstrip("/")) for folder in await bucket.folders(f"{pmcid}.")]
    versions = [number for base, number in found if base == pmcid and number is not None]
    if not versions:
        raise InputError("absent", f"{pmcid} is not in the bucket")
    return f"{pmcid}.{max(versions)}"


def _refusal(record: Record, policy: Policy) -> tuple[str, str] | None:
    if record.beside.retracted:
        return "retracted", "its metadata says so"
    if record.beside.scanned:
        return "historical_ocr", "recognised from scanned pages"
    licence = judge(Signals(code=record.beside.licence), policy)
    return (
        None
        if licence.standing == "allowed"
        else (f"licence_{licence.standing}", record.beside.licence or "none stated")
    )


def _images(article: str, record: Record) -> dict[str, str]:
    """Keys of the images by file name; addresses that lead outside the article's folder are not followed."""
    keys = (_key(address) for address in record.media)
    return {
        PurePosixPath(key).name: key
        for key in keys
        if key.startswith(f"{article}/") and key.count("/") == 1 and is_image(key) and not key.endswith(("/..", "/."))
    }


def _key(address: str) -> str:
    """The key in "s3://bucket/key?md5=…" or in an address over HTTPS."""
    try:
        return unquote(urlsplit(address).path).lstrip("/")
    except ValueError:
        return ""


async def _bring(
    bucket: Bucket, article: str, raw: bytes, record: Record, images: dict[str, str], errand: _Errand
) -> Fetched:
    folder = errand.target / article
    xml = folder / f"{article}.xml"
    size = await bucket.download(f"{article}/{xml.name}", xml, record.digests.get(xml.name), _xml.LARGEST)
    refusal = await asyncio.to_thread(_refusal_of_xml, xml, record, errand.policy)
    if refusal:
        return Fetched(article, "refused", *refusal, files=1, size_bytes=size)
    await asyncio.to_thread(_keep, folder / f"{article}.json", raw)
    for name, key in sorted(images.items()):
        size += await bucket.download(key, folder / name, record.digests.get(name), LARGEST_IMAGE)
    return Fetched(article, "fetched" if size else "present", files=len(images) + 2, size_bytes=size)


def _refusal_of_xml(path: Path, record: Record, policy: Policy) -> tuple[str, str] | None:
    """What the XML itself says against its images."""
    setting = jats.Setting(Media(()), "", policy, beside=record.beside)
    for result in jats.parse(path.read_bytes(), path.name, setting):
        if not isinstance(result, Article):
            return result.reason, result.detail
        if result.ref.retracted:
            return "retracted", "its XML says so"
        if result.ref.licence.standing != "allowed":
            return f"licence_{result.ref.licence.standing}", ", ".join(result.ref.licence.reasons)
    return None


def _keep(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise StoreTrouble(error.strerror or str(error), where=str(path), mend="Free some space") from None
