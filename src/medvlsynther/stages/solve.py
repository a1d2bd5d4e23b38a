"""A model that sees the image must be able to reach the key; how often it does is the item's difficulty."""

from collections.abc import Iterable, Iterator
from itertools import islice

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Failure, Reply, Request
from medvlsynther.records import Figure, Item, Trial
from medvlsynther.rules.grading import read_choice
from medvlsynther.rules.trials import with_trials
from medvlsynther.store.table import Table, along

VERSION = 2
REPLY_TOKENS = 400


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    *,
    model: Model,
    rollouts: int = 8,
    keep: tuple[int, int] = (1, 8),
    prompt: Prompt = Prompt.load("answer"),
    sampling: Sampling = Sampling(temperature=1.0, max_tokens=4096),
) -> Iterator[Item]:
    """Items that the model answers right between `keep[0]` and `keep[1]` times out of `rollouts`, with the count.

    For reinforcement learning, keep 1 to 7 of 8: an item always or never solved teaches nothing.
    Source: pass rates over 16 rollouts at temperature 1 in MedVLThinker. Rejects: never_solved, outside_band,
    unknown_difficulty (every call failed).
    """
    answers = ctx.answers(model, _requests(items, figures, prompt, rollouts), sampling)
    for item in items:
        trial = _count(item, model, list(islice(answers, rollouts)))
        reason = _refusal(trial, keep)
        if reason:
            ctx.reject(item.item_id, reason, f"{trial.right} of {trial.asked} right, {trial.unknown} unknown")
        else:
            yield with_trials(item, [trial])


def _requests(items: Iterable[Item], figures: Iterable[Figure], prompt: Prompt, rollouts: int) -> Iterator[Request]:
    for item, figure in along(items, figures, "figure_id"):
        slots = {"question": item.question, "options": item.lettered}
        for sample in range(rollouts):
            yield Request(item.item_id, prompt, slots, figure.images, sample=sample, about=item)


def _count(item: Item, model: Model, answers: list[Reply | Failure]) -> Trial:
    read = [read_choice(a.text, item.lettered, finish=a.finish).letter for a in answers if isinstance(a, Reply)]
    return Trial(
        view="image",
        model=model.name,
        asked=len(answers),
        right=read.count(item.answer),
        unknown=len(answers) - len(read),
    )


def _refusal(trial: Trial, keep: tuple[int, int]) -> str | None:
    if trial.unknown == trial.asked:
        return "unknown_difficulty"
    if trial.right == 0 and keep[0] > 0:
        return "never_solved"
    return None if keep[0] <= trial.right <= keep[1] else "outside_band"
