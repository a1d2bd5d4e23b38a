"""Chains of thought for fine-tuning: kept where they end in the key."""

from collections.abc import Iterator

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Reply, Request
from medvlsynther.errors import ReplyError
from medvlsynther.records import Figure, Item
from medvlsynther.rules.grading import read_choice
from medvlsynther.store.table import Table, along

VERSION = 2
REPLY_TOKENS = 500


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    *,
    model: Model,
    prompt: Prompt = Prompt.load("explain"),
    sampling: Sampling = Sampling(max_tokens=4096),
) -> Iterator[Item]:
    """Items with the thoughts of a model that saw the image and reached the key.

    Source: the published fine-tuning set (GLM-4.5V answers its own items). Rejects: wrong_answer, no_answer,
    no_thoughts, and what an engine can find wrong.
    """

    def requests() -> Iterator[Request]:
        for item, figure in along(items, figures, "figure_id"):
            slots = {
                "question": item.question,
                "options": item.lettered,
                "answer": item.answer,
                "caption": figure.caption,
            }
            yield Request(item.item_id, prompt, slots, figure.images, about=item)

    def read(reply: Reply) -> Item:
        item = reply.request.about
        assert isinstance(item, Item)
        choice = read_choice(reply.text, item.lettered, finish=reply.finish)
        if choice.letter is None:
            raise ReplyError("no_answer", choice.reason or "")
        if choice.letter != item.answer:
            raise ReplyError("wrong_answer", f"{choice.letter} instead of {item.answer}")
        thoughts = reply.reasoning or thoughts_in(reply.text)
        if not thoughts:
            raise ReplyError("no_thoughts", reply.text)
        return item.model_copy(update={"reasoning": thoughts})

    return ctx.ask(model, requests(), read, sampling)


def thoughts_in(text: str) -> str:
    """What stands between thought tags; "" without them."""
    _, opened, rest = text.partition("<think>")
    inside, closed, _ = rest.partition("</think>")
    return inside.strip() if opened and closed else ""
