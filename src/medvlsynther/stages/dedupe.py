"""Items that repeat earlier ones, by image, stem or as a whole, and more of one article than wanted, leave."""

from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.records import Figure, Item
from medvlsynther.rules.dedupe import find_duplicates, keys_of
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
    """
    keys = (keys_of(item, figure) for item, figure in along(items, figures, "figure_id"))
    found = find_duplicates(keys, article_cap=per_article, image_bits=image_bits, likeness=likeness)
    dropped = {duplicate.item_id: duplicate for duplicate in found}
    for item in items:
        duplicate = dropped.get(item.item_id)
        if duplicate:
            ctx.reject(item.item_id, duplicate.reason, duplicate.of)
        else:
            yield item
