"""Which items of a set repeat earlier ones: their images, their stems, themselves; and a cap per article.

An image is the same when its bytes are, or when its perceptual hash differs in few bits; a stem when its levelled words
are equal or nearly so, and differ by no number, side or opposite. "Which imaging modality is shown?" about another
image is another question: so texts are compared within one article, and across articles only where the stem says
enough to know its figure by. The first in input order stays.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from medvlsynther.records import Figure, Item
from medvlsynther.rules.lint._text import Text, marks, opposed

_HASH_BITS = 64
_HASH = re.compile(r"[0-9a-f]{16}", re.IGNORECASE)
_FLAT_BITS = 2
"""A perceptual hash with so few bits set (or unset) belongs to an image without structure, and tells nothing."""
_SPECIFIC_WORDS = 8
"""Content words from which on a stem is about one figure, wherever it stands."""


class ImageKey(NamedTuple):
    """What identifies an image."""

    sha256: str | None
    """Of its bytes, in hex."""
    phash: str | None
    """64-bit perceptual hash, 16 hex digits."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The little of an item that tells whether it repeats another."""

    item_id: str
    figure_id: str
    article_id: str
    images: tuple[ImageKey, ...]
    question: str
    options: tuple[str, ...]
    key: str
    """Text of the right option."""


def keys_of(item: Item, figure: Figure) -> Keys:
    """The keys of an item with its figure. Prepared bytes count, or the original ones before they are prepared."""
    images = tuple(ImageKey(image.sha256 or image.source_sha256, image.phash) for image in figure.images)
    return Keys(item.item_id, item.figure_id, figure.article.article_id, images, item.question, item.options, item.key)


class Duplicate(NamedTuple):
    """An item to drop."""

    item_id: str
    """The item."""
    reason: str
    """duplicate_image, duplicate_stem, duplicate_item or article_cap."""
    of: str
    """The kept item that it repeats; "" for the cap."""


def near_hashes(hashes: Sequence[int], bits: int) -> Iterator[tuple[int, int]]:
    """Places of every two of some distinct 64-bit hashes that differ in at most `bits` bits, each pair once.

    Of `bits` + 2 bands of a hash two at least are untouched: so hashes are sorted once for each two bands, and only
    those that agree in both are compared. Cost grows with n log n while few hashes share two bands by chance.
    """
    values = np.asarray(hashes, np.uint64)
    edges = np.linspace(0, _HASH_BITS, bits + 3).astype(int)
    masks = [sum(1 << bit for bit in range(low, high)) for low, high in pairwise(edges.tolist())]
    seen: set[tuple[int, int]] = set()
    for one, other in combinations(masks, 2):
        for pair in _pairs_in_bands(values, one | other, bits):
            if pair not in seen:
                seen.add(pair)
                yield pair


def _pairs_in_bands(values: NDArray[np.uint64], mask: int, bits: int) -> Iterator[tuple[int, int]]:
    bands = values & np.uint64(mask)
    order = np.argsort(bands, kind="stable")
    bands, ranked = bands[order], values[order]
    starts, shift = np.arange(len(values)), 1
    while starts.size:
        starts = starts[starts + shift < len(values)]
        starts = starts[bands[starts] == bands[starts + shift]]
        close = starts[np.bitwise_count(ranked[starts] ^ ranked[starts + shift]) <= bits]
        for start in close.tolist():
            low, high = sorted((int(order[start]), int(order[start + shift])))
            yield low, high
        shift += 1


def _parsed(phash: str | None) -> int | None:
    """The hash as a number; None for none, a malformed one, or one of an image without structure."""
    if phash is None or not _HASH.fullmatch(phash):
        return None
    value = int(phash, 16)
    return value if _FLAT_BITS < value.bit_count() < _HASH_BITS - _FLAT_BITS else None


class _Images:
    """Which images of a set are the same; an image is named by its bytes and by its hash."""

    def __init__(self, images: Iterable[ImageKey], bits: int) -> None:
        hashes = sorted({value for image in images if (value := _parsed(image.phash)) is not None})
        self.near: dict[int, list[int]] = {}
        for one, other in near_hashes(hashes, bits):
            self.near.setdefault(hashes[one], []).append(hashes[other])
            self.near.setdefault(hashes[other], []).append(hashes[one])
        self.owners: dict[str | int, list[str]] = {}
        """Figures kept so far, by sha256 and by hash."""

    def _names(self, image: ImageKey) -> Iterator[str | int]:
        if image.sha256:
            yield image.sha256
        value = _parsed(image.phash)
        if value is not None:
            yield value

    def keep(self, keys: Keys) -> None:
        """Remember the images of a figure of which an item is kept."""
        for image in keys.images:
            for name in self._names(image):
                self.owners.setdefault(name, []).append(keys.figure_id)

    def _alike(self, image: ImageKey) -> dict[str, None]:
        """Kept figures with an image like this one, earliest first for equal bytes."""
        names = list(self._names(image))
        near = [other for name in names if isinstance(name, int) for other in self.near.get(name, ())]
        return dict.fromkeys(figure for name in (*names, *near) for figure in self.owners.get(name, ()))

    def original(self, keys: Keys) -> str | None:
        """A kept figure that has every image of this one; None for no such figure, or no image."""
        candidates: dict[str, None] | None = None
        for image in keys.images:
            alike = self._alike(image)
            candidates = alike if candidates is None else {name: None for name in candidates if name in alike}
        return next(iter(candidates), None) if candidates else None


