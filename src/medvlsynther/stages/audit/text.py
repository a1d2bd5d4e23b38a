"""Layer 5: the same words, whatever case, punctuation, option order or numbers; and what an embedder finds alike."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from medvlsynther.audit.neighbours import Vectors, nearest
from medvlsynther.audit.sets import Comparison, Exhibit, comparisons, sides
from medvlsynther.audit.texts import Alike, Known, Rules, alike, known
from medvlsynther.context import Context
from medvlsynther.errors import MissingExtra, MissingInput
from medvlsynther.records import Overlap
from medvlsynther.rules.overlap.pairs import spread
from medvlsynther.store.table import Table

VERSION = 1
RECORD_WISE = False

DEFAULT = Rules()


def run(
    ctx: Context,
    exhibits: Table[Exhibit],
    overlaps: Table[Overlap] | None,
    *,
    rules: Rules = DEFAULT,
    embedder: str | None = None,
    neighbours: int = 3,
    least_cosine: float = 0.85,
) -> Iterator[Overlap]:
    """The pairs found so far, and every pair of items whose texts are equal or alike.

    With `embedder` (a folder of sentence-transformers), also the `neighbours` nearest train items of each test item:
    a ranking for the judge and for people. An item without any words is counted as not checked (no_text).

    Raises: MissingExtra, MissingInput for an embedder that is not there.
    """
    yield from overlaps or ()
    found = sides(exhibits, known)
    for side in found:
        for item in side.items:
            if not item.views and not item.marks:
                ctx.reject(item.item_id, "no_text", side.name)
    for comparison in comparisons(found):
        for one in alike(comparison.left.items, comparison.right.items, rules):
            yield from _rows(comparison, one)
        if embedder is not None:
            for near in _embedded(comparison, embedder, neighbours, least_cosine):
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


def _embedded(comparison: Comparison[Known], embedder: str, count: int, least: float) -> Iterator[Alike]:
    left, right = ([item for item in side.items if item.views] for side in comparison)
    if not left or not right:
        return
    for near in nearest(_vectors(left, embedder), _vectors(right, embedder), count, least):
        pair = [left[near.left].item_id], [right[near.right].item_id]
        yield Alike(*pair, "embedding:item", near.cosine, Path(embedder).name)


def _vectors(items: Sequence[Known], embedder: str) -> Vectors:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtra("sentence-transformers", "embeddings") from None
    if not Path(embedder).is_dir():
        raise MissingInput(f"No folder {embedder!r}", mend="Give the folder of a sentence-transformers model")
    model = SentenceTransformer(embedder)
    texts = [next(view.text for view in item.views if view.name in ("item", "stem", "key")) for item in items]
    return np.asarray(model.encode(texts, show_progress_bar=False), dtype=np.float32)
