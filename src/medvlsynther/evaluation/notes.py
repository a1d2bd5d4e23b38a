"""What a reader has to know beside the numbers: sets that are not whole, their faults, and questions never asked."""

from collections import Counter
from collections.abc import Iterable, Sequence

from medvlsynther.cards import Benchmark
from medvlsynther.evaluation.grids import Grid
from medvlsynther.records import Graded, Question

LISTED = 200
"""Questions that are named; the others are counted."""


def about_sets(questions: Iterable[Question], benchmarks: Sequence[Benchmark]) -> Grid:
    """Each set: questions asked for, what its card says, its licence and its known faults."""
    found = Counter(question.dataset for question in questions)
    rows, notes = [], []
    for benchmark in benchmarks:
        count = found[benchmark.name]
        rows.append((benchmark.name, f"{count:,}", f"{benchmark.count:,}", benchmark.licence))
        if count != benchmark.count:
            notes.append(
                f"{benchmark.name}: {count:,} questions where its card says {benchmark.count:,}: compare with care."
            )
        notes += [f"{benchmark.name}: {fault}" for fault in benchmark.faults]
    return Grid("Data sets", ("data set", "questions", "as published", "licence"), tuple(rows), tuple(notes))


def never_asked(grades: Iterable[Graded]) -> Grid:
    """The questions that could not be asked; each is wrong."""
    lost = [grade for grade in grades if grade.reason == "not_asked"]
    rows = tuple((grade.question_id, grade.model, _way(grade), grade.failure or "") for grade in lost[:LISTED])
    notes = (f"… and {len(lost) - LISTED:,} more.",) if len(lost) > LISTED else ()
    return Grid("Not asked, and counted as wrong", ("question", "model", "asked how", "why"), rows, notes)


def _way(grade: Graded) -> str:
    return grade.view.replace("_", " ") if grade.view != "asked" else ""
