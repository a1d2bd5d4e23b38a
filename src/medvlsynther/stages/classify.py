"""Which kind of image a figure is; plots, diagrams, tables and blots are turned away."""

from collections.abc import Iterator

from medvlsynther.cards import Vocabulary
from medvlsynther.context import Context
from medvlsynther.errors import InputError
from medvlsynther.records import Figure
from medvlsynther.rules.classify import Classifier
from medvlsynther.store.table import Table

VERSION = 1


def run(
    ctx: Context, figures: Table[Figure], *, categories: Vocabulary = Vocabulary.load("categories")
) -> Iterator[Figure]:
    """Each figure of a clinical kind, with its category from caption terms and given labels.

    Rejects: not_clinical, unknown_kind.
    """
    classifier = Classifier(categories.terms)
    for figure in figures:
        try:
            category = classifier.category(figure)
        except InputError as error:
            ctx.reject(figure.figure_id, error.reason, error.detail)
        else:
            yield figure.model_copy(update={"category": category})
