"""Items that repeat earlier ones, by image, stem or as a whole, and more of one article than wanted, leave."""

from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.records import Figure, Item
from medvlsynther.rules.dedupe import Repeats, hash_of, keys_of
from medvlsynther.store.joins import columns_along
from medvlsynther.store.near import near_hashes
from medvlsynther.store.scratch import Scratch
from medvlsynther.store.table import Table, along

VERSION = 1


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    *,
    per_article: int | None = None,
    image_bits: int = 4,
    likeness: float = 0.9,
) -> Iterator[Item]:
    """The first of each group of repeats, in input order.

    Images are the same within `image_bits` of 64 bits of their perceptual hash; texts from a Levenshtein similarity of
    `likeness`. Rejects: duplicate_image, duplicate_stem, duplicate_item, article_cap; the detail names the one kept.
    What is kept is remembered on disk, beside the step, so that memory does not grow with the table.
    """
    with Scratch(ctx.folder) as scratch:
        repeats = Repeats(scratch.lists(), article_cap=per_article, likeness=likeness)
        near = ctx.folder / "near"
        for one, other in near_hashes(_hashes(items, figures), image_bits, near):
            repeats.near(one, other)
        near.rmdir()
        for item, figure in along(items, figures, "figure_id"):
            duplicate = repeats.judged(keys_of(item, figure))
            if duplicate:
                ctx.reject(item.item_id, duplicate.reason, duplicate.of)
            else:
                yield item


def _hashes(items: Table[Item], figures: Table[Figure]) -> Iterator[int]:
    """The perceptual hashes of all images that items are about."""
    about = columns_along(items.columns("figure_id"), figures.columns("figure_id", "images"))
    for _, (_, images) in about:
        for image in images:
            value = hash_of(image["phash"])
            if value is not None:
                yield value
