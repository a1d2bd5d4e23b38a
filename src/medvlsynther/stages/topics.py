"""What each question of a benchmark is about, by the same closed lists as our own items."""

from collections.abc import Iterator

from medvlsynther.cards import Model, Prompt, Sampling, Vocabulary
from medvlsynther.context import Context
from medvlsynther.engines.base import Reply, Request
from medvlsynther.records import Label, Question
from medvlsynther.rules.labels import Lists, label_schema, read_label, top_names
from medvlsynther.store.table import Table

VERSION = 1
REPLY_TOKENS = 30


def run(
    ctx: Context,
    questions: Table[Question],
    *,
    model: Model = Model.load("lexical"),
    prompt: Prompt = Prompt.load("label"),
    question_types: Vocabulary = Vocabulary.load("question_types"),
    modality: Vocabulary = Vocabulary.load("modality"),
    anatomy: Vocabulary = Vocabulary.load("anatomy"),
    sampling: Sampling = Sampling(max_tokens=256),
) -> Iterator[Label]:
    """One label a question, for breakdowns; a benchmark has no captions, so words of the question decide.

    Rejects: questions that cannot be asked, under their fault, and what reading a reply can find wrong.
    """
    lists = Lists(question_type=question_types.terms, modality=modality.terms, anatomy=anatomy.terms)
    names = {
        "question_types": top_names("question_type", question_types.terms),
        "modalities": top_names("modality", modality.terms),
        "anatomies": top_names("anatomy", anatomy.terms),
    }
    schema = label_schema(lists)

    def requests() -> Iterator[Request]:
        for question in questions:
            if question.fault:
                ctx.reject(question.question_id, question.fault)
                continue
            said = {"question": question.question, "options": question.lettered, "answer": question.answer}
            slots = {"caption": "", **said, **names}
            yield Request(question.question_id, prompt, slots, question.images, schema, about=question)

    def read(reply: Reply) -> Label:
        return Label(item_id=reply.request.id, by=model.name, **read_label(reply.text, lists))

    return ctx.ask(model, requests(), read, sampling)
