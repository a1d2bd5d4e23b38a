"""Which items of a large set are probed: whole articles, drawn by the seed and their names, in any order of reading."""

from collections.abc import Callable, Iterable

from medvlsynther.fingerprint import draw
from medvlsynther.rules.ranks import Ranked, lowest

MOST_ITEMS = 20_000
"""Items that probes learn from and are scored on. The interval of an accuracy is then below a point wide, and memory is
bounded."""


class Sample:
    """`most` items, those of one article together; of the article that is drawn last some only."""

    def __init__(self, read: Callable[[], Iterable[tuple[str, str]]], seed: int, most: int = MOST_ITEMS) -> None:
        """`read` gives article and item of all items, anew at each call."""
        self._seed = seed
        self._cut = lowest(
            lambda: (("", self._ranked(article, item)) for article, item in read()),
            lambda sizes: {group: min(most, size) for group, size in sizes.items()},
            bits=128,
        )

    def takes(self, article_id: str, item_id: str) -> bool:
        """Whether an item was drawn."""
        return self._cut.takes("", self._ranked(article_id, item_id))

    def _ranked(self, article_id: str, item_id: str) -> Ranked:
        rank = draw(self._seed, "sample", article_id) << 64 | draw(self._seed, "sample", item_id)
        return Ranked(rank, item_id)
