"""One question a figure, written by a model that sees the images, the caption and the text around."""

from collections.abc import Iterator

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Reply, Request
from medvlsynther.records import LETTERS, Figure, Item
from medvlsynther.rules.mcq import item_schema, read_item
from medvlsynther.store.table import Table

VERSION = 1
REPLY_TOKENS = 140


def run(
    ctx: Context,
    figures: Table[Figure],
    *,
    model: Model,
    prompt: Prompt = Prompt.load("exam"),
    sampling: Sampling = Sampling(),
    options: int = 5,
) -> Iterator[Item]:
    """One item a figure. Source: the published generator (PMC figures, temperature 0, five options).

    Rejects: too_many_images, and what reading a reply can find wrong (no_json, truncated, bad_schema, …).
    """
    letters = LETTERS[:options]
    schema = item_schema(letters)

    def requests() -> Iterator[Request]:
        for figure in figures:
            if len(figure.images) > model.max_images:
                ctx.reject(figure.figure_id, "too_many_images", f"{len(figure.images)} > {model.max_images}")
                continue
            slots = {
                "figure_id": figure.figure_id,
                "caption": figure.caption,
                "mentions": list(figure.mentions),
                "category": figure.category or "",
                "panels": [panel.label for panel in figure.panels],
                "letters": list(letters),
                "images": len(figure.images),
            }
            yield Request(figure.figure_id, prompt, slots, figure.images, schema, about=figure)

    def read(reply: Reply) -> Item:
        draft = read_item(reply.text, letters)
        figure_id = reply.request.id
        return Item(
            item_id=f"{figure_id}#1",
            figure_id=figure_id,
            question=draft.question,
            options=draft.options,
            answer=draft.answer,
            origin=model.origin(prompt),
        )

    return ctx.ask(model, requests(), read, sampling)
