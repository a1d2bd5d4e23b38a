"""Questions and grades made up for tests of scoring."""

from collections.abc import Iterable, Sequence
from typing import Any

from medvlsynther.records import Answer, Graded, ImageRef, Question


def question(number: int, dataset: str = "set", **changes: Any) -> Question:
    """A question with an image of its own and four options; the key is A."""
    given: dict[str, Any] = {
        "question_id": f"{dataset}/{number}",
        "dataset": dataset,
        "index": number,
        "question": f"Which organ is number {number}?",
        "options": ("Liver", "Spleen", "Kidney", "Heart"),
        "answer": "A",
        "images": (ImageRef(name="a.png", sha256=f"{number:064x}", width_px=40, height_px=30),),
    }
    return Question(**(given | changes))


def reply(asked: Question, text: str, model: str = "m", **changes: Any) -> Answer:
    """An answer to a question."""
    return Answer(question_id=asked.question_id, dataset=asked.dataset, model=model, text=text, **changes)


def grade(asked: Question, letter: str | None, model: str = "m", **changes: Any) -> Graded:
    """The grade of an answer that chose a letter, or none."""
    given: dict[str, Any] = {
        "question_id": asked.question_id,
        "dataset": asked.dataset,
        "model": model,
        "letter": letter,
        "reason": None if letter else "none",
        "correct": letter == asked.answer,
    }
    return Graded(**(given | changes))


def grades(questions: Iterable[Question], letters: Sequence[str | None], model: str = "m") -> list[Graded]:
    """One grade a question."""
    return [grade(asked, letter, model) for asked, letter in zip(questions, letters, strict=True)]
