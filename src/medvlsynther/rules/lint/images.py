"""Images and licence: what the figure record says about them. Pixels are read where images are prepared."""

from collections.abc import Iterator
from typing import Literal

from medvlsynther.records import ImageRef
from medvlsynther.rules.lint._core import Hit, View, rule

_SIDES: tuple[tuple[int, Literal["error", "warn", "info"]], ...] = ((28, "error"), (224, "warn"), (336, "info"))
"""Least side in px that vision models take at all, that they were trained on at least, and that they prefer."""
_MOST_IMAGES = 6
_EXTREME_ASPECT = 5.0
_UNUSABLE = ("blank", "undecodable", "decode_failed", "missing", "unreadable")
"""Notes of the preparation that say that there is nothing to see; blank is a deviation of grey levels below 5."""


def _size(image: ImageRef) -> Iterator[Hit]:
    if image.width_px is None or image.height_px is None:
        return
    short, long = sorted((image.width_px, image.height_px))
    for side, severity in _SIDES:
        if short < side:
            yield Hit(f"{image.name[:60]}: {image.width_px} x {image.height_px} px", severity)
            break
    if short > 0 and long / short > _EXTREME_ASPECT:
        yield Hit(f"{image.name[:60]}: sides of {long} to {short} px", "warn")


@rule("IMG1", "error", always=True)
def image(view: View) -> Iterator[Hit]:
    """No image, more than 6, one that cannot be decoded, a blank one; least side below 28 px (error), 224 (warn) or
    336 (info); sides of more than 5 to 1 (warn). Sizes are judged once images are prepared.
    """
    images = view.figure.images
    if not 1 <= len(images) <= _MOST_IMAGES:
        yield Hit(f"{len(images)} images")
    for one in images:
        for note in one.notes:
            if note in _UNUSABLE:
                yield Hit(f"{one.name[:60]}: {note}")
        yield from _size(one)


@rule("LIC1", "error", always=True)
def licence(view: View) -> Iterator[Hit]:
    """The run's licence policy refuses the article (error) or holds it back (quarantine)."""
    judged = view.figure.article.licence
    if judged.standing != "allowed":
        yield Hit(f"{judged.code[:60]} {judged.standing}", "quarantine" if judged.standing == "quarantined" else None)
