"""Which kind of image a figure is; plots, diagrams, tables and blots are turned away."""

from collections.abc import Iterator

from medvlsynther.cards import Model, Prompt, Sampling, Vocabulary
from medvlsynther.context import Context
from medvlsynther.engines.base import Reply, Request
from medvlsynther.errors import BadSetting, InputError, ReplyError
from medvlsynther.records import Figure
from medvlsynther.rules.classify import NOT_CLINICAL, Classifier
from medvlsynther.rules.labels import OTHER, canonical_name
from medvlsynther.rules.mcq import read_object
from medvlsynther.store.table import Table

VERSION = 1
REPLY_TOKENS = 12


def run(
    ctx: Context,
    figures: Table[Figure],
    *,
    categories: Vocabulary = Vocabulary.load("categories"),
    model: Model | None = None,
    prompt: Prompt = Prompt.load("classify"),
    sampling: Sampling = Sampling(max_tokens=64),
) -> Iterator[Figure]:
    """Each figure of a clinical kind, with its category.

    Without a `model`, caption terms and given labels decide. With one, any engine does, from image and caption
    (`biomedclip` in this process, from the image alone); then `images` has to stand before this stage.
    Source: BIOMEDICA's 24 clinical labels. Rejects: not_clinical, unknown_kind, and what a reply can lack.
    """
    if model is None:
        return _by_words(ctx, figures, categories)
    return _by_model(ctx, figures, categories, model, prompt, sampling)


def _by_words(ctx: Context, figures: Table[Figure], categories: Vocabulary) -> Iterator[Figure]:
    classifier = Classifier(categories.terms)
    for figure in figures:
        try:
            category = classifier.category(figure)
        except InputError as error:
            ctx.reject(figure.figure_id, error.reason, error.detail)
        else:
            yield figure.model_copy(update={"category": category})


def _by_model(
    ctx: Context, figures: Table[Figure], categories: Vocabulary, model: Model, prompt: Prompt, sampling: Sampling
) -> Iterator[Figure]:
    names = [*(term.name for term in categories.terms), OTHER]
    turned_away = {term.name for term in categories.terms if NOT_CLINICAL in term.tags}
    schema = {
        "type": "object",
        "properties": {"category": {"type": "string", "enum": names}},
        "required": ["category"],
        "additionalProperties": False,
    }

    def requests() -> Iterator[Request]:
        for figure in figures:
            if any(image.sha256 is None for image in figure.images):
                raise BadSetting("A model needs prepared images", where="classify.model", mend="Put `images` before it")
            slots = {"caption": figure.caption, "categories": names}
            yield Request(figure.figure_id, prompt, slots, figure.images, schema, about=figure)

    def read(reply: Reply) -> Figure:
        figure = reply.request.about
        assert isinstance(figure, Figure)
        word = read_object(reply.text, required=("category",)).get("category")
        category = canonical_name("category", str(word), categories.terms)
        if category == OTHER:
            raise ReplyError("unknown_kind", str(word))
        if category in turned_away:
            raise ReplyError(NOT_CLINICAL, category)
        return figure.model_copy(update={"category": category})

    return ctx.ask(model, requests(), read, sampling)
