"""The figures of published artefacts, their images in the store."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from medvlsynther.context import Context
from medvlsynther.errors import InputError
from medvlsynther.records import Figure, ImageRef, Reject
from medvlsynther.sources._released import Entry, entries
from medvlsynther.sources._released_records import UNKNOWN, figure_of
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store
from medvlsynther.store.pixels import prepare

VERSION = 1
RECORD_WISE = False
SHARES = True


def run(
    ctx: Context,
    *,
    path: Corpus,
    licence: str = UNKNOWN,
    long_side_px: int = 1024,
    without_images: bool = False,
) -> Iterator[Figure]:
    """A figure for each published row, in the order of files and rows; rows about one figure share it.

    `licence` is the SPDX identifier that holds for rows that state none. `without_images` keeps rows whose images lie
    elsewhere, for lint and probes.

    Rejects: image_missing, what reading an image can find wrong (image_corrupt, image_bomb, …), and what
    `entries` cannot read (bad_json, conflicting_line, parquet_unreadable, unknown_columns, …).
    """
    make = partial(_figure, ctx.store.root, licence, long_side_px, without_images)
    for found in ctx.map(make, _fresh(path.path)):
        if isinstance(found, Reject):
            ctx.reject(found.id, found.reason, found.detail)
        else:
            yield found


def _fresh(root: Path) -> Iterator[Entry | Reject]:
    """Entries whose figure was not told before."""
    return (found for found in entries(root) if isinstance(found, Reject) or not found.repeats)


def _figure(
    root: Path, licence: str, long_side_px: int, without_images: bool, found: Entry | Reject
) -> Iterator[Figure | Reject]:
    """One figure, in whichever process."""
    if isinstance(found, Reject):
        yield found
        return
    try:
        images = tuple(_stored(Store(root), long_side_px, name, data) for name, data in found.images if data)
        if not without_images and (len(images) < len(found.images) or not images):
            raise InputError("image_missing", f"{len(images)} of {len(found.images)} images")
        yield figure_of(found, images, licence)
    except InputError as error:
        yield Reject(id=found.figure_id, reason=error.reason, detail=error.detail)


def _stored(store: Store, long_side_px: int, name: str, data: bytes) -> ImageRef:
    made = prepare(data, long_side_px=long_side_px, min_side_px=1, small="keep")
    return ImageRef(
        name=name,
        sha256=ImageStore(store.images).put(made.data, ".png"),
        source_sha256=made.source_sha256,
        width_px=made.width_px,
        height_px=made.height_px,
        phash=made.phash,
        dhash=made.dhash,
        notes=made.notes,
    )
