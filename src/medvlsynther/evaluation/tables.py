"""The tables of an evaluation: views on its scores, and nothing that is not among them."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from medvlsynther.cards import PublishedScores
from medvlsynther.evaluation.grids import Grid
from medvlsynther.rules.scoring.accuracy import REASONS
from medvlsynther.rules.scoring.controls import VIEWS
from medvlsynther.rules.scoring.scores import ITEMS, MACRO, Score

NO_VALUE = "–"

AVERAGES = {MACRO: "macro mean", ITEMS: "item mean"}

Rows = Iterable[tuple[str, ...]]


class Book:
    """Scores by what they are about."""

    def __init__(self, scores: Iterable[Score]) -> None:
        self.scores = list(scores)
        self._found = {(s.model, s.other, s.dataset, s.measure, s.group): s for s in self.scores}
        self.models = _distinct(s.model for s in self.scores)
        named = _distinct(s.dataset for s in self.scores)
        self.sets = [name for name in named if name not in AVERAGES]
        self.scopes = [*self.sets, *(AVERAGES if len(self.sets) > 1 else ())]

    @property
    def whole(self) -> str:
        """Name under which all questions together were measured."""
        return ITEMS if len(self.sets) > 1 else "".join(self.sets)

    def get(self, model: str, dataset: str, measure: str, group: str = "", other: str = "") -> Score | None:
        """One score, where there is such."""
        return self._found.get((model, other, dataset, measure, group))

    def of(self, measure: str) -> list[Score]:
        """All scores of a measure, in order."""
        return [score for score in self.scores if score.measure == measure]


def tables(scores: Iterable[Score], published: Sequence[PublishedScores] = ()) -> list[Grid]:
    """Every table that the scores fill, but for breakdowns."""
    book = Book(scores)
    makers: tuple[Callable[[Book], Grid], ...] = (
        _replies,
        _grader,
        _repeated,
        _controls,
        _rotations,
        _differences,
        _leaks,
    )
    grids = [_accuracy(book, published), *(make(book) for make in makers)]
    return [grid for grid in grids if grid.rows]


def percent(score: Score | None, *, interval: bool = True) -> str:
    """A share in percent with its interval."""
    if score is None or score.value is None:
        return NO_VALUE
    if not interval or score.low is None or score.high is None:
        return f"{100 * score.value:.2f}"
    return f"{100 * score.value:.2f} [{100 * score.low:.1f}, {100 * score.high:.1f}]"


def _accuracy(book: Book, published: Sequence[PublishedScores]) -> Grid:
    rows = [(model, *(percent(book.get(model, name, "accuracy")) for name in book.scopes)) for model in book.models]
    rows += [("chance", *(percent(book.get(m, name, "chance")) for name in book.scopes)) for m in book.models[:1]]
    notes = [
        "In percent of all questions; 95 % intervals by a bootstrap over images, by Wilson's formula below 30 images. "
        "A question without a usable reply is wrong."
    ]
    for card in published:
        known = [row for row in card.rows if set(row.percent) & set(book.sets)]
        for row in known:
            cells = (_printed(row.percent.get(name)) for name in book.sets)
            whole = set(row.percent) == set(book.sets)
            rows.append((f"{row.model} ({card.name})", *cells, *_averages(book, row.average if whole else None)))
        notes += [f"{card.name}: published, not measured here. {card.protocol} Source: {card.source}"] if known else []
        notes += [f"{row.model} ({card.name}): {row.protocol}" for row in known if row.protocol]
    return Grid("Accuracy", ("model", *(AVERAGES.get(name, name) for name in book.scopes)), tuple(rows), tuple(notes))


def _printed(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.2f}"


def _averages(book: Book, average: float | None) -> Iterator[str]:
    return (_printed(average) if name == MACRO else NO_VALUE for name in book.scopes if name in AVERAGES)


def _replies(book: Book) -> Grid:
    columns = (*REASONS, "cut")
    rows = []
    for model in book.models:
        for name in book.sets:
            found = [book.get(model, name, "replies", reason) for reason in columns]
            replies = next((str(s.n) for s in found if s), "0")
            rows.append((model, name, replies, *(_number(s, ".0f") for s in found)))
    titles = ("no answer", "several", "refused", "out of range", "truncated", "not asked", "cut off")
    note = "Replies without a letter, by reason; all of them are wrong. A reply that was cut off may still hold one."
    return Grid("Replies", ("model", "data set", "replies", *titles), tuple(rows), (note,))


def _grader(book: Book) -> Grid:
    rows = tuple(
        (model, name, str(lost.n), _number(lost, ".0f"), _number(book.get(model, name, "replies", "grader_won"), ".0f"))
        for model in book.models
        for name in book.sets
        if (lost := book.get(model, name, "replies", "grader_lost"))
    )
    columns = ("model", "data set", "replies", "right, graded wrong", "wrong, graded right")
    note = "What the published grader makes of replies, held against what a careful reading makes of them."
    return Grid("What the published grader costs", columns, rows, (note,))


def _repeated(book: Book) -> Grid:
    measures = _distinct(s.measure for s in book.scores if s.measure.startswith("pass@"))
    rows = tuple(
        (
            model,
            name,
            *(percent(book.get(model, name, measure)) for measure in (*measures, "majority")),
            _number(book.get(model, name, "variance_within"), ".4f"),
        )
        for model in book.models
        for name in book.sets
        if book.get(model, name, "majority")
    )
    note = "pass@k by the unbiased estimator; the majority is over letters, replies without one have no vote."
    return Grid("Several replies", ("model", "data set", *measures, "majority", "variance within"), rows, (note,))


def _number(score: Score | None, form: str) -> str:
    return NO_VALUE if score is None or score.value is None else format(score.value, form)


def _controls(book: Book) -> Grid:
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for model in book.models:
        for name in book.scopes:
            for view in VIEWS:
                drop = book.get(model, name, "drop", view)
                if drop is not None:
                    cells = (
                        percent(book.get(model, name, "accuracy_under", view)),
                        percent(drop),
                        percent(book.get(model, name, "changed", view)),
                    )
                    rows.append((model, name, view.replace("_", " "), *cells, str(drop.n)))
        notes += _looking(book, model)
    columns = ("model", "data set", "control", "accuracy under it", "drop", "answers changed", "questions")
    return Grid("Does it look at the image?", columns, tuple(rows), tuple(notes))


def _looking(book: Book, model: str) -> Iterator[str]:
    """Who does not look is named."""
    name = book.whole
    blind = book.get(model, name, "blind")
    if blind is not None and blind.value == 1.0:
        yield f"{model} ignores the image: none of {blind.n} answers changed when the image was taken away or replaced."
        return
    drops = [s for view in VIEWS if (s := book.get(model, name, "drop", view))]
    if drops and all(s.low is not None and s.low <= 0 for s in drops):
        yield f"{model} gains nothing measurable from the image: under each control the interval of the drop holds 0."


def _rotations(book: Book) -> Grid:
    groups = ("mean", "all", "flip")
    rows = tuple(
        (
            model,
            name,
            *(percent(book.get(model, name, "rotated", group)) for group in groups),
            _number(book.get(model, name, "rotated", "left_out"), ".0f"),
            " ".join(f"{s.group} {percent(s)}" for s in book.of("place") if (s.model, s.dataset) == (model, name)),
        )
        for model in book.models
        for name in book.scopes
        if book.get(model, name, "rotated", "mean")
    )
    columns = ("model", "data set", "mean", "right in all orders", "letter changed", "left out", "choices by place")
    note = "Every cyclic order of the options, answers mapped back; questions whose words name letters are left out."
    return Grid("Does it read the options?", columns, rows, (note,))


def _differences(book: Book) -> Grid:
    rows = []
    for score in book.of("difference"):
        least = book.get(score.model, score.dataset, "detectable", "", score.other)
        tests = (_p(score.p), _p(score.p_adjusted), percent(least))
        where = AVERAGES.get(score.dataset, score.dataset)
        rows.append((f"{score.model} − {score.other}", where, percent(score), *tests))
    columns = ("models", "data set", "difference", "p", "p (Holm)", "detectable")
    note = "Points of accuracy on the same questions; exact McNemar test, paired bootstrap over images."
    return Grid("Differences", columns, tuple(rows), (note,))


def _p(value: float | None) -> str:
    if value is None:
        return NO_VALUE
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def _leaks(book: Book) -> Grid:
    rows = tuple(
        (
            model,
            name,
            percent(book.get(model, name, "accuracy")),
            percent(book.get(model, name, "accuracy", "leak=clean")),
            percent(flagged),
            str(flagged.n),
        )
        for model in book.models
        for name in book.scopes
        if (flagged := book.get(model, name, "accuracy", "leak=flagged"))
    )
    columns = ("model", "data set", "all", "without flagged", "flagged alone", "flagged")
    return Grid("Questions found in training data", columns, rows)


def breakdowns(scores: Iterable[Score]) -> Iterator[Grid]:
    """Accuracy by group over all questions; the parts of each data set stand among the scores."""
    book = Book(scores)
    scope = book.whole
    groups = _distinct(s.group for s in book.of("accuracy") if s.group and s.dataset == scope)
    for kind in _distinct(group.partition("=")[0] for group in groups):
        if kind == "leak":
            continue
        rows = []
        for group in groups:
            if group.partition("=")[0] == kind:
                found = [book.get(model, scope, "accuracy", group) for model in book.models]
                count = next(str(s.n) for s in found if s)
                rows.append((group.partition("=")[2], count, *map(percent, found)))
        yield Grid(f"By {kind}", (kind, "questions", *book.models), tuple(rows))


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
