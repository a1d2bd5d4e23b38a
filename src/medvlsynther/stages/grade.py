"""Answers held against the keys, as often as one likes: nothing is asked again."""

from collections.abc import Iterator

from medvlsynther.context import Context
from medvlsynther.records import Answer, Graded, Question
from medvlsynther.rules.scoring.marking import Grader, mark
from medvlsynther.store.table import Table, along

VERSION = 2
STREAMS = True


def run(
    ctx: Context,  # noqa: ARG001 - every stage's signature
    answers: Table[Answer],
    questions: Table[Question],
    *,
    grader: Grader = "default",
) -> Iterator[Graded]:
    """One grade an answer. What was not asked, or failed, is wrong and says why.

    `grader` is our one grader, or a published one to compare with published numbers. Letters of rotated options are
    those of the question's own order again.
    """
    for answer, question in along(answers, questions, "question_id"):
        yield mark(question, answer, grader)
