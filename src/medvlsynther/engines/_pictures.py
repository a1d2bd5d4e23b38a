"""Images of requests as models in this process take them: decoded within limits."""

import threading

from PIL.Image import Image

from medvlsynther.errors import InputError, ReplyError
from medvlsynther.store.pixels import decode

_DECODING = threading.Lock()
"""The decoder changes which warnings are errors, and that holds for all threads."""


def picture(data: bytes) -> Image:
    """An image file, decoded to RGB at its own size.

    Raises: ReplyError image_unreadable, also for one that is too large.
    """
    try:
        with _DECODING:
            return decode(data)[0].convert("RGB")
    except InputError as error:
        raise ReplyError("image_unreadable", str(error)) from None
