"""Which figures are worth asking about: spread over categories and numbers of images, drawn by a keyed hash."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from medvlsynther.cards import Vocabulary
from medvlsynther.context import Context
from medvlsynther.records import Figure
from medvlsynther.rules.classify import NOT_CLINICAL
from medvlsynther.rules.quota import Key, choose
from medvlsynther.store.table import Table

VERSION = 1


def run(
    ctx: Context,
    figures: Table[Figure],
    *,
    total: int = 25000,
    seed: int = 42,
    fill: Literal["redistribute", "short"] = "redistribute",
    per_article: int | None = None,
    categories: Vocabulary = Vocabulary.load("categories"),
) -> Iterator[Figure]:
    """At most `total` figures, evenly over categories, 90/2/2/2/2/2 % with one to six images, in input order.

    `fill: redistribute` gives the room of a short bucket to the others; `short` leaves it empty, as published.
    Source: the published curation (24 categories, seed 42). Rejects: no_category, image_count, article_cap, over_quota.
    """
    names = [term.name for term in categories.terms if NOT_CLINICAL not in term.tags]
    keys = (_key(figure) for figure in figures)
    chosen = choose(keys, total=total, seed=seed, fill=fill, cap=per_article, categories=names)
    for figure in figures:
        reason = chosen.refusal(_key(figure))
        if reason:
            ctx.reject(figure.figure_id, reason)
        else:
            yield figure


def _key(figure: Figure) -> Key:
    return Key(figure.figure_id, figure.article.article_id, figure.category or "", len(figure.images))


def expect(rows: int | None, settings: Mapping[str, Any]) -> int | None:
    """At most `total` rows."""
    return int(settings["total"]) if rows is None else min(rows, int(settings["total"]))
