"""From what an article calls an image to the file that holds it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

_IMAGE = re.compile(r"\.(jpe?g|png|webp|tiff?|bmp|gif)(?:_[a-z]+)?$")
"""Endings of files that can be decoded; PLOS adds a size, as in ".PNG_L"."""
_DRAWING = re.compile(r"\.(eps|pdf|svg|ai|emf|wmf|pptx?|psd)$")
"""Endings that an article may name although the package holds a picture under the same stem."""
_PREFERENCE = ("jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp", "gif")
THUMBNAIL = re.compile(r"thumb|(?:^|[-_])\d{2,3}x\d{2,3}(?:$|[-_.])", re.IGNORECASE)
"""Marks of a small copy in a name or a content type, e.g. "scielo-267x140"."""


@dataclass(frozen=True, slots=True)
class File:
    """One file beside an article."""

    name: str
    """File name without folders."""
    member: str
    """Place in the corpus."""


class Media:
    """The image files beside an article, by whatever name the article calls them."""

    def __init__(self, files: Iterable[File]) -> None:
        self._by_name: dict[str, File] = {}
        self._by_stem: dict[str, list[File]] = {}
        for file in files:
            key = _key(file.name)
            if _IMAGE.search(key):
                self._by_name.setdefault(key, file)
                self._by_stem.setdefault(_stem(key), []).append(file)

    def find(self, href: str) -> File | None:
        """The best file for an address: its own name, else the same stem with another ending.

        A GIF that the address does not name is a thumbnail of the legacy packages and is not taken.
        """
        for key in _keys(href):
            file = self._by_name.get(key) or self._same_stem(key)
            if file and not THUMBNAIL.search(file.name):
                return file
        return None

    def _same_stem(self, key: str) -> File | None:
        candidates = [file for file in self._by_stem.get(_stem(key), ()) if _rank(file.name) < _rank(".gif")]
        return min(candidates, key=lambda file: (_rank(file.name), file.name), default=None)

    def only_thumbnail(self, href: str) -> bool:
        """Whether nothing but a thumbnail is there for an address."""
        return self.find(href) is None and any(_stem(key) in self._by_stem for key in _keys(href))


def is_image(name: str) -> bool:
    """Whether a file's name ends as an image's does."""
    return bool(_IMAGE.search(name.lower()))


def _keys(href: str) -> Iterator[str]:
    """The names that an address may have among the files: its last part, with and without the publisher's prefix."""
    address = href.partition("?")[0].partition("#")[0] if "://" in href else href
    name = address.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if not name:
        return
    yield _key(name)
    bare = _key(name).removeprefix("journal.")
    if bare != _key(name):
        yield bare
    else:
        yield f"journal.{bare}"


def _key(name: str) -> str:
    return re.sub(r"[\s_]+", "_", unquote(name)).lower()


def _stem(key: str) -> str:
    """A name without its ending; dots that belong to the name stay."""
    return _DRAWING.sub("", _IMAGE.sub("", key))


def _rank(name: str) -> int:
    found = _IMAGE.search(name.lower())
    return _PREFERENCE.index(found[1]) if found else len(_PREFERENCE)