class _Asked(NamedTuple):
    """A question as compared: plain text only, because a set keeps many."""

    item_id: str
    stem: str
    """Levelled."""
    choice: str
    """Levelled options in alphabetical order, then the key."""
    places: tuple[tuple[str, ...], tuple[str, ...]]
    """Where an equal stem is a repetition: the same figure; the same article with the same key. Each with the marks of
    the stem, without which two stems are never the same."""


def _asked(row: Keys) -> _Asked:
    options = sorted(Text(option).shown for option in row.options)
    stem, key = Text(row.question), Text(row.key).shown
    marked = sorted(marks(stem))
    places = ("figure", row.figure_id, *marked), ("article", row.article_id, key, *marked)
    return _Asked(row.item_id, stem.shown, "\x1f".join((*options, key)), places)


class _Kept:
    """The items kept so far."""

    def __init__(self, images: _Images, likeness: float) -> None:
        self.images, self.likeness = images, likeness
        self.at: dict[tuple[str, ...], list[_Asked]] = {}
        """Kept questions by place."""
        self.stems: dict[tuple[str, ...], list[str]] = {}
        """Their stems, as the comparison takes them."""
        self.specific: dict[tuple[str, str], str] = {}
        """Kept items by stem and choice, where the stem is specific."""
        self.first_of: dict[str, str] = {}
        """First kept item of a figure."""
        self.counts: Counter[str] = Counter()
        """Kept items by article."""

    def repeats(self, row: Keys, new: _Asked) -> tuple[str, str] | None:
        """Reason and kept item, where the set holds this one."""
        original = None if row.figure_id in self.first_of else self.images.original(row)
        if original is not None:
            return "duplicate_image", self.first_of[original]
        if (new.stem, new.choice) in self.specific:
            return "duplicate_item", self.specific[new.stem, new.choice]
        alike = [old for place in new.places for old in self._alike(place, new.stem)]
        for old in alike:
            if old.choice == new.choice:
                return "duplicate_item", old.item_id
        return ("duplicate_stem", alike[0].item_id) if alike else None

    def _alike(self, place: tuple[str, ...], stem: str) -> Iterator[_Asked]:
        """Kept questions with the same stem in a place, first the earliest."""
        near = process.extract(
            stem,
            self.stems.get(place, ()),
            scorer=Levenshtein.normalized_similarity,
            score_cutoff=self.likeness,
            limit=None,
        )
        for at in sorted(at for _, _, at in near):
            old = self.at[place][at]
            if old.stem == stem or not opposed(Text(old.stem), Text(stem)):
                yield old

    def keep(self, row: Keys, new: _Asked) -> None:
        """Remember an item."""
        for place in new.places:
            self.at.setdefault(place, []).append(new)
            self.stems.setdefault(place, []).append(new.stem)
        if len(Text(new.stem).content) >= _SPECIFIC_WORDS:
            self.specific[new.stem, new.choice] = row.item_id
        if row.figure_id not in self.first_of:
            self.first_of[row.figure_id] = row.item_id
            self.images.keep(row)
        self.counts[row.article_id] += 1


def find_duplicates(
    keys: Iterable[Keys], *, article_cap: int | None = None, image_bits: int = 4, likeness: float = 0.9
) -> tuple[Duplicate, ...]:
    """The items to drop, in input order, each with its reason and the kept item that it repeats.

    duplicate_image: every image of its figure is that of another kept figure, by bytes or within `image_bits` bits.
    duplicate_item: stem (Levenshtein similarity of `likeness`, 0..1), options in any order and key are a kept one's,
    in one article; equal ones in any, where the stem has eight content words. duplicate_stem: the stem is a kept
    one's, about the same figure, or with the same key in the same article. article_cap: so many of it are kept.
    """
    rows = list(keys)
    kept = _Kept(_Images((image for row in rows for image in row.images), image_bits), likeness)
    dropped = []
    for row in rows:
        new = _asked(row)
        found = kept.repeats(row, new)
        if not found and article_cap is not None and kept.counts[row.article_id] >= article_cap:
            found = "article_cap", ""
        if found:
            dropped.append(Duplicate(row.item_id, *found))
        else:
            kept.keep(row, new)
    return tuple(dropped)
