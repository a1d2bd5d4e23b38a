"""Layer 5: the same words, whatever case, punctuation, option order or numbers; and what an embedder finds alike."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from medvlsynther.audit.encoders import texts_encoder
from medvlsynther.audit.neighbours import Vectors, nearest
from medvlsynther.audit.sets import Comparison, Exhibit, Side, comparisons, sides
from medvlsynther.audit.texts import Alike, Known, Rules, alike, known
from medvlsynther.audit.weights import Weights
from medvlsynther.context import Context
from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.pairs import spread
from medvlsynther.store.table import Table

VERSION = 2
RECORD_WISE = False

DEFAULT = Rules()


def run(
    ctx: Context,
    exhibits: Table[Exhibit],
    overlaps: Table[Overlap] | None,
    *,
    rules: Rules = DEFAULT,
    embedder: Weights | None = None,
    neighbours: int = 3,
    least_cosine: float = 0.85,
) -> Iterator[Overlap]:
    """The pairs found so far, and every pair of items whose texts are equal or alike.

    With `embedder` (a folder of sentence-transformers), also the `neighbours` nearest train items of each test item:
    a ranking for the judge and for people. An item without any words is counted as not checked (no_text),
    and so is one whose words are hidden in a manifest where an embedder would need them (not_embedded).

    Raises: MissingExtra, MissingInput for an embedder that is not there.
    """
    embed = _embedding(embedder) if embedder else None
    yield from overlaps or ()
    found = sides(exhibits, known)
    for side in found:
        for item in side.items:
            if not item.views and not item.marks:
                ctx.reject(item.item_id, "no_text", side.name)
            elif embed and not item.views:
                ctx.reject(item.item_id, "not_embedded", side.name)
    for comparison in comparisons(found):
        for one in alike(comparison.left.items, comparison.right.items, rules):
            yield from _rows(comparison, one)
        if embed:
            for near in _embedded(comparison, embed, neighbours, least_cosine):
                yield from _rows(comparison, near)


def _rows(comparison: Comparison[Known], found: Alike) -> Iterator[Overlap]:
    for train_id, test_id in spread(found.left, found.right):
        if comparison.same_set and train_id >= test_id:
            continue
        yield Overlap(
            train_set=comparison.left.name,
            train_id=train_id,
            test_set=comparison.right.name,
            test_id=test_id,
            layer="text",
            measure=found.measure,
            score=round(found.score, 4),
            evidence=found.evidence,
        )


class _Embedded(NamedTuple):
    """The items of a set that have words, and a vector each."""

    ids: list[str]
    vectors: Vectors
    by: str
    """Which weights."""


def _embedding(weights: Weights) -> Callable[[Side[Known]], _Embedded]:
    """What makes vectors of a set's items; the network is loaded once, and each set encoded once."""
    encode = texts_encoder(weights)
    seen: dict[str, _Embedded] = {}

    def embed(side: Side[Known]) -> _Embedded:
        if side.name not in seen:
            items = [item for item in side.items if item.views]
            seen[side.name] = _Embedded(
                [item.item_id for item in items],
                encode([_words(item) for item in items]),
                f"{weights.name}, weights {weights.digest[:16]}",
            )
        return seen[side.name]

    return embed


def _words(item: Known) -> str:
    return next(view.text for view in item.views if view.name in ("item", "stem", "key"))


def _embedded(
    comparison: Comparison[Known], embed: Callable[[Side[Known]], _Embedded], count: int, least: float
) -> Iterator[Alike]:
    left, right = embed(comparison.left), embed(comparison.right)
    if left.ids and right.ids:
        # In a set with itself, an item is its own nearest.
        for near in nearest(left.vectors, right.vectors, count + comparison.same_set, least):
            yield Alike([left.ids[near.left]], [right.ids[near.right]], "embedding:item", near.cosine, left.by)
