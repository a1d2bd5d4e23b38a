"""One answer held against the key of its question, by our grader or by one of the published ones."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from medvlsynther.records import LETTERS, Answer, Graded, Question
from medvlsynther.rules.grading import read_choice
from medvlsynther.rules.released import (
    Predicted,
    Regraded,
    released_glm,
    released_infer,
    released_llava,
    released_regrade,
)
from medvlsynther.rules.trials import rotated, unrotated

Grader = Literal["default", "released", "released_llava", "released_infer", "released_glm"]
"""Our grader, or a published one: regrading (behind the published numbers), its rule for LLaVA-Med, the rule at
inference time, the rule of the GLM baseline."""


class Mark(NamedTuple):
    """What a grader says of a reply, in the letters that the model saw."""

    letter: str | None
    rule: str
    reason: str | None
    said: str
    correct: bool


Key = tuple[Mapping[str, str], str, str]
"""Options as shown, letter of the right one as shown, its text."""


def mark(question: Question, answer: Answer, grader: Grader = "default") -> Graded:
    """The answer, graded. What was not asked, or failed, is wrong; beside a published grader stands what ours says."""
    if question.fault or answer.failure:
        return _unasked(answer, question.fault or answer.failure or "")
    count = len(question.options)
    place = (LETTERS.index(question.answer) - answer.turn) % count
    shown = rotated(question.options, answer.turn)
    key = shown, LETTERS[place], question.lettered[question.answer]
    found = GRADERS[grader](answer, key)
    letter = None if found.letter is None else unrotated(found.letter, answer.turn, count)
    return _graded(
        answer,
        letter=letter,
        rule=found.rule,
        reason=found.reason,
        said=letter if found.said and letter else found.said,
        cut=answer.finish == "length",
        correct=found.correct,
        ours=None if grader == "default" else _default(answer, key).correct,
    )


def unanswered(question: Question, model: str, failure: str = "no_answer") -> Graded:
    """The grade of a question to which there is no answer at all."""
    return _unasked(Answer(question_id=question.question_id, dataset=question.dataset, model=model), failure)


def _unasked(answer: Answer, failure: str) -> Graded:
    """A reply that was paid for and cut off is no reply that was never asked for."""
    if failure == "truncated":
        return _graded(answer, reason="truncated", cut=True, correct=False)
    return _graded(answer, reason="not_asked", failure=failure, correct=False)


def _graded(answer: Answer, **found: str | bool | None) -> Graded:
    same = {name: getattr(answer, name) for name in ("question_id", "dataset", "model", "view", "turn", "rollout")}
    return Graded.model_validate({**same, **found})


def _default(answer: Answer, key: Key) -> Mark:
    options, letter, _ = key
    choice = read_choice(answer.whole, options, finish=answer.finish)
    return Mark(choice.letter, choice.rule, choice.reason, "", choice.letter == letter)


def _regraded(grade: Callable[..., Regraded], name: str) -> Callable[[Answer, Key], Mark]:
    def marked(answer: Answer, key: Key) -> Mark:
        options, letter, text = key
        found = grade(answer.whole, options, letter, text)
        return Mark(found.letter, name, None if found.letter else "none", found.converted, found.correct)

    return marked


def _predicted(grade: Callable[[str, str, str], Predicted], name: str) -> Callable[[Answer, Key], Mark]:
    """These graders know no letters but the key's; a text that is a letter is taken for one."""

    def marked(answer: Answer, key: Key) -> Mark:
        options, right, text = key
        found = grade(answer.whole, right, text)
        said = found.text.strip().upper()
        letter = right if found.correct else said if said in options else None
        return Mark(letter, name, None if letter else "none", found.text, found.correct)

    return marked


GRADERS: Mapping[Grader, Callable[[Answer, Key], Mark]] = {
    "default": _default,
    "released": _regraded(released_regrade, "released"),
    "released_llava": _regraded(released_llava, "released_llava"),
    "released_infer": _predicted(released_infer, "released_infer"),
    "released_glm": _predicted(released_glm, "released_glm"),
}
