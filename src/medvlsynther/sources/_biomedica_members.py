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


@dataclass(slots=True)
class Sample:
    """The members of one record."""

    stem: str
    image: Member | None = None
    json: Member | None = None
    text: Member | None = None
    head: bytes = b""
    """The beginning of the JSON, read in passing."""

    def take(self, member: Member, suffix: str) -> bool:
        """Whether the member found its place."""
        if suffix == "json" and self.json is None:
            self.json = member
        elif suffix == "txt" and self.text is None:
            self.text = member
        elif suffix in IMAGES and self.image is None:
            self.image = member
        else:
            return False
        return True


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
        suffix = suffix.lower()
        if suffix not in ("json", "txt") and suffix not in IMAGES:
            yield entry
            continue
        if stem != sample.stem:
            if suffix == "txt" and stem in joined:
                continue  # the caption of a record that went on without it
            yield from _whole(sample, parted)
            sample = Sample(stem)
            if stem in parted:
                joined.add(stem)
                sample = parted.pop(stem)
        if not sample.take(entry, suffix):
            yield from _whole(sample, parted)
            sample = Sample(stem)
            sample.take(entry, suffix)
        if sample.json is entry:
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
