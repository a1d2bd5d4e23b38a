"""Every score of an evaluation, in one fixed order."""

from collections.abc import Iterable, Iterator, Mapping

from medvlsynther.records import Graded, Label, Overlap, Question
from medvlsynther.rules.overlap.classes import FLAGGED
from medvlsynther.rules.scoring.accuracy import accuracies, breakdowns, counts, repeated
from medvlsynther.rules.scoring.comparing import comparisons
from medvlsynther.rules.scoring.controls import image_controls, rotations
from medvlsynther.rules.scoring.outcomes import gather
from medvlsynther.rules.scoring.scores import Score


def score(
    questions: Iterable[Question],
    graded: Iterable[Graded],
    *,
    labels: Mapping[str, Label] | None = None,
    flagged: frozenset[str] | None = None,
    seed: int = 0,
) -> Iterator[Score]:
    """All scores: model by model, then models side by side.

    `labels` are by question id; `flagged` are ids of questions that stand in training data, None without an audit.
    """
    models = gather(questions, graded, labels=labels, flagged=flagged)
    for model, sets in models.items():
        yield from accuracies(model, sets, seed)
        yield from counts(model, sets)
        yield from repeated(model, sets)
        yield from image_controls(model, sets, seed)
        yield from rotations(model, sets)
        yield from breakdowns(model, sets, seed)
    yield from comparisons(models, seed)


def flagged_questions(questions: Iterable[Question], overlaps: Iterable[Overlap]) -> frozenset[str]:
    """Ids of the questions that stand in a pair that speaks against them, under whatever name the audit read their set.

    An audit may call a set "pmc_vqa:test": what stands before the colon, and the id in the set, decide.
    """
    found = {
        (overlap.test_set.partition(":")[0], overlap.test_id.removeprefix(f"{overlap.test_set}/"))
        for overlap in overlaps
        if overlap.kind in FLAGGED and overlap.train_set != overlap.test_set
    }
    return frozenset(
        question.question_id
        for question in questions
        if (question.dataset, question.question_id.removeprefix(f"{question.dataset}/")) in found
    )
