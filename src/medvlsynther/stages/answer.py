"""Models answer questions: as they are, and under controls that show whether they look and read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Failure, Reply, Request
from medvlsynther.errors import BadSetting
from medvlsynther.fingerprint import draw
from medvlsynther.records import Answer, Checkpoint, ImageRef, Question, View
from medvlsynther.rules.rebalance import mentions_letters
from medvlsynther.rules.trials import rotated
from medvlsynther.store import png
from medvlsynther.store.table import Table

VERSION = 3
RECORD_WISE = False
REPLY_TOKENS = 600

Control = Literal["no_image", "blank", "other_image", "rotations"]
"""Without the image, with a grey one of its size, with another question's; with the options in every cyclic order."""

Form = Literal["text", "letter"]
"""The reply as it comes, or one letter: the likeliest, where the server tells how likely each is."""

GREY = 127


class Look(NamedTuple):
    """One way to put a question."""

    view: View
    images: tuple[ImageRef, ...]
    options: Mapping[str, str]
    turn: int = 0
    rollout: int = 0
    shown: str | None = None


Looks = Callable[[Question], list[Look]]


def run(
    ctx: Context,
    questions: Table[Question],
    checkpoints: Table[Checkpoint] | None,
    *,
    model: Model | None = None,
    beside: tuple[Model, ...] = (),
    controls: tuple[Control, ...] = (),
    seed: int = 0,
    reply: Form = "text",
    prompt: Prompt = Prompt.load("answer"),
    sampling: Sampling = Sampling(max_tokens=4096, extend=False),
) -> Iterator[Answer]:
    """One answer a question, model, control and rollout; a call that failed is an answer that says why.

    `beside` names models to compare with. `sampling` sets rollouts, temperature and the budget for thoughts and answer
    together, which is fixed unless `extend` says otherwise: a reply that it cuts is an answer, marked as truncated.
    With `reply: letter`, and a prompt that asks for no thoughts, the options' letters are the only replies. Controls
    are asked once a question. Questions whose words name letters are not rotated; questions without an image have no
    image controls. Another question's image is drawn within its data set.

    Models that were trained above answer first, known by their weights wherever they lie; `model` and `beside` then
    stand beside them.

    Raises: BadSetting for one model named twice.
    """
    trained = [ctx.trained(checkpoint) for checkpoint in checkpoints or ()]
    models = (*trained, *([model] if model else ()), *beside)
    if len({each.name for each in models}) < len(models):
        raise BadSetting("A model is named twice", where="answer.beside", mend="Name each model once")
    looks = _looks(ctx, questions, controls, sampling.rollouts, seed)
    asked = [(each, ctx.answers(each, _requests(questions, looks, prompt, reply), sampling)) for each in models]
    for question in questions:
        for each, answers in asked:
            if question.fault:
                yield _answer(question, each, Look("asked", (), {}), question.fault)
                continue
            for look in looks(question):
                yield _answer(question, each, look, next(answers))


def examine(settings: Mapping[str, Any], sources: Mapping[str, str | None]) -> None:
    """Nothing, when somebody answers.

    Raises: BadSetting.
    """
    if settings["model"] is None and not settings["beside"] and sources["checkpoints"] is None:
        raise BadSetting("model is not set, and nothing above trains one", mend="--set answer.model=…")


def expect(rows: int | None, settings: Mapping[str, Any]) -> int | None:
    """Answers to at most so many questions."""
    return None if rows is None else rows * (1 + len(settings["beside"])) * calls(settings)[0]


def calls(settings: Mapping[str, Any]) -> tuple[int, int]:
    """At most so many requests a question and model, and tokens of each reply."""
    image_controls = sum(control != "rotations" for control in settings["controls"])
    looks = int(settings["sampling"].rollouts) + image_controls + 4 * ("rotations" in settings["controls"])
    return looks, 1 if settings["reply"] == "letter" else REPLY_TOKENS


def _requests(questions: Iterable[Question], looks: Looks, prompt: Prompt, form: Form) -> Iterator[Request]:
    for question in questions:
        if question.fault is None:
            for look in looks(question):
                slots = {"question": question.question, "options": look.options}
                labels = tuple(look.options) if form == "letter" else ()
                yield Request(
                    question.question_id, prompt, slots, look.images, labels=labels, sample=look.rollout, about=question
                )


def _answer(question: Question, model: Model, look: Look, came: Reply | Failure | str) -> Answer:
    answer = Answer(
        question_id=question.question_id,
        dataset=question.dataset,
        model=model.name,
        view=look.view,
        turn=look.turn,
        rollout=look.rollout,
        shown=look.shown,
    )
    if isinstance(came, Reply):
        text = max(came.chances, key=came.chances.__getitem__) if came.chances else came.text
        found: dict[str, str] = {"text": text, "reasoning": came.reasoning, "finish": came.finish}
    else:
        found = {"failure": came if isinstance(came, str) else came.reason, "finish": "error"}
    return answer.model_copy(update=found)


# --------------------------------------------------------------------------------------------------- ways to ask


def _looks(
    ctx: Context, questions: Iterable[Question], controls: tuple[Control, ...], rollouts: int, seed: int
) -> Looks:
    """What gives all looks at a question, always in the same order."""
    blanks = _Blanks(ctx)
    donors = _Donors(questions, seed) if "other_image" in controls else None

    def image_looks(question: Question) -> Iterator[Look]:
        if not question.images:
            return
        if "no_image" in controls:
            yield Look("no_image", (), question.lettered)
        if "blank" in controls:
            yield Look("blank", tuple(map(blanks.of, question.images)), question.lettered)
        donor = donors.for_(question) if donors else None
        if donor is not None:
            yield Look("other_image", donor.images, question.lettered, shown=donor.question_id)

    def turned(question: Question) -> Iterator[Look]:
        if "rotations" in controls and not mentions_letters(question):
            for turn in range(1, len(question.options)):
                yield Look("rotated", question.images, rotated(question.options, turn), turn=turn)

    def all_of(question: Question) -> list[Look]:
        asked = (Look("asked", question.images, question.lettered, rollout=rollout) for rollout in range(rollouts))
        return list(chain(asked, image_looks(question), turned(question)))

    return all_of


class _Blanks:
    """Grey images, one a size."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._made: dict[tuple[int, int], str] = {}

    def of(self, image: ImageRef) -> ImageRef:
        """A grey image of the same size."""
        size = image.height_px or 1, image.width_px or 1
        if size not in self._made:
            self._made[size] = self._ctx.images.put(png.encode(np.full((*size, 3), GREY, np.uint8)))
        return ImageRef(name="blank.png", sha256=self._made[size], width_px=size[1], height_px=size[0])


class _Donors:
    """Questions of the same data set whose images may stand in, by draw."""

    def __init__(self, questions: Iterable[Question], seed: int) -> None:
        self._seed = seed
        self._by_set: dict[str, list[Question]] = {}
        for question in questions:
            if question.images and question.fault is None:
                self._by_set.setdefault(question.dataset, []).append(question)

    def for_(self, question: Question) -> Question | None:
        """A question that shares no image with this one; None where all do."""
        pool = self._by_set[question.dataset]
        own = {image.sha256 for image in question.images}
        start = draw(self._seed, "other_image", question.question_id) % len(pool)
        return next(
            (donor for donor in (*pool[start:], *pool[:start]) if own.isdisjoint(i.sha256 for i in donor.images)), None
        )
