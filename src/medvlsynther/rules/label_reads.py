"""A rubric read one criterion at a time: one word a criterion, with its chance where the server tells.

Some ten tokens judge an item where a keyed reply takes some hundreds; there are no notes. What is read becomes the same
marks as every other form's.
"""

from collections.abc import Mapping, Sequence

from medvlsynther.errors import ReplyError
from medvlsynther.records import Mark
from medvlsynther.rules.rubric import Criterion, read_marks

YES, NO = "yes", "no"
LABELS = (YES, NO)
"""Met, not met; of a penalty: its fault is absent, is there."""
HALF = 0.5


def read_label(text: str, chances: Mapping[str, float], criterion: Criterion) -> Mark:
    """One criterion's mark: by the chances where there are any, else by the word itself.

    A reply in another form is read as that form; one that cannot be read at all is a mark that is not passed and says
    so.
    """
    if chances:
        chance = chances.get(YES, 0.0)
        return _mark(criterion, passed=chance >= HALF, probability=chance)
    word = text.strip(" \t\r\n\"'`*.").lower()
    if word in LABELS:
        return _mark(criterion, passed=word == YES)
    try:
        (mark,) = read_marks(text, [criterion])
    except ReplyError:
        return criterion.mark(False, "missing", "unreadable mark")
    return mark


def read_labels(reads: Sequence[tuple[Criterion, str, Mapping[str, float]]]) -> tuple[Mark, ...]:
    """The marks of an item from one reply a criterion: text, and chances of the labels.

    Raises: ReplyError (bad_schema) where not one of them can be read.
    """
    marks = tuple(read_label(text, chances, criterion) for criterion, text, chances in reads)
    if all(mark.by == "missing" for mark in marks):
        raise ReplyError("bad_schema", f"no label in {reads[0][1][:100]!r}" if reads else "no marks")
    return marks


def _mark(criterion: Criterion, *, passed: bool, probability: float | None = None) -> Mark:
    return Mark(**criterion.judged[passed], probability=probability)
