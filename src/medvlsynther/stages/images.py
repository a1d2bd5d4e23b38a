"""Images made ready: decoded within limits, turned into RGB of bounded size, hashed, and stored once."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from medvlsynther.context import MAX_IMAGE_BYTES, Context
from medvlsynther.errors import InputError
from medvlsynther.records import Figure, ImageRef, Record, Reject
from medvlsynther.store.corpus import open_member
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store
from medvlsynther.store.pixels import prepare
from medvlsynther.store.table import Table

VERSION = 1
SHARES = True


class Policy(Record):
    """How images are made ready."""

    long_side_px: int
    """Longest side after resizing; images are never enlarged by this bound."""
    min_side_px: int
    """Sides below this are small."""
    small: Literal["reject", "keep", "upscale"]
    """What happens to a small image."""


def run(
    ctx: Context,
    figures: Table[Figure],
    *,
    long_side_px: int = 1024,
    min_side_px: int = 28,
    small: Literal["reject", "keep", "upscale"] = "reject",
) -> Iterator[Figure]:
    """Figures whose images all lie in the store, with their sizes and hashes.

    A figure with one image that cannot be used is rejected whole, because its caption speaks of all of them.
    Source: the published converter bounds the long side to 384 px. Rejects: image_missing, image_corrupt,
    image_bomb, image_too_large, image_too_small, lfs_pointer, …
    """
    policy = Policy(long_side_px=long_side_px, min_side_px=min_side_px, small=small)
    for found in ctx.map(partial(_made_ready, ctx.store.root, policy), figures):
        if isinstance(found, Reject):
            ctx.reject(found.id, found.reason, found.detail)
        else:
            yield found


def _made_ready(root: Path, policy: Policy, figure: Figure) -> Iterable[Figure | Reject]:
    """One figure, in whichever process."""
    try:
        images = tuple(_one(Store(root), policy, image) for image in figure.images)
    except InputError as error:
        return [Reject(id=figure.figure_id, reason=error.reason, detail=error.detail)]
    return [figure.model_copy(update={"images": images})]


def _one(store: Store, policy: Policy, image: ImageRef) -> ImageRef:
    data = open_member(store.corpus_path(image.corpus), image.member, MAX_IMAGE_BYTES)
    made = prepare(data, long_side_px=policy.long_side_px, min_side_px=policy.min_side_px, small=policy.small)
    return image.model_copy(
        update={
            "sha256": ImageStore(store.images).put(made.data, ".png"),
            "source_sha256": made.source_sha256,
            "pixels_sha256": made.pixels_sha256,
            "width_px": made.width_px,
            "height_px": made.height_px,
            "phash": made.phash,
            "dhash": made.dhash,
            "notes": made.notes,
        }
    )
