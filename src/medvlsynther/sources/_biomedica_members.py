"""The members of a BIOMEDICA archive, brought together by record: an image, its JSON and its caption share a stem.

WebDataset cuts names at their first dot, which falls into the stems of some publishers; here it is the last one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from medvlsynther.store.tar import Damage, Member, Tar

JSON_LIMIT_BYTES = 32 << 20
"""Largest JSON that is parsed: each holds its article's full text, which stays far below."""

_HEAD_BYTES = 2048
"""The labels stand among the first fields of a record."""

IMAGES: Final = frozenset(("jpg", "jpeg", "png", "webp", "tif", "tiff", "gif", "bmp"))
"""Suffixes of images."""

_PARTS: Final = {"json": "json", "txt": "text"} | dict.fromkeys(IMAGES, "image")
"""Suffix to what a member is of its record."""


@dataclass(slots=True)
class Sample:
    """The members of one record."""

    stem: str
    image: Member | None = None
    json: Member | None = None
    text: Member | None = None
    head: bytes = b""
    """The beginning of the JSON, read in passing."""

    def take(self, member: Member, part: str) -> bool:
        """Whether the member found its place: the part `image`, `json` or `text`, where none is yet."""
        if part == "json":
            free, self.json = self.json is None, self.json or member
        elif part == "text":
            free, self.text = self.text is None, self.text or member
        else:
            free, self.image = self.image is None, self.image or member
        return free


def samples(archive: Tar) -> Iterator[Sample | Member | Damage]:
    """Records in the archive's order; a member that is no part of any by itself, and damage, where they stand.

    Members of a record follow each other; those that do not are joined, and come at the end if they stay incomplete.
    """
    parted: dict[str, Sample] = {}
    joined: set[str] = set()
    sample = Sample("")
    for entry in archive.members():
        if isinstance(entry, Damage):
            yield entry
            continue
        stem, _, suffix = entry.name.rpartition(".")
        part = _PARTS.get(suffix) or _PARTS.get(suffix.lower())
        if part is None:
            yield entry
            continue
        if stem != sample.stem:
            if part == "text" and stem in joined:
                continue  # the caption of a record that went on without it
            if sample.image and sample.json:
                yield sample
            else:
                yield from _whole(sample, parted)
            sample = Sample(stem)
            if stem in parted:
                joined.add(stem)
                sample = parted.pop(stem)
        if not sample.take(entry, part):
            yield from _whole(sample, parted)
            sample = Sample(stem)
            sample.take(entry, part)
        if part == "json":
            sample.head = archive.read(entry.offset, min(entry.size, _HEAD_BYTES))
    yield from _whole(sample, parted)
    yield from parted.values()


def _whole(sample: Sample, parted: dict[str, Sample]) -> Iterator[Sample]:
    """A complete record; an incomplete one waits."""
    if sample.image and sample.json:
        yield sample
    elif sample.stem or sample.image or sample.json or sample.text:
        if sample.stem in parted:
            yield parted.pop(sample.stem)
        parted[sample.stem] = sample
