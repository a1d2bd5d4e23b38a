"""Questions as served, what models reply to them, and what is right."""

from typing import Literal

from medvlsynther.records._base import LETTERS, Record
from medvlsynther.records.literature import ImageRef


class Question(Record):
    """One question as served: a row of a released data set or of a benchmark."""

    question_id: str
    """Item id, or "<dataset>/<index>" for a benchmark."""
    dataset: str
    """Name of the data set."""
    index: int
    """Position in the data set, from 0."""
    question: str
    """The stem."""
    options: tuple[str, ...]
    """Option texts in order of their letters."""
    answer: str
    """Letter of the key."""
    images: tuple[ImageRef, ...] = ()
    """Its images, prepared."""
    split: str = "train"
    """"train", "validation" or "test"."""
    fault: str | None = None
    """Why it cannot be asked, e.g. "image_missing": in an evaluation it counts as wrong."""

    @property
    def lettered(self) -> dict[str, str]:
        """Letter to option text, in order."""
        return dict(zip(LETTERS, self.options, strict=False))


View = Literal["asked", "no_image", "blank", "other_image", "rotated"]
"""How a question was put: as it is, without its image, with a grey one, with another question's, with options moved."""


class _Reply(Record):
    """Which reply of a model to a question is meant."""

    question_id: str
    """The question."""
    dataset: str
    """Its data set."""
    model: str
    """Name of the model card."""
    view: View = "asked"
    """How the question was put."""
    turn: int = 0
    """Options moved to the end: the letters of the reply are those of the moved order."""
    rollout: int = 0
    """Number of the reply, from 0."""


class Answer(_Reply):
    """What a model replied to a question: kept raw, so that grading anew never asks again."""

    text: str = ""
    """The reply as it came; "" where there is none."""
    reasoning: str = ""
    """Thoughts that the server gave apart from the text."""
    finish: str = "stop"
    """"stop", "length" where the reply was cut off, or the server's own word."""
    failure: str | None = None
    """Why there is no reply, as a counted code."""
    shown: str | None = None
    """Question whose images stood in for its own."""

    @property
    def whole(self) -> str:
        """Thoughts and text, as a model without a server that parts them would have written them."""
        return f"<think>{self.reasoning}</think>\n{self.text}" if self.reasoning else self.text


class Graded(_Reply):
    """What an answer chose, and whether that is right."""

    letter: str | None = None
    """Letter of the chosen option in the question's own order; None where no option was chosen."""
    rule: str = ""
    """Which rule read the letter, or which of the published graders."""
    reason: str | None = None
    """Why there is no letter: "none", "several", "refused", "out_of_range", "truncated", "not_asked"."""
    failure: str | None = None
    """For "not_asked": why."""
    said: str = ""
    """What the published graders count in a vote: the letter, or a text that is no option; "" by default."""
    cut: bool = False
    """The reply was cut off at its longest."""
    correct: bool
    """It is the key."""
    ours: bool | None = None
    """Where a published grader said `correct`: what our own says; None where ours did."""
