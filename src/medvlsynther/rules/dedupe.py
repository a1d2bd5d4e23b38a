"""Which items of a set repeat earlier ones: their images, their stems, themselves; and a cap per article.

An image is the same when its bytes are, or when its perceptual hash differs in few bits; a stem when its levelled words
are equal or nearly so, and differ by no number, side or opposite. "Which imaging modality is shown?" about another
image is another question: so texts are compared within one article, and across articles only where the stem says
enough to know its figure by. The first in input order stays.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from medvlsynther.fingerprint import text_hash
from medvlsynther.records import Figure, Item
from medvlsynther.rules.lint._text import Text, marks, opposed

Hashes = NDArray[np.uint64]

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


class Memory(Protocol):
    """Lists of texts by key: what is remembered of kept items, in memory or on disk."""

    def add(self, key: str, value: str) -> None:
        """Append a text to the list of a key."""

    def of(self, key: str) -> Sequence[str]:
        """The list of a key in the order in which it grew; empty for one without."""


class Held:
    """Such lists in memory."""

    def __init__(self) -> None:
        self._lists: dict[str, list[str]] = {}

    def add(self, key: str, value: str) -> None:
        """Append a text to the list of a key."""
        self._lists.setdefault(key, []).append(value)

    def of(self, key: str) -> Sequence[str]:
        """The list of a key."""
        return self._lists.get(key, ())


# -------------------------------------------------------------------------------------------------- near hashes


def band_masks(bits: int) -> tuple[int, ...]:
    """Parts of a 64-bit hash, as masks, of which any two hashes that differ in at most `bits` bits share one.

    Of `bits` + 2 bands of a hash two at least are untouched, so the parts are all pairs of bands.
    """
    edges = np.linspace(0, _HASH_BITS, bits + 3).astype(int)
    bands = [sum(1 << bit for bit in range(low, high)) for low, high in pairwise(edges.tolist())]
    return tuple(one | other for one, other in combinations(bands, 2))


def near_in_part(values: Hashes, masks: Sequence[int], at: int, bits: int) -> Iterator[tuple[int, int]]:
    """Places of every two of some distinct hashes that agree in part `at` and in no earlier one, and differ in at most
    `bits` bits.

    Cost grows with n log n while few hashes share a part by chance.
    """
    parts = values & np.uint64(masks[at])
    order = np.argsort(parts, kind="stable")
    parts, ranked = parts[order], values[order]
    starts, shift = np.arange(len(values)), 1
    while starts.size:
        starts = starts[starts + shift < len(values)]
        starts = starts[parts[starts] == parts[starts + shift]]
        apart = ranked[starts] ^ ranked[starts + shift]
        found = np.bitwise_count(apart) <= bits
        for earlier in masks[:at]:
            found &= (apart & np.uint64(earlier)) != 0
        for start in starts[found].tolist():
            low, high = sorted((int(order[start]), int(order[start + shift])))
            yield low, high
        shift += 1


def near_hashes(hashes: Sequence[int], bits: int) -> Iterator[tuple[int, int]]:
    """Places of every two of some distinct 64-bit hashes that differ in at most `bits` bits, each pair once."""
    values, masks = np.asarray(hashes, np.uint64), band_masks(bits)
    for at in range(len(masks)):
        yield from near_in_part(values, masks, at, bits)


def hash_of(phash: str | None) -> int | None:
    """A perceptual hash as a number; None for none, a malformed one, or one of an image without structure."""
    if phash is None or not _HASH.fullmatch(phash):
        return None
    value = int(phash, 16)
    return value if _FLAT_BITS < value.bit_count() < _HASH_BITS - _FLAT_BITS else None


# -------------------------------------------------------------------------------------------------- what is kept


def _key(*parts: str) -> str:
    return "\x1f".join(parts)


def _hex(value: int) -> str:
    return f"{value:016x}"


class _Images:
    """Which images of a set are the same; an image is named by its bytes and by its hash."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def near(self, one: int, other: int) -> None:
        """Take two hashes for one."""
        self._memory.add(_key("near", _hex(one)), _hex(other))
        self._memory.add(_key("near", _hex(other)), _hex(one))

    def keep(self, keys: Keys) -> None:
        """Remember the images of a figure of which an item is kept."""
        for image in keys.images:
            for name in _names(image):
                self._memory.add(name, keys.figure_id)

    def _alike(self, image: ImageKey) -> dict[str, None]:
        """Kept figures with an image like this one, earliest first for equal bytes."""
        value = hash_of(image.phash)
        near = self._memory.of(_key("near", _hex(value))) if value is not None else ()
        names = (*_names(image), *(_key("hash", other) for other in near))
        return dict.fromkeys(figure for name in names for figure in self._memory.of(name))

    def original(self, keys: Keys) -> str | None:
        """A kept figure that has every image of this one; None for no such figure, or no image."""
        candidates: dict[str, None] | None = None
        for image in keys.images:
            alike = self._alike(image)
            candidates = alike if candidates is None else {name: None for name in candidates if name in alike}
            if not candidates:
                return None
        return next(iter(candidates), None) if candidates else None


