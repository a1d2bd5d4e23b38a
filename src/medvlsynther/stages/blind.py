"""An item that can be answered without its image is no visual question."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Literal

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Failure, Reply, Request
from medvlsynther.records import Figure, Item, Trial
from medvlsynther.rules.grading import read_choice
from medvlsynther.rules.trials import answerable, rotated, unrotated, with_trials
from medvlsynther.store.table import Table, along

VERSION = 2
REPLY_TOKENS = 60

View = Literal["stem", "options", "caption"]
Answers = Iterator[Reply | Failure]


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    *,
    models: tuple[Model, ...],
    views: tuple[View, ...] = ("stem", "options"),
    rotations: int = 4,
    prompt: Prompt = Prompt.load("blind"),
    sampling: Sampling = Sampling(max_tokens=1024),
) -> Iterator[Item]:
    """Items that resist, with what was counted; no image is shown under any view.

    Views: "stem" (stem and options), "options" (options alone), "caption" (everything but the image; counted, but an
    item is not dropped for it, because its caption is what it was made from).
    Rejects: blind_answerable, by the soft rule: two models right at once, or one in most rotations.
    """
    asked = [(m, ctx.answers(m, _requests(items, figures, prompt, views, rotations), sampling)) for m in models]
    for item in items:
        trials: list[Trial] = []
        first_right = dict.fromkeys(views, 0)
        for model, answers in asked:
            for view in views:
                trial, first = _count(item, view, model, list(islice(answers, rotations)))
                trials.append(trial)
                first_right[view] += first
        counted = [v for v in views if v != "caption"]
        open_views = [v for v in counted if answerable((t for t in trials if t.view == v), first_right[v])]
        if open_views:
            ctx.reject(item.item_id, "blind_answerable", f"by {', '.join(open_views)}: {_told(trials)}")
        else:
            yield with_trials(item, trials)


def calls(settings: Mapping[str, Any]) -> tuple[int, int]:
    """Requests an item and model, and tokens of each reply."""
    return len(settings["views"]) * int(settings["rotations"]), REPLY_TOKENS


def _requests(
    items: Iterable[Item], figures: Iterable[Figure], prompt: Prompt, views: tuple[View, ...], rotations: int
) -> Iterator[Request]:
    for item, figure in along(items, figures, "figure_id"):
        for view in views:
            for turn in range(rotations):
                slots = {
                    "caption": figure.caption if view == "caption" else "",
                    "question": "" if view == "options" else item.question,
                    "options": rotated(item.options, turn),
                }
                yield Request(item.item_id, prompt, slots, sample=turn, about=item)


def _count(item: Item, view: View, model: Model, answers: list[Reply | Failure]) -> tuple[Trial, bool]:
    """The counts of one view, and whether the first order was answered right."""
    rights = [_right(item, answer, turn) for turn, answer in enumerate(answers)]
    trial = Trial(view=view, model=model.name, asked=len(rights), right=rights.count(True), unknown=rights.count(None))
    return trial, rights[0] is True


def _right(item: Item, answer: Reply | Failure, turn: int) -> bool | None:
    """Whether the key was reached; None when the call failed for good."""
    if isinstance(answer, Failure):
        return None
    choice = read_choice(answer.text, rotated(item.options, turn), finish=answer.finish)
    return choice.letter is not None and unrotated(choice.letter, turn, len(item.options)) == item.answer


def _told(trials: Iterable[Trial]) -> str:
    return ", ".join(f"{t.model} {t.view} {t.right}/{t.asked}" for t in trials)
