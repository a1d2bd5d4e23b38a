"""What each item is about: question type, modality and anatomy, from closed lists."""

from collections.abc import Iterator

from medvlsynther.cards import Model, Prompt, Sampling, Vocabulary
from medvlsynther.context import Context
from medvlsynther.engines.base import Reply, Request
from medvlsynther.records import Figure, Item, Label
from medvlsynther.rules.labels import Lists, label_schema, read_label, top_names
from medvlsynther.store.table import Table, along

VERSION = 1
REPLY_TOKENS = 30


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    *,
    model: Model = Model.load("lexical"),
    prompt: Prompt = Prompt.load("label"),
    question_types: Vocabulary = Vocabulary.load("question_types"),
    modality: Vocabulary = Vocabulary.load("modality"),
    anatomy: Vocabulary = Vocabulary.load("anatomy"),
    sampling: Sampling = Sampling(max_tokens=256),
) -> Iterator[Label]:
    """One label an item; a name that is on no list becomes "other", never the nearest one.

    Source: the published taxonomy (7 question types, 12 modalities, 28 regions).
    Rejects: what reading a reply can find wrong; the item itself goes on without a label.
    """
    lists = Lists(question_type=question_types.terms, modality=modality.terms, anatomy=anatomy.terms)
    schema = label_schema(lists)

    def requests() -> Iterator[Request]:
        for item, figure in along(items, figures, "figure_id"):
            slots = {
                "caption": figure.caption,
                "question": item.question,
                "options": item.lettered,
                "answer": item.answer,
                "question_types": top_names("question_type", question_types.terms),
                "modalities": top_names("modality", modality.terms),
                "anatomies": top_names("anatomy", anatomy.terms),
            }
            yield Request(item.item_id, prompt, slots, figure.images, schema, about=item)

    def read(reply: Reply) -> Label:
        names = read_label(reply.text, lists)
        return Label(item_id=reply.request.id, by=model.name, **names)

    return ctx.ask(model, requests(), read, sampling)
