"""Layer 5: the same words, whatever case, punctuation, option order or numbers; and what an embedder finds alike."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple, Never

from medvlsynther.audit.encoders import texts_encoder
from medvlsynther.audit.neighbours import Vectors, nearest
from medvlsynther.audit.sets import Comparison, Exhibit, comparisons, outlines
from medvlsynther.audit.texts import Alike, Blocks, Known, Rules, alike
from medvlsynther.audit.weights import Weights
from medvlsynther.context import Context
from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.join import near_pairs
from medvlsynther.rules.overlap.likely import Likely
from medvlsynther.rules.overlap.pairs import spread
from medvlsynther.store.table import Table

VERSION = 3
RECORD_WISE = False

DEFAULT = Rules()

BLOCK = 1 << 15
"""Items of a set whose texts are held together."""

MOST_PAIRS = 10**10
"""Pairs of items beyond which nearly equal texts are proposed by sketches: comparing each pair would take an hour."""


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
    and so is one whose words are hidden in a manifest where an embedder would need them (not_embedded). Beyond 10^10
    pairs of items sketches propose which texts are nearly equal; the share of pairs that they find is measured and
    stands beside the sets' names (near_by_sketches).

    Raises: MissingExtra, MissingInput for an embedder that is not there.
    """
    yield from overlaps or ()
    found, sizes = outlines(exhibits)
    sets = {side.name: Blocks(exhibits, side.name, BLOCK) for side in found}
    embed = _embedding(embedder, sets) if embedder else None
    _count_wordless(ctx, sets, embedded=embed is not None)
    for comparison in comparisons(found):
        left, right = comparison.left.name, comparison.right.name
        likely = Likely() if sizes[left] * sizes[right] > MOST_PAIRS else None
        for ours, theirs in ((ours, theirs) for ours in sets[left] for theirs in sets[right]):
            for one in alike(ours, theirs, rules, likely or near_pairs):
                yield from _rows(comparison, one)
        if likely:
            ctx.reject(f"{left} x {right}", "near_by_sketches", likely.told)
        if embed:
            for near in _embedded(comparison, embed, neighbours, least_cosine):
                yield from _rows(comparison, near)


def _count_wordless(ctx: Context, sets: Mapping[str, Blocks], *, embedded: bool) -> None:
    for name, blocks in sets.items():
        for item in chain.from_iterable(blocks):
            if not item.views and not item.marks:
                ctx.reject(item.item_id, "no_text", name)
            elif embedded and not item.views:
                ctx.reject(item.item_id, "not_embedded", name)


def _rows(comparison: Comparison[Never], found: Alike) -> Iterator[Overlap]:
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


def _embedding(weights: Weights, sets: Mapping[str, Blocks]) -> Callable[[str], _Embedded]:
    """What makes vectors of a set's items; the network is loaded once, and each set encoded once."""
    encode = texts_encoder(weights)
    seen: dict[str, _Embedded] = {}

    def embed(name: str) -> _Embedded:
        if name not in seen:
            items = [(item.item_id, _words(item)) for item in chain.from_iterable(sets[name]) if item.views]
            seen[name] = _Embedded(
                [item_id for item_id, _ in items],
                encode([words for _, words in items]),
                f"{weights.name}, weights {weights.digest[:16]}",
            )
        return seen[name]

    return embed


def _words(item: Known) -> str:
    return next(view.text for view in item.views if view.name in ("item", "stem", "key"))


def _embedded(
    comparison: Comparison[Never], embed: Callable[[str], _Embedded], count: int, least: float
) -> Iterator[Alike]:
    left, right = embed(comparison.left.name), embed(comparison.right.name)
    if left.ids and right.ids:
        # In a set with itself, an item is its own nearest.
        for near in nearest(left.vectors, right.vectors, count + comparison.same_set, least):
            yield Alike([left.ids[near.left]], [right.ids[near.right]], "embedding:item", near.cosine, left.by)