def _names(image: ImageKey) -> Iterator[str]:
    if image.sha256:
        yield _key("bytes", image.sha256)
    value = hash_of(image.phash)
    if value is not None:
        yield _key("hash", _hex(value))


class _Asked(NamedTuple):
    """A question as it is compared and remembered."""

    item_id: str
    stem: str
    """Levelled."""
    choice: str
    """Hash of the levelled options in alphabetical order and the key."""


class Repeats:
    """The items kept so far, in lists that may lie on disk, and whether another one repeats them.

    `article_cap` items of one article stay; stems are the same from a Levenshtein similarity of `likeness`, 0..1.
    """

    def __init__(self, memory: Memory, *, article_cap: int | None = None, likeness: float = 0.9) -> None:
        self._memory, self._cap, self._likeness = memory, article_cap, likeness
        self._images = _Images(memory)

    def near(self, one: int, other: int) -> None:
        """Take two perceptual hashes for one; to be said before the first item."""
        self._images.near(one, other)

    def judged(self, row: Keys) -> Duplicate | None:
        """Why an item leaves; None for one that stays, and is remembered."""
        stem = Text(row.question)
        options = sorted(Text(option).shown for option in row.options)
        key = Text(row.key).shown
        new = _Asked(row.item_id, stem.shown, text_hash("\x1f".join((*options, key)))[:32])
        marked = sorted(marks(stem))
        # Where an equal stem is a repetition: the same figure; the same article with the same key. Each with the marks
        # of the stem, without which two stems are never the same.
        places = _key("figure", row.figure_id, *marked), _key("article", row.article_id, key, *marked)
        same = _key("same", new.stem, new.choice) if len(Text(new.stem).content) >= _SPECIFIC_WORDS else None
        found = self._repeated(row, new, places, same)
        if not found and self._cap is not None and len(self._memory.of(_key("of", row.article_id))) >= self._cap:
            found = "article_cap", ""
        if found:
            return Duplicate(row.item_id, *found)
        self._keep(row, new, places, same)
        return None

    def _repeated(self, row: Keys, new: _Asked, places: Sequence[str], same: str | None) -> tuple[str, str] | None:
        """Reason and kept item, where the set holds this one."""
        original = None if self._first(row.figure_id) else self._images.original(row)
        if original is not None:
            return "duplicate_image", self._first(original)[0]
        if same and (kept := self._memory.of(same)):
            return "duplicate_item", kept[0]
        alike = [old for place in places for old in self._alike(place, new.stem)]
        for old in alike:
            if old.choice == new.choice:
                return "duplicate_item", old.item_id
        return ("duplicate_stem", alike[0].item_id) if alike else None

    def _first(self, figure_id: str) -> Sequence[str]:
        """The first kept item of a figure, alone in a list; none where none is kept."""
        return self._memory.of(_key("first", figure_id))

    def _alike(self, place: str, stem: str) -> Iterator[_Asked]:
        """Kept questions with the same stem in a place, first the earliest."""
        kept = [_Asked(*json.loads(text)) for text in self._memory.of(place)]
        near = process.extract(
            stem,
            [old.stem for old in kept],
            scorer=Levenshtein.normalized_similarity,
            score_cutoff=self._likeness,
            limit=None,
        )
        for at in sorted(at for _, _, at in near):
            old = kept[at]
            if old.stem == stem or not opposed(Text(old.stem), Text(stem)):
                yield old

    def _keep(self, row: Keys, new: _Asked, places: Sequence[str], same: str | None) -> None:
        """Remember an item."""
        for place in places:
            self._memory.add(place, json.dumps(new))
        if same:
            self._memory.add(same, row.item_id)
        if not self._first(row.figure_id):
            self._memory.add(_key("first", row.figure_id), row.item_id)
            self._images.keep(row)
        if self._cap is not None:
            self._memory.add(_key("of", row.article_id), "")


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
    repeats = Repeats(Held(), article_cap=article_cap, likeness=likeness)
    found = {hash_of(image.phash) for row in rows for image in row.images}
    hashes = sorted(value for value in found if value is not None)
    for one, other in near_hashes(hashes, image_bits):
        repeats.near(hashes[one], hashes[other])
    return tuple(duplicate for row in rows if (duplicate := repeats.judged(row)))
