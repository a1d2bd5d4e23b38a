"""Scores of a small made-up evaluation: two models, two sets, controls and rotations."""

from medvlsynther.records import Graded, Question
from medvlsynther.rules.scoring.report import score
from medvlsynther.rules.scoring.scores import Score
from tests.rules.scoring.material import grade, question

SETS = ("pmc_vqa", "slake")


def questions() -> list[Question]:
    """Forty questions of each of two known sets."""
    return [question(n, name) for name in SETS for n in range(40)]


def graded(model: str, right: int) -> list[Graded]:
    """A model that is right on the first questions of each set, never looks, and keeps its letter in any order."""
    found = []
    for asked in questions():
        letter = "A" if asked.index < right else "B"
        found.append(grade(asked, letter, model))
        found.append(grade(asked, letter, model, view="no_image"))
        found += [grade(asked, letter, model, view="rotated", turn=turn) for turn in range(1, 4)]
    return found


def scores() -> list[Score]:
    """All scores of two such models."""
    return list(score(questions(), graded("good", 30) + graded("poor", 10)))
