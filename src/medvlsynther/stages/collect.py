"""Articles to figures: whatever the licence policy and the retraction gate let through."""

from collections.abc import Iterable, Iterator
from functools import partial
from inspect import signature
from typing import Literal

from medvlsynther import catalog
from medvlsynther.context import Context
from medvlsynther.records import Article, Figure, Reject
from medvlsynther.rules.licence import Policy
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.scratch import Scratch

VERSION = 1
SHARES = True


def run(
    ctx: Context,
    *,
    path: Corpus,
    source: str = "pmc",
    policy: Policy = Policy(),
    context: Literal["sentences", "paragraphs"] = "sentences",
    retracted: bool = False,
) -> Iterator[Figure]:
    """Every usable figure of every article below `path`, in the source's order.

    `source` names the reader (`medvlsynther list sources`). Mentions are the sentences about a figure with one on each
    side, or whole paragraphs, where the source has the running text. `retracted: true` lets retracted articles in.
    Rejects: retracted, licence_refused, licence_quarantined, duplicate_figure, and the source's own reasons.
    """
    reader = catalog.module("sources", source, where="collect.source")
    read = partial(_read, source, path, policy, context)
    with Scratch(ctx.folder) as scratch:
        seen = scratch.keys()
        for found in ctx.map(read, reader.shards(path.path)):
            for figure in _figures(ctx, found):
                reason = _refusal(figure, retracted) or (None if seen.add(figure.figure_id) else "duplicate_figure")
                if reason:
                    ctx.reject(figure.figure_id, reason, ", ".join(figure.article.licence.reasons))
                else:
                    yield figure


def _read(source: str, path: Corpus, policy: Policy, context: str, shard: str) -> Iterable[Article | Reject]:
    """One shard, in whichever process."""
    read = catalog.module("sources", source).read
    choice = {"context": context} if "context" in signature(read).parameters else {}
    found: Iterable[Article | Reject] = read(path.path, shard, path.digest, policy, **choice)
    return found


def _figures(ctx: Context, found: Article | Reject) -> tuple[Figure, ...]:
    rejects = (found,) if isinstance(found, Reject) else found.rejects
    for reject in rejects:
        ctx.reject(reject.id, reject.reason, reject.detail)
    return () if isinstance(found, Reject) else found.figures


def _refusal(figure: Figure, retracted: bool) -> str | None:
    if figure.article.retracted and not retracted:
        return "retracted"
    standing = figure.article.licence.standing
    return None if standing == "allowed" else f"licence_{standing}"
