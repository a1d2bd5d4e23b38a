"""Which figures are taken: evenly over categories, by the number of images, the same under any order of reading.

A figure's rank is a keyed hash of the seed and its id, and each cell (category and number of images) takes its
lowest ranks. So neither workers, shards nor the order of files reach the choice, and only candidates that can still
be chosen are held, not all that were scanned.

Source: the quotas are those of the published system (24 categories evenly, 1..6 images at 90/2/2/2/2/2 %), rounded as
its curation script rounds them; its choice itself could not be reproduced, since it followed the order of completion.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

from medvlsynther.fingerprint import draw

PUBLISHED_SHARES: Mapping[int, float] = MappingProxyType({1: 0.90, 2: 0.02, 3: 0.02, 4: 0.02, 5: 0.02, 6: 0.02})
"""Share of figures by their number of images."""

Fill = Literal["redistribute", "short"]
"""What happens when a cell runs short: others take over its places, or the total stays short as published."""

_SPARE = 16
"""Candidates held beyond a cell's need where an article's cap may turn some away."""


class Key(NamedTuple):
    """What decides whether a figure is taken."""

    figure_id: str
    """The figure; a second key with the same id changes nothing."""
    article_id: str
    """Its article, for the cap."""
    category: str
    """Its kind of image."""
    images: int
    """How many images it has."""


class Cell(NamedTuple):
    """What a pair of category and number of images was to give, and gave."""

    category: str
    images: int
    wanted: int
    chosen: int


@dataclass(frozen=True)
class Chosen:
    """The figures that are taken, and why the others are not."""

    figure_ids: frozenset[str]
    """The figures taken."""
    cells: tuple[Cell, ...]
    """Every cell in the order of the quotas: what was wanted of it and what it gave."""
    categories: frozenset[str]
    """Categories that have a quota."""
    full_articles: frozenset[str]
    """Articles that gave as many figures as one may."""

    def __contains__(self, figure_id: str) -> bool:
        return figure_id in self.figure_ids

    def refusal(self, key: Key) -> str | None:
        """Why a figure is not taken, as a counted code; None for one that is.

        `no_category` (none with a quota), `image_count` (none, or more than any quota), `article_cap`, `over_quota`.
        """
        if key.figure_id in self.figure_ids:
            return None
        if key.category not in self.categories:
            return "no_category"
        if key.images not in PUBLISHED_SHARES:
            return "image_count"
        return "article_cap" if key.article_id in self.full_articles else "over_quota"


def choose(
    keys: Iterable[Key],
    total: int,
    seed: int,
    fill: Fill = "redistribute",
    cap: int | None = None,
    *,
    categories: Sequence[str] | None = None,
) -> Chosen:
    """The figures that fill `total` places, at most `cap` of one article.

    `categories` share the total evenly, the first ones taking what does not divide; without them, those that occur do,
    in alphabetical order. Holds a small multiple of `total` keys, however many are given.

    A cell may stay short of its quota under a cap where more than its need again and 16 of its best candidates belong
    to articles whose cap other cells spent.
    """
    pool = _Pool(total, fill, cap, categories)
    for key in keys:
        if key.images in PUBLISHED_SHARES and (categories is None or key.category in pool.cells_of):
            pool.add(draw(seed, key.figure_id), key)
    return _Drawing(pool).run()


def even(total: int, names: Sequence[str]) -> dict[str, int]:
    """`total` places shared evenly; the first names take what does not divide."""
    share, rest = divmod(total, len(names)) if names else (0, 0)
    return {name: share + (place < rest) for place, name in enumerate(names)}


def by_images(total: int) -> dict[int, int]:
    """The places of one category by number of images; what rounding adds or takes away falls to single images."""
    places = {images: round(total * share) for images, share in PUBLISHED_SHARES.items()}
    places[1] = max(0, places[1] + total - sum(places.values()))
    return places


class _Ranked(NamedTuple):
    rank: int
    key: Key


@dataclass
class _Cell:
    """Candidates of one category and number of images, at most `cap` of an article, thinned to the lowest ranks.

    Thinning loses nothing that could be chosen: an article's surplus only ever makes room for lower ranks.
    """

    cap: int | None
    ranks: dict[str, _Ranked] = field(default_factory=dict)
    by_article: dict[str, list[_Ranked]] = field(default_factory=dict)

    def add(self, new: _Ranked) -> None:
        if new.key.figure_id in self.ranks:
            return
        self.ranks[new.key.figure_id] = new
        if self.cap is not None:
            kin = self.by_article.setdefault(new.key.article_id, [])
            kin.append(new)
            if len(kin) > self.cap:
                kin.sort()
                del self.ranks[kin.pop().key.figure_id]

    def thin(self, need: int) -> None:
        if self.cap is not None:
            need += need + _SPARE
        if len(self.ranks) <= need:
            return
        kept = sorted(self.ranks.values())[:need]
        self.ranks.clear()
        self.by_article.clear()
        for ranked in kept:
            self.add(ranked)


class _Pool:
    """All cells; thinned whenever it has doubled."""

    def __init__(self, total: int, fill: Fill, cap: int | None, categories: Sequence[str] | None) -> None:
        self.total, self.fill, self.cap = total, fill, cap
        self.cells_of: dict[str, dict[int, _Cell]] = {}
        self.given = tuple(dict.fromkeys(categories)) if categories is not None else None
        for name in self.given or ():
            self._open(name)
        self._held, self._bound = 0, 0
        self._thin()

    @property
    def categories(self) -> tuple[str, ...]:
        return self.given if self.given is not None else tuple(sorted(self.cells_of))

    def _open(self, category: str) -> dict[int, _Cell]:
        return self.cells_of.setdefault(category, {images: _Cell(self.cap) for images in PUBLISHED_SHARES})

    def add(self, rank: int, key: Key) -> None:
        self._open(key.category)[key.images].add(_Ranked(rank, key))
        self._held += 1
        if self._held > self._bound:
            self._thin()

    def _thin(self) -> None:
        level = self._level()
        quotas = even(self.total, self.categories)
        for category, cells in self.cells_of.items():
            # By category, not by cell: rounding may give single images more places in a smaller total.
            need = quotas[category] if self.fill == "short" else level
            for cell in cells.values():
                cell.thin(need)
        self._held = sum(len(cell.ranks) for cells in self.cells_of.values() for cell in cells.values())
        self._bound = 2 * self._held + 1024

    def _level(self) -> int:
        """The most that one category may have to give, as far as the candidates seen so far tell."""
        sizes = sorted(sum(len(cell.ranks) for cell in cells.values()) for cells in self.cells_of.values())
        level, rest = 0, self.total
        for place, size in enumerate(sizes):
            left = len(sizes) - place
            if (size - level) * left >= rest:
                return level - (-rest // left)
            rest -= (size - level) * left
            level = size
        return self.total


class _Drawing:
    """Places given out: first as quotas say, then, if asked to, what is left over evenly to those that have more."""

    def __init__(self, pool: _Pool) -> None:
        self.pool = pool
        self.waiting: dict[str, dict[int, Iterator[_Ranked]]] = {
            category: {images: iter(sorted(cell.ranks.values())) for images, cell in pool.cells_of[category].items()}
            for category in pool.categories
        }
        self.taken: set[str] = set()
        self.of_article: Counter[str] = Counter()
        self.of_cell: Counter[tuple[str, int]] = Counter()

    def run(self) -> Chosen:
        open_ = list(self.pool.categories)
        while open_ and len(self.taken) < self.pool.total:
            shares = even(self.pool.total - len(self.taken), open_)
            open_ = [category for category in open_ if self._take(category, shares[category])]
            if self.pool.fill == "short":
                break
        quotas = even(self.pool.total, self.pool.categories)
        return Chosen(
            figure_ids=frozenset(self.taken),
            cells=tuple(
                Cell(category, images, wanted, self.of_cell[category, images])
                for category in self.pool.categories
                for images, wanted in by_images(quotas[category]).items()
            ),
            categories=frozenset(self.pool.categories),
            full_articles=frozenset(name for name, count in self.of_article.items() if count == self.pool.cap),
        )

    def _take(self, category: str, places: int) -> bool:
        """Fill places of one category; False when it has nothing more to give."""
        missing = sum(self._draw(category, images, wanted) for images, wanted in by_images(places).items())
        if self.pool.fill == "redistribute":
            for images in PUBLISHED_SHARES:
                missing = self._draw(category, images, missing)
        return missing == 0

    def _draw(self, category: str, images: int, wanted: int) -> int:
        """Take the lowest ranks of a cell; the number of places that stayed empty."""
        while wanted and (ranked := next(self.waiting[category][images], None)):
            key = ranked.key
            if key.figure_id in self.taken or self.of_article[key.article_id] == self.pool.cap:
                continue
            self.taken.add(key.figure_id)
            self.of_article[key.article_id] += 1
            self.of_cell[category, images] += 1
            wanted -= 1
        return wanted
