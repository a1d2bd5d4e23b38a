"""Prints of images: everything that comparing needs, taken in one decoding.

A picture of at most 256 px goes into the store beside the hashes, so that later layers lay images over each other and
the report shows them without opening a set again.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from medvlsynther.audit.sets import Print
from medvlsynther.audit.views import Box, Part, cut, parts, small
from medvlsynther.errors import InputError
from medvlsynther.store.likeness import dhash, phash
from medvlsynther.store.pixels import decode

QUALITY = 92
"""Of the small pictures, as JPEG."""

PATCH_PX = 32
"""Side of what a part is hashed from: that of the perceptual hash itself."""

HEX = 16
"""Hex digits of a hash, and of a box."""

KINDS = {"whole": "w", "trimmed": "t", "crop": "c", "panel": "p", "cell": "q"}
"""Kind of part to its letter in `Print.parts`."""

NAMES = {letter: kind for kind, letter in KINDS.items()}

TURNS: tuple[Image.Transpose | None, ...] = (None, *Image.Transpose)
"""The eight orientations, upright first."""

_FAR = 0xFFFF


def printed(blank: Print, data: bytes, keep: Callable[[bytes], str]) -> Print:
    """The print of an image whose bytes are at hand; `keep` stores the small picture and gives its SHA-256.

    An image that cannot be decoded gives a print that says so.
    """
    digests = tuple(dict.fromkeys((hashlib.sha256(data).hexdigest(), *blank.digests)))
    try:
        image, _ = decode(data)
    except InputError as error:
        return blank.model_copy(update={"digests": digests, "fault": error.reason})
    head = f"{image.mode} {image.width} {image.height} ".encode()
    return blank.model_copy(
        update={
            "digests": digests,
            "pixels": hashlib.sha256(head + image.tobytes()).hexdigest(),
            **hashed(small(image), keep),
        }
    )


def hashed(grey: Image.Image, keep: Callable[[bytes], str]) -> dict[str, str]:
    """The fields of a print that are drawn from the small grey picture."""
    found = parts(grey)
    patches = [patch(cut(grey, part.box)) for part in found]
    turning = [patches[place] for place, part in enumerate(found) if part.kind in ("whole", "trimmed")]
    file = io.BytesIO()
    grey.save(file, "JPEG", quality=QUALITY)
    return {
        "small": keep(file.getvalue()),
        "parts": "".join(KINDS[part.kind] for part in found),
        "boxes": "".join(f"{round(edge * _FAR):04x}" for part in found for edge in part.box),
        "phashes": "".join(map(phash, patches)),
        "turned": "".join(phash(turned(picture, turn)) for picture in turning for turn in TURNS),
        "dhashes": "".join(dhash(turned(patches[0], turn)) for turn in TURNS),
    }


def patch(picture: Image.Image) -> Image.Image:
    """A part at the size at which it is hashed."""
    return picture.resize((PATCH_PX, PATCH_PX), Image.Resampling.LANCZOS)


def turned(picture: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    """A picture in one of the eight orientations."""
    return picture if turn is None else picture.transpose(turn)


def split_hex(text: str) -> list[str]:
    """The hashes or boxes of a print, one by one."""
    return [text[start : start + HEX] for start in range(0, len(text), HEX)]


def numbers(text: str) -> npt.NDArray[np.uint64]:
    """The hashes of a print as numbers."""
    return np.frombuffer(bytes.fromhex(text), dtype=">u8").astype(np.uint64)


def box_of(text: str) -> Box:
    """A box from its 16 hex digits."""
    left, top, right, bottom = (int(text[start : start + 4], 16) / _FAR for start in range(0, HEX, 4))
    return Box(left, top, right, bottom)


def parts_of(print_: Print) -> list[Part]:
    """The parts of a print."""
    return [Part(NAMES[letter], box_of(box)) for letter, box in zip(print_.parts, split_hex(print_.boxes))]


@dataclass(frozen=True)
class Query:
    """One hash of an image, and which part and orientation it is of."""

    hash: int
    part: int
    """Place in the print's parts."""
    turn: int
    """Place in TURNS."""


def queries(print_: Print) -> tuple[list[Query], list[Query]]:
    """What of an image is looked for among whole images, and what among parts of images.

    Every part is looked for among whole images, upright; whole and trimmed image in every orientation, and upright
    among all parts of others.
    """
    upright = [Query(int(text, 16), place, 0) for place, text in enumerate(split_hex(print_.phashes))]
    framed = [place for place, letter in enumerate(print_.parts) if letter in "wt"]
    turning = split_hex(print_.turned)
    oriented = [
        Query(int(turning[row * len(TURNS) + turn], 16), part, turn)
        for row, part in enumerate(framed)
        for turn in range(1, len(TURNS))
        if turning
    ]
    return upright + oriented, [upright[part] for part in framed]
