"""The questions that no training saw: the part that an export kept for validation."""

from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.errors import MissingInput
from medvlsynther.export.rows import VALIDATION
from medvlsynther.records import Question
from medvlsynther.store.table import Table

VERSION = 1


def run(ctx: Context, questions: Table[Question]) -> Iterator[Question]:
    """The validation questions of the export above, in order.

    Rejects: trained_on. Raises: MissingInput where the export kept none.
    """
    kept = 0
    for question in questions:
        if question.split == VALIDATION:
            kept += 1
            yield question
        else:
            ctx.reject(question.question_id, "trained_on")
    if not kept:
        raise MissingInput("The export kept no rows for validation", mend="Give it a `split` above 0")
