"""A rubric on each item: code marks what code can decide, a model marks the rest, and code weighs."""

from collections.abc import Iterator

from medvlsynther.cards import Model, Prompt, Rubric, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Reply, Request
from medvlsynther.records import Figure, Item, Verdict
from medvlsynther.store.table import Table, along

VERSION = 1
STREAMS = True
REPLY_TOKENS = 280


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    *,
    model: Model,
    prompt: Prompt = Prompt.load("referee-critic"),
    rubric: Rubric = Rubric.load("audited"),
    sampling: Sampling = Sampling(),
) -> Iterator[Verdict]:
    """One verdict an item, whatever it says; `filter` decides.

    Rejects: what reading a reply can find wrong (no_json, insufficient_evidence, …).
    """
    schema = rubric.schema()

    def requests() -> Iterator[Request]:
        for item, figure in along(items, figures, "figure_id"):
            slots = {
                "criteria": rubric.lines,
                "caption": figure.caption,
                "mentions": list(figure.mentions),
                "category": figure.category or "",
                "question": item.question,
                "options": item.lettered,
                "answer": item.answer,
            }
            yield Request(item.item_id, prompt, slots, figure.images, schema, about=item)

    def read(reply: Reply) -> Verdict:
        item = reply.request.about
        assert isinstance(item, Item)
        return rubric.weigh(item, rubric.read(reply.text), model.origin(prompt))

    return ctx.ask(model, requests(), read, sampling)
