"""Images of requests: their files, and as models in this process take them, decoded within limits."""

import threading

from PIL.Image import Image

from medvlsynther.engines.base import Bytes
from medvlsynther.errors import InputError, MissingInput, ReplyError
from medvlsynther.store.pixels import decode

_DECODING = threading.Lock()
"""The decoder changes which warnings are errors, and that holds for all threads."""


def file_of(sha256: str | None, images: Bytes) -> bytes:
    """The bytes of an image that a request names.

    Raises: ReplyError image_missing, also for an image that was not prepared.
    """
    try:
        return images(sha256 or "")
    except (InputError, MissingInput, OSError) as error:
        raise ReplyError("image_missing", str(error)) from None


def picture(data: bytes) -> Image:
    """An image file, decoded to RGB at its own size.

    Raises: ReplyError image_unreadable, also for one that is too large.
    """
    try:
        with _DECODING:
            return decode(data)[0].convert("RGB")
    except InputError as error:
        raise ReplyError("image_unreadable", str(error)) from None
