"""What people decided comes back: rejected items leave, edited ones take the place of their originals."""

from collections import Counter
from collections.abc import Iterable, Iterator

import orjson

from medvlsynther.context import Context
from medvlsynther.records import Item, Overlap
from medvlsynther.review.log import Reviews
from medvlsynther.rules.reviews import by_item, edited, pair_id, settle, wording
from medvlsynther.store.table import Table

VERSION = 1
SUMMARY = "reviews.json"
"""In the step's folder: how many items were kept, edited, rejected, not decided, or decided in other words."""


def run(
    ctx: Context,
    items: Table[Item],
    overlaps: Table[Overlap] | None,
    *,
    reviews: Reviews,
    only_reviewed: bool = False,
) -> Iterator[Item]:
    """Items as reviewers left them; an edited one has the next number and names its `parent`.

    `reviews` is the folder that `medvlsynther review` keeps. Two opinions weigh alike: an item leaves where at least as
    many reject it as keep it. A decision about other words than the item's counts as none. With `only_reviewed` what
    nobody decided leaves too. Put `lint`, `verify` and `label` behind it: an edited item has no verdict or label yet.
    Rejects: review_<tag> or review_rejected, with the reviewers' words; review_conflict for edits that differ;
    review_same_image for one half of a pair that reviewers found the same; not_reviewed.
    """
    said = by_item(reviews.decisions)
    same = dict(_same(overlaps or (), reviews))
    taken = {item.item_id for item in items}
    counts: Counter[str] = Counter()
    for item in items:
        decisions = said.get(item.item_id, [])
        fitting = [each for each in decisions if each.seen == wording(item)]
        outcome = settle(fitting)
        if item.item_id in same:
            counts["rejected"] += 1
            ctx.reject(item.item_id, "review_same_image", same[item.item_id])
        elif outcome is None:
            counts["decided_in_other_words" if decisions and not fitting else "not_decided"] += 1
            if only_reviewed:
                ctx.reject(item.item_id, "not_reviewed")
            else:
                yield item
        elif not outcome.kept:
            counts["rejected"] += 1
            ctx.reject(item.item_id, outcome.reason, outcome.detail)
        else:
            counts["edited" if outcome.edited else "kept"] += 1
            yield edited(item, outcome.edited, taken) if outcome.edited else item
    (ctx.folder / SUMMARY).write_bytes(orjson.dumps(dict(sorted(counts.items())), option=orjson.OPT_INDENT_2))


def _same(overlaps: Iterable[Overlap], reviews: Reviews) -> Iterator[tuple[str, str]]:
    """Items of ours whose image reviewers found in another set, with where."""
    for overlap in overlaps:
        words = reviews.pairs.get(pair_id(overlap), ()) if overlap.train_set != overlap.test_set else ()
        if words.count("same") > words.count("different"):
            yield overlap.train_id, f"{overlap.test_set} {overlap.test_id}"
