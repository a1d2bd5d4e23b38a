"""What each model did with each question, gathered from grades; questions that share an image stand together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from medvlsynther.records import Graded, Label, Question
from medvlsynther.rules.scoring.marking import unanswered

FLAGGED, CLEAN = "flagged", "clean"


@dataclass(slots=True)
class Outcome:
    """One model and one question."""

    question: Question
    cluster: int
    """The same for questions that share an image."""
    groups: Mapping[str, str]
    """Kind of breakdown to the group that the question belongs to."""
    replies: list[Graded] = field(default_factory=list)
    """The question asked as it is, by rollout."""
    views: dict[str, Graded] = field(default_factory=dict)
    """Image controls by view."""
    turned: list[Graded] = field(default_factory=list)
    """The question with its options in other orders."""

    @property
    def value(self) -> float:
        """Share of right replies, 0..1."""
        return sum(reply.correct for reply in self.replies) / len(self.replies) if self.replies else 0.0


Sets = dict[str, list[Outcome]]
"""Data set to outcomes, both in the order of the questions."""


def values(outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
    """Share of right replies of each, shape (questions,)."""
    return np.fromiter((outcome.value for outcome in outcomes), np.float64, len(outcomes))


def clusters(outcomes: Sequence[Outcome]) -> list[int]:
    """The cluster of each."""
    return [outcome.cluster for outcome in outcomes]


def gather(
    questions: Iterable[Question],
    graded: Iterable[Graded],
    *,
    labels: Mapping[str, Label] | None = None,
    flagged: frozenset[str] | None = None,
) -> dict[str, Sets]:
    """Model to data set to outcomes; every model has every question, so that denominators are fixed.

    A question without an answer gets one that was never asked. `flagged` holds the ids of questions that an audit found
    in training data; None where there was no audit. Answers to unknown questions are left out.
    """
    asked = list(questions)
    numbers = image_clusters(asked)
    groups = [_groups(question, labels or {}, flagged) for question in asked]
    by_model: dict[str, dict[str, Outcome]] = {}
    for grade in graded:
        outcomes = by_model.get(grade.model)
        if outcomes is None:
            outcomes = by_model[grade.model] = {
                question.question_id: Outcome(question, number, group)
                for question, number, group in zip(asked, numbers, groups, strict=True)
            }
        outcome = outcomes.get(grade.question_id)
        if outcome is not None:
            _place(outcome, grade)
    return {model: _by_set(model, outcomes.values()) for model, outcomes in by_model.items()}


def _place(outcome: Outcome, grade: Graded) -> None:
    if grade.view == "asked":
        outcome.replies.append(grade)
    elif grade.view == "rotated":
        outcome.turned.append(grade)
    else:
        outcome.views[grade.view] = grade


def _by_set(model: str, outcomes: Iterable[Outcome]) -> Sets:
    sets: Sets = {}
    for outcome in outcomes:
        if not outcome.replies:
            outcome.replies.append(unanswered(outcome.question, model))
        sets.setdefault(outcome.question.dataset, []).append(outcome)
    return sets


def image_clusters(questions: Sequence[Question]) -> list[int]:
    """A number for each question, equal for questions that share an image, directly or through others."""
    parent = list(range(len(questions)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    first: dict[str, int] = {}
    for place, question in enumerate(questions):
        for image in question.images:
            if image.sha256 is not None:
                parent[root(place)] = root(first.setdefault(image.sha256, place))
    return [root(place) for place in range(len(questions))]


def _groups(question: Question, labels: Mapping[str, Label], flagged: frozenset[str] | None) -> dict[str, str]:
    polar = {option.strip().casefold() for option in question.options} == {"yes", "no"}
    groups = {
        "options": str(len(question.options)),
        "images": str(len(question.images)),
        "form": "yes/no" if polar else "other",
    }
    label = labels.get(question.question_id)
    if label is not None:
        groups |= {"question type": label.question_type, "modality": label.modality, "anatomy": label.anatomy}
    if flagged is not None:
        groups["leak"] = FLAGGED if question.question_id in flagged else CLEAN
    return groups
