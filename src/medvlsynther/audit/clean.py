"""Scores on what is left of a benchmark once flagged items are set aside."""

from collections.abc import Iterable, Iterator

import numpy as np

from medvlsynther.fingerprint import draw
from medvlsynther.records import Graded, Record

REPLICATES = 2000
"""Bootstrap samples."""


class CleanScore(Record):
    """One model's score on one set, with and without the flagged items."""

    model: str
    """Name of the model card."""
    dataset: str
    """The set."""
    items: int
    """All questions."""
    clean_items: int
    """Questions that are not flagged."""
    whole: float
    """Share of right answers over all questions."""
    clean: float
    """The same over those that are not flagged."""
    difference: float
    """clean - whole."""
    low: float
    """Lower end of its 95 % bootstrap interval, questions resampled in pairs."""
    high: float
    """Upper end."""


def clean_scores(grades: Iterable[Graded], flagged: set[str], seed: int) -> Iterator[CleanScore]:
    """The scores of every model and set, from plain answers; a question's rollouts count as their mean."""
    marks: dict[tuple[str, str], dict[str, list[bool]]] = {}
    for grade in grades:
        if grade.view == "asked" and grade.turn == 0:
            marks.setdefault((grade.model, grade.dataset), {}).setdefault(grade.question_id, []).append(grade.correct)
    for (model, dataset), questions in marks.items():
        values = np.array([sum(right) / len(right) for right in questions.values()])
        kept = np.array([question not in flagged for question in questions])
        if kept.any():
            yield _score(model, dataset, values, kept, seed)


def _score(
    model: str, dataset: str, values: "np.ndarray[tuple[int], np.dtype[np.float64]]", kept: object, seed: int
) -> CleanScore:
    chosen = np.asarray(kept, dtype=bool)
    generator = np.random.default_rng(draw(seed, "clean", model, dataset))
    differences = []
    for _ in range(REPLICATES):
        sample = generator.integers(0, len(values), len(values))
        if chosen[sample].any():
            differences.append(values[sample][chosen[sample]].mean() - values[sample].mean())
    low, high = np.percentile(differences, [2.5, 97.5])
    whole, clean = float(values.mean()), float(values[chosen].mean())
    return CleanScore(
        model=model,
        dataset=dataset,
        items=len(values),
        clean_items=int(chosen.sum()),
        whole=whole,
        clean=clean,
        difference=clean - whole,
        low=float(low),
        high=float(high),
    )
