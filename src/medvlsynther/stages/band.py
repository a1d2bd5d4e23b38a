"""The items that reinforcement learning can learn from: solved now and then, neither always nor never."""

from collections.abc import Iterable, Iterator

from medvlsynther.context import Context
from medvlsynther.errors import BadSetting, UserError
from medvlsynther.records import Item, Trial
from medvlsynther.store.table import Table

VERSION = 1


def run(
    ctx: Context, items: Table[Item], *, keep: tuple[int, int] = (1, 7), of: int = 8, by: str | None = None
) -> Iterator[Item]:
    """Items that a model solved between `keep[0]` and `keep[1]` times out of `of`, as `solve` counted it before.

    `by` names the model card whose counts decide; without it the last model that solved an item does. A call that
    failed may have gone either way: where that decides, the difficulty is unknown. The other models' counts tell an
    item that is too hard from one that nobody solved, whose key is in doubt.

    A group of replies that are all right or all wrong has no advantage and teaches nothing; so says GRPO's formula.
    Source: the pass counts by which MedVLThinker chose its questions. Rejects: too_easy, too_hard,
    unsolved_by_anyone, unknown_difficulty, not_tried.

    Raises: BadSetting for a band that no count can lie in, a model that solved nothing, or counts out of another
    number; UserError where no item lies in the band.
    """
    _check(items, keep, of, by)
    kept = 0
    for item in items:
        trials = _seen(item)
        trial = _deciding(trials, by)
        reason = _refusal(trial, trials, keep) if trial else "not_tried"
        if reason:
            ctx.reject(item.item_id, reason, _told(trial))
        else:
            kept += 1
            yield item
    if not kept:
        raise UserError(
            f"No item was solved {keep[0]} to {keep[1]} times of {of}",
            where="band.keep",
            mend="Widen `keep`, or let `solve` ask a model that finds them neither easy nor impossible",
        )


def _check(items: Iterable[Item], keep: tuple[int, int], of: int, by: str | None) -> None:
    low, high = keep
    if not 0 <= low <= high <= of:
        raise BadSetting(f"keep is {low} to {high} of {of}", where="band.keep", mend="Give two counts, low then high")
    solvers: set[str] = set()
    for item in items:
        trials = _seen(item)
        solvers.update(trial.model for trial in trials)
        trial = _deciding(trials, by)
        if trial and trial.asked != of:
            raise BadSetting(
                f"{trial.model} was asked {trial.asked} times about {item.item_id}, not {of}",
                where="band.of",
                mend=f"Write `of: {trial.asked}` and a `keep` to go with it",
            )
    if not solvers or (by and by not in solvers):
        known = f"Solved by: {', '.join(sorted(solvers))}" if solvers else "Put `solve` before it"
        raise BadSetting(f"Nothing was solved by {by or 'a model'}", where="band.by", mend=known)


def _seen(item: Item) -> list[Trial]:
    """What models made of the item with its image before them."""
    return [trial for trial in item.trials if trial.view == "image"]


def _deciding(trials: list[Trial], by: str | None) -> Trial | None:
    return next((trial for trial in reversed(trials) if by in (None, trial.model)), None)


def _refusal(trial: Trial, trials: list[Trial], keep: tuple[int, int]) -> str | None:
    least, most = trial.right, trial.right + trial.unknown
    low, high = keep
    if most < low:
        unsolved = all(each.right == each.unknown == 0 for each in trials)
        return "unsolved_by_anyone" if unsolved else "too_hard"
    if least > high:
        return "too_easy"
    return None if low <= least and most <= high else "unknown_difficulty"


def _told(trial: Trial | None) -> str:
    return f"{trial.right} of {trial.asked} right by {trial.model}, {trial.unknown} unknown" if trial else ""
