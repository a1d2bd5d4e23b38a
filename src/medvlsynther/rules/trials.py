"""Counting how often a model reaches a key without, or with, the image; and what follows from the counts.

Options are shown in rotated orders and answers are mapped back, so that a favourite letter earns nothing.
"""

from collections.abc import Iterable, Sequence

from medvlsynther.records import LETTERS, Item, Trial


def rotated(options: Sequence[str], by: int) -> dict[str, str]:
    """Options by letter after moving the first `by` of them to the end."""
    by %= len(options)
    return dict(zip(LETTERS, [*options[by:], *options[:by]], strict=False))


def unrotated(letter: str, by: int, count: int) -> str:
    """The letter that an option had before `rotated(options, by)`, of `count` options."""
    return LETTERS[(LETTERS.index(letter) + by) % count]


def solved(trial: Trial) -> bool:
    """Right in more than half of the answers."""
    return 2 * trial.right > trial.asked - trial.unknown > 0


def pass_rate(trials: Sequence[Trial]) -> float | None:
    """Share of answers that were right where the last model saw the image, 0..1; None where none answered."""
    seen = [trial for trial in trials if trial.view == "image" and trial.asked > trial.unknown]
    return seen[-1].right / (seen[-1].asked - seen[-1].unknown) if seen else None


def answerable(trials: Iterable[Trial], first_right: int) -> bool:
    """The soft rule for an item that models answer without its image.

    Dropped when at least two models are right at their first try (`first_right` counts them), or one is right in most
    rotations: one lucky guess is no evidence.
    """
    return first_right >= 2 or any(solved(trial) for trial in trials)


def with_trials(item: Item, trials: Sequence[Trial]) -> Item:
    """The item with more counts."""
    return item.model_copy(update={"trials": (*item.trials, *trials)})
