"""Does the model look, and does it read: image controls, and options in other orders."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from medvlsynther.records import LETTERS, Graded
from medvlsynther.rules.scoring.outcomes import Outcome, Sets
from medvlsynther.rules.scoring.scores import Score, between, replicates, scopes
from medvlsynther.rules.stats import wilson

VIEWS = ("no_image", "blank", "other_image")


def image_controls(model: str, sets: Sets, seed: int) -> Iterator[Score]:
    """For each control: accuracy under it, the drop in accuracy, and how often the answer changed.

    Only questions that were asked both ways count. "blind" is 1.0 for a model that changed no answer under any control:
    whatever it answers from, it is not the image.
    """
    for name, outcomes in scopes(sets):
        changed: list[bool] = []
        for view in VIEWS:
            both = [o for o in outcomes if view in o.views and _answered(o.replies[0]) and _answered(o.views[view])]
            if both:
                changed += [_differs(o.replies[0], o.views[view]) for o in both]
                yield from _control(model, name, view, both, seed)
        if changed:
            yield Score(model=model, dataset=name, measure="blind", value=float(not any(changed)), n=len(changed))


def _control(model: str, name: str, view: str, both: Sequence[Outcome], seed: int) -> Iterator[Score]:
    count = len(both)
    with_image = np.array([float(o.replies[0].correct) for o in both])
    without = np.array([float(o.views[view].correct) for o in both])
    low, high = between(replicates(both, with_image - without, seed, f"{name} {view}"))
    drop = float((with_image - without).mean())
    yield Score(model=model, dataset=name, measure="accuracy_under", group=view, value=float(without.mean()), n=count)
    yield Score(model=model, dataset=name, measure="drop", group=view, value=drop, low=low, high=high, n=count)
    changes = sum(_differs(o.replies[0], o.views[view]) for o in both)
    low, high = wilson(changes, count)
    yield Score(
        model=model, dataset=name, measure="changed", group=view, value=changes / count, low=low, high=high, n=count
    )


def _answered(grade: Graded) -> bool:
    return grade.reason != "not_asked"


def _differs(one: Graded, other: Graded) -> bool:
    return (one.letter, one.reason) != (other.letter, other.reason)


def rotations(model: str, sets: Sets) -> Iterator[Score]:
    """Over all orders of the options: mean accuracy, right in every order, flips, and how often each place was chosen.

    Questions whose words name letters cannot be turned: they are counted as "left_out".
    """
    for name, outcomes in scopes(sets):
        turned = [o for o in outcomes if o.turned]
        if not turned:
            continue
        orders = [[o.replies[0], *o.turned] for o in turned]
        count = len(turned)
        mean = float(np.mean([np.mean([grade.correct for grade in each]) for each in orders]))
        always = sum(all(grade.correct for grade in each) for each in orders)
        flips = sum(len({grade.letter for grade in each}) > 1 for each in orders)
        for group, value in (("mean", mean), ("all", always / count), ("flip", flips / count)):
            yield Score(model=model, dataset=name, measure="rotated", group=group, value=value, n=count)
        yield from _places(model, name, orders)
        left_out = float(len(outcomes) - count)
        yield Score(model=model, dataset=name, measure="rotated", group="left_out", value=left_out, n=len(outcomes))


def _places(model: str, name: str, orders: Sequence[Sequence[Graded]]) -> Iterator[Score]:
    """Share of choices that fell on each place: over all orders, a reader of options has no favourite."""
    chosen: Counter[int] = Counter()
    for each in orders:
        places = len(each)
        for grade in each:
            if grade.letter is not None:
                chosen[(LETTERS.index(grade.letter) - grade.turn) % places] += 1
    total = chosen.total()
    for place in sorted(chosen):
        yield Score(
            model=model, dataset=name, measure="place", group=LETTERS[place], value=chosen[place] / total, n=total
        )
