"""What PubMed Central says about an article outside its XML: metadata records and file lists."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, urlsplit

import numpy as np
import numpy.typing as npt
import orjson

from medvlsynther.errors import InputError
from medvlsynther.sources._base import read_bytes
from medvlsynther.sources._jats_front import Beside, parse_pmcid

LARGEST_METADATA = 8 * 2**20
"""Bytes of one metadata record."""
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Record:
    """A metadata record of the cloud service."""

    beside: Beside
    digests: Mapping[str, str] = field(default_factory=dict)
    """MD5 of the article's files by name, where stated."""
    media: tuple[str, ...] = ()
    """Addresses of its media."""
    xml: str | None = None
    """Address of its XML."""


def read_record(data: bytes) -> Record:
    """A metadata record ("PMC123.1.json").

    Raises: InputError with metadata_unreadable for anything else.
    """
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError("metadata_unreadable", str(error)) from None
    if not isinstance(raw, dict) or "pmcid" not in raw:
        raise InputError("metadata_unreadable", "it is no metadata record: it has no pmcid")
    media = raw.get("media_urls")
    addresses = [address for address in (media if isinstance(media, list) else ()) if isinstance(address, str)]
    xml = raw.get("xml_url") if isinstance(raw.get("xml_url"), str) else None
    pmcid, version = parse_pmcid(str(raw["pmcid"]))
    stated = raw.get("version")
    beside = Beside(
        pmcid=pmcid,
        version=stated if isinstance(stated, int) and not isinstance(stated, bool) else version,
        licence=_licence(raw),
        retracted=_true(raw.get("is_retracted")),
        manuscript=_true(raw.get("is_manuscript")),
        scanned=_true(raw.get("is_historical_ocr")),
    )
    digests = dict(found for address in (*addresses, xml) if address and (found := _digest(address)))
    return Record(beside, digests, tuple(addresses), xml)


def _licence(raw: Mapping[str, object]) -> str | None:
    """The licence code; an article outside the open access subset may be mined, not reused."""
    code = raw.get("license_code")
    if isinstance(code, str) and code:
        return code
    return "TDM" if raw.get("is_pmc_openaccess") is False else None


def _true(value: object) -> bool:
    return value is True or str(value).lower() in ("true", "yes")


def _digest(address: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(address)
        md5 = parse_qs(parts.query).get("md5", [""])[0].lower()
    except ValueError:
        return None
    return (PurePosixPath(parts.path).name, md5) if _MD5.fullmatch(md5) else None


def record_of(root: Path, shard: str) -> Record | None:
    """The metadata record beside a document or in a folder `metadata`; None where there is none.

    Raises: InputError with metadata_unreadable.
    """
    folder = PurePosixPath(shard).parent
    name = f"{PurePosixPath(shard).stem}.json"
    for place in dict.fromkeys((folder, folder.parent / "metadata", PurePosixPath("metadata"))):
        path = root / place / name
        if path.is_file():
            return read_record(read_bytes(path, LARGEST_METADATA)[:LARGEST_METADATA])
    return None


# ---------------------------------------------------------------------------------------------- file lists


@dataclass(frozen=True, slots=True)
class FileList:
    """`oa_file_list.csv` and its relatives, packed: millions of articles in some 10 bytes each."""

    numbers: npt.NDArray[np.int64]
    """PMC ids as numbers, ascending."""
    entries: npt.NDArray[np.uint16]
    """Index into `kinds`."""
    kinds: tuple[tuple[str, bool], ...]
    """Licence code and retraction."""

    def of(self, pmcid: str | None) -> tuple[str, bool] | None:
        """Licence code and retraction of an article; None for an article that is not listed."""
        if pmcid is None or not len(self.numbers):
            return None
        number = int(pmcid.removeprefix("PMC"))
        at = int(np.searchsorted(self.numbers, number))
        if at == len(self.numbers) or self.numbers[at] != number:
            return None
        return self.kinds[self.entries[at]]


def listed(root: Path, pmcid: str | None) -> tuple[str, bool] | None:
    """What the file lists in a corpus say about an article."""
    for path in _lists(root, root.stat().st_mtime_ns):
        found = _file_list(path, path.stat().st_mtime_ns).of(pmcid)
        if found:
            return found
    return None


@lru_cache(maxsize=4)
def _lists(root: Path, _changed_ns: int) -> tuple[Path, ...]:
    return tuple(sorted({*root.glob("*file_list*.csv"), *root.glob("*filelist*.csv")}))


@lru_cache(maxsize=4)
def _file_list(path: Path, _changed_ns: int) -> FileList:
    kinds: dict[tuple[str, bool], int] = {}
    numbers: list[int] = []
    entries: list[int] = []
    for pmcid, kind in _rows(path):
        number, _ = parse_pmcid(pmcid)
        if number and len(kinds) < 2**16:
            numbers.append(int(number.removeprefix("PMC")))
            entries.append(kinds.setdefault(kind, len(kinds)))
    order = np.argsort(np.array(numbers, dtype=np.int64), kind="stable")
    return FileList(np.array(numbers, dtype=np.int64)[order], np.array(entries, dtype=np.uint16)[order], tuple(kinds))


def _rows(path: Path) -> Iterator[tuple[str, tuple[str, bool]]]:
    """PMC id, licence and retraction of each line; reading ends where the file is no CSV any more."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        lines = csv.reader(file)
        try:
            header = [name.strip().lower().replace(" ", "") for name in next(lines, [])]
            if "accessionid" not in header or "license" not in header:
                return
            at, licence = header.index("accessionid"), header.index("license")
            retracted = header.index("retracted") if "retracted" in header else None
            for line in lines:
                if len(line) > max(at, licence, retracted or 0):
                    yield line[at], (line[licence][:40], retracted is not None and _true(line[retracted]))
        except csv.Error:
            return
