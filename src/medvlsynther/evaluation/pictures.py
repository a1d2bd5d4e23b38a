"""Images of questions made ready for a model, at the size in which benchmarks show them."""

from typing import Literal

from medvlsynther.records import ImageRef
from medvlsynther.store.images import ImageStore
from medvlsynther.store.pixels import prepare

LEAST_SIDE_PX = 28
"""Below it, vision models with patches of 14 px, merged two by two, have nothing to look at."""

LONG_SIDE_PX = 3584
"""What Qwen2.5-VL takes at most: 16,384 squares of 28 px."""


def stored(
    image: ImageRef,
    data: bytes,
    store: ImageStore,
    *,
    long_side_px: int = LONG_SIDE_PX,
    small: Literal["upscale", "reject"] = "upscale",
) -> ImageRef:
    """The image in the store, as RGB within bounds; a small one is enlarged, and its notes say so.

    Raises: InputError (image_corrupt, image_bomb, image_too_small where small ones are rejected, …).
    """
    made = prepare(data, long_side_px=long_side_px, min_side_px=LEAST_SIDE_PX, small=small)
    return image.model_copy(
        update={
            "sha256": store.put(made.data),
            "source_sha256": made.source_sha256,
            "width_px": made.width_px,
            "height_px": made.height_px,
            "notes": made.notes,
        }
    )
