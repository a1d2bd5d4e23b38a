"""Plots as SVG, from one template: a dot and its interval a row. Equal scores give equal bytes."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import NamedTuple

import jinja2

from medvlsynther.catalog import ASSETS
from medvlsynther.evaluation.tables import AVERAGES, Book, percent
from medvlsynther.rules.scoring.scores import Score

WIDTH, LEFT, RIGHT, TOP, ROW = 860, 300, 30, 30, 20
"""Pixels: the plot's width, its margins, and the height of a row."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by people with any colour vision. Source: Okabe and Ito 2008."""

TICKS = 5

LETTER, LONGEST = 7, 80
"""Pixels that a letter of a label takes at most, and letters shown of a label; a longer one loses its middle."""


class Dot(NamedTuple):
    """One row of a plot; without a score it is a heading."""

    label: str
    score: Score | None = None
    colour: str = COLOURS[0]


def plots(scores: Iterable[Score]) -> dict[str, str]:
    """File name to SVG: accuracy, and where they were measured differences between models and drops under controls."""
    book = Book(scores)
    made = {
        "accuracy.svg": ("Accuracy in percent, 95 % interval", _accuracies(book)),
        "differences.svg": ("Difference in points, 95 % interval", _differences(book)),
        "controls.svg": ("Drop in points when the image is taken away or replaced", _drops(book)),
    }
    return {name: forest(title, dots) for name, (title, dots) in made.items() if dots}


def _accuracies(book: Book) -> list[Dot]:
    dots = []
    for name in book.scopes:
        dots.append(Dot(AVERAGES.get(name, name)))
        dots += [
            Dot(model, book.get(model, name, "accuracy"), COLOURS[place % len(COLOURS)])
            for place, model in enumerate(book.models)
        ]
    return dots


def _differences(book: Book) -> list[Dot]:
    found = book.of("difference")
    return [Dot(f"{s.model} − {s.other}: {AVERAGES.get(s.dataset, s.dataset)}", s) for s in found]


def _drops(book: Book) -> list[Dot]:
    colours = {model: COLOURS[place % len(COLOURS)] for place, model in enumerate(book.models)}
    return [
        Dot(f"{s.model}: {AVERAGES.get(s.dataset, s.dataset)}, {s.group.replace('_', ' ')}", s, colours[s.model])
        for s in book.of("drop")
    ]


def forest(title: str, dots: Sequence[Dot]) -> str:
    """The SVG of a forest plot, in percent."""
    values = (v for dot in dots if dot.score for v in (dot.score.low, dot.score.high, dot.score.value))
    ends = [100 * value for value in values if value is not None]
    low, high = _round_out(min(ends, default=0.0), max(ends, default=100.0))
    bottom = TOP + ROW * len(dots)
    left = max([LEFT, *(20 + LETTER * min(len(dot.label), LONGEST) for dot in dots)])

    def across(value: float) -> float:
        return round(left + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low), 1)

    ticks = [low + (high - low) * step / TICKS for step in range(TICKS + 1)]
    return _template().render(
        title=title,
        width=WIDTH - LEFT + left,
        height=bottom + 30,
        left=left,
        top=TOP,
        bottom=bottom,
        ticks=[{"x": across(value), "label": f"{value:g}"} for value in ticks],
        rows=[_row(dot, across, TOP + ROW * place + ROW // 2) for place, dot in enumerate(dots)],
    )


def _row(dot: Dot, across: Callable[[float], float], y: int) -> dict[str, object]:
    score = dot.score
    ends = (score.value, score.low, score.high) if score else (None, None, None)
    x, low, high = (None if end is None else across(100 * end) for end in ends)
    return {
        "label": _shown(dot.label),
        "whole": dot.label if len(dot.label) > LONGEST else "",
        "bold": score is None,
        "y": y,
        "x": x,
        "low": low,
        "high": high,
        "colour": dot.colour,
        "told": percent(score),
    }


def _shown(label: str) -> str:
    half = LONGEST // 2
    return label if len(label) <= LONGEST else f"{label[: half - 1]}…{label[-half:]}"


def _round_out(low: float, high: float) -> tuple[float, float]:
    """The range widened to whole tens."""
    low, high = 10 * (low // 10), 10 * -(-high // 10)
    return (low, high) if high > low else (low, low + 10)


@cache
def _template() -> jinja2.Template:
    shelf = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    return shelf.from_string((ASSETS / "evaluation" / "forest.svg.jinja").read_text(encoding="utf-8"))
