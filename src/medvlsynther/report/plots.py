"""Plots as SVG: equal facts give equal bytes, and text stays text, so that it can be read aloud and searched."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any

from medvlsynther.errors import MissingExtra
from medvlsynther.report.facts import Level, Worth
from medvlsynther.rules.probes import Probe

INK, MUTED, LINE = "#1c2733", "#5b6875", "#d7dde3"
ACCENT, WARN = "#2f6f9f", "#b4552d"
STYLE: Any = {
    "svg.hashsalt": "medvlsynther",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8.5,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.color": "#edf0f3",
    "axes.axisbelow": True,
}
FONTS = "font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

COLOURS, DASHES = (ACCENT, WARN, "#2c6e49", INK), ("-", "--", ":", "-.")
"""Of lines."""

LONGEST_LABEL = 34
MOST_BARS = 14
"""Bars of one breakdown; the rarer values are added up."""


@contextmanager
def _canvas(height: float, columns: int = 1, width: float = 5.9) -> Iterator[tuple[Any, Sequence[Any], list[str]]]:
    """A figure with axes, and a list that holds its SVG once the block ends.

    Raises: MissingExtra without matplotlib.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtra("matplotlib", "report") from None
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # Text stays text: a letter that matplotlib's own font lacks is drawn by the reader's.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(1, columns, squeeze=False)[0]
        drawn: list[str] = []
        yield figure, axes, drawn
        text = StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        drawn.append(_inline(text.getvalue()))


def _inline(svg: str) -> str:
    """The SVG element alone, in the page's own type."""
    body = svg[svg.index("<svg") :]
    return body.replace("font-family: 'DejaVu Sans', sans-serif", FONTS).replace("'DejaVu Sans'", "system-ui")


def _short(label: str) -> str:
    plain = "".join(char if char.isprintable() else " " for char in label)
    return plain if len(plain) <= LONGEST_LABEL else f"{plain[: LONGEST_LABEL - 1]}…"


def _bars(axes: Any, labels: Sequence[str], values: Sequence[float], texts: Sequence[str], color: str = ACCENT) -> Any:
    places = range(len(labels))
    bars = axes.barh(places, values, color=color, height=0.66)
    axes.set_yticks(places, [_short(label) for label in labels])
    axes.invert_yaxis()
    axes.spines["left"].set_visible(False)
    axes.bar_label(bars, texts, padding=3, color=MUTED, fontsize=8)
    axes.margins(x=0.14)
    return bars


def funnel(levels: Sequence[Level]) -> str:
    """Rows that came out of each step, and behind them what it rejected."""
    with _canvas(0.6 + 0.24 * len(levels)) as (_, (axes,), drawn):
        rows = [level.rows for level in levels]
        rejected = [level.rejected for level in levels]
        _bars(axes, [level.step for level in levels], rows, [""] * len(levels))
        ends = axes.barh(range(len(levels)), rejected, left=rows, color=WARN, alpha=0.75, height=0.66)
        texts = [f"{row:,}" + (f"  −{lost:,}" if lost else "") for row, lost in zip(rows, rejected, strict=True)]
        axes.bar_label(ends, texts, padding=3, color=MUTED, fontsize=8)
        axes.set_xlabel("rows out (blue) and rejected (rust)")
    return drawn[0]


def scores(values: Sequence[float], threshold: float) -> str:
    """How the rubric's scores are spread, with the threshold."""
    with _canvas(2.3) as (_, (axes,), drawn):
        axes.grid(visible=False, axis="x")
        axes.grid(visible=True, axis="y")
        axes.hist(values, bins=[step / 40 for step in range(42)], color=ACCENT, rwidth=0.9, align="mid")
        axes.axvline(threshold, color=WARN, linewidth=1.2)
        axes.annotate(
            f"threshold {threshold:g}",
            (threshold, 0.96),
            xycoords=("data", "axes fraction"),
            xytext=(-5, 0),
            textcoords="offset points",
            ha="right",
            va="top",
            color=WARN,
            fontsize=8,
        )
        axes.set_xlim(-0.01, 1.03)
        axes.set_xlabel("score")
        axes.set_ylabel("items")
    return drawn[0]


def criteria(worths: Sequence[Worth]) -> str:
    """Pass rate of each criterion, and where there are such the items that it alone keeps out."""
    alone = any(worth.alone for worth in worths)
    with _canvas(0.7 + 0.24 * len(worths), columns=1 + alone, width=10.5 if alone else 7.5) as (_, axes, drawn):
        left = axes[0]
        labels = [worth.title for worth in worths]
        _bars(left, labels, [100 * w.share for w in worths], [f"{100 * w.share:.1f}" for w in worths])
        left.set_xlim(0, 112)
        left.set_title("met by, % of judged items")
        if alone:
            right = axes[1]
            _bars(right, [""] * len(worths), [w.alone for w in worths], [f"{w.alone:,}" for w in worths], WARN)
            right.set_xlim(0, 1.15 * max(w.alone for w in worths))
            right.xaxis.get_major_locator().set_params(integer=True)
            right.set_title("kept out by this criterion alone, items")
    return drawn[0]


def breakdown(title: str, counts: Mapping[str, int]) -> str:
    """How items are spread over the values of one property, commonest first; numbers and letters in their order."""
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    if all(len(value) == 1 for value in counts):
        ranked = sorted(counts.items())
    if len(ranked) > MOST_BARS:
        rest = ranked[MOST_BARS - 1 :]
        ranked = [*ranked[: MOST_BARS - 1], (f"{len(rest)} others", sum(count for _, count in rest))]
    with _canvas(0.45 + 0.22 * len(ranked), width=3.5) as (_, (axes,), drawn):
        _bars(axes, [value for value, _ in ranked], [count for _, count in ranked], [f"{n:,}" for _, n in ranked])
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.set_title(title)
    return drawn[0]


def probes(found: Sequence[Probe]) -> str:
    """What each shortcut guesses, with its interval, beside chance."""
    with _canvas(0.7 + 0.24 * len(found), width=8.5) as (_, (axes,), drawn):
        for place, probe in enumerate(found):
            color = WARN if probe.failed else ACCENT if probe.gated else MUTED
            if probe.low is not None and probe.high is not None:
                axes.plot([probe.low, probe.high], [place, place], color=color, linewidth=1.6, solid_capstyle="butt")
            axes.plot([probe.value], [place], "o", color=color, markersize=4.5)
            if probe.chance is not None:
                axes.plot([probe.chance], [place], "|", color=INK, markersize=9)
        axes.set_yticks(range(len(found)), [_short(f"{p.probe} {p.name}") for p in found])
        axes.invert_yaxis()
        axes.spines["left"].set_visible(False)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("guessed right (point, 95 % interval); the tick is chance")
    return drawn[0]


def curve(title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """One quantity over the steps of a training, one line a run; told apart by colour and by dash."""
    with _canvas(2.1, width=3.5) as (_, (axes,), drawn):
        axes.grid(visible=True, axis="y")
        for number, (label, points) in enumerate(lines.items()):
            colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
            steps, values = zip(*points, strict=True)
            mark = "o" if len(points) == 1 else ""
            axes.plot(steps, values, color=colour, linestyle=dash, marker=mark, linewidth=1.3, label=_short(label))
        axes.set_title(title)
        axes.set_xlabel("step")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize=7.5)
    return drawn[0]
