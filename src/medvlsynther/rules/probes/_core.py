"""The rows that probes read, laid out as flat columns, and how a guess becomes a judged probe."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medvlsynther.fingerprint import draw
from medvlsynther.records import LETTERS, Item, Label, Record
from medvlsynther.rules.lint._text import Text
from medvlsynther.rules.probes.order import Order
from medvlsynther.rules.stats import Interval, cluster_bootstrap, wilson

FOLDS = 5
_LEAST_ARTICLES = 10
Scores = NDArray[np.float64]
"""One number an option of every item, or one an item."""


class Measure(Record):
    """One figure that belongs to a probe."""

    name: str
    """What it is, in snake_case."""
    value: float
    """The figure."""


class Probe(Record):
    """How well one shortcut guesses the keys of a data set."""

    probe: str
    """Id: "P1" to "P15"."""
    name: str
    """The shortcut, in a few words."""
    value: float
    """Accuracy of the guess, 0..1, ties sharing the credit; for P13 the share of the twenty commonest stems."""
    chance: float | None
    """Accuracy of blind luck: the mean of 1 / number of options; None where there is no such thing."""
    low: float | None
    """Lower end of the 95 % interval, clustered by article."""
    high: float | None
    """Upper end."""
    items: int
    """Items that it was taken on."""
    gated: bool
    """True where a high value is a flaw of the set, and not just a measure of it."""
    failed: bool
    """Gated, and the lower end lies above chance plus the margin."""
    measures: tuple[Measure, ...] = ()
    """What else was found."""
    at: str = ""
    """Where in the recipe it was taken: "raw", "linted", "final", …"""


@dataclass(frozen=True, slots=True)
class Row:
    """An item with what probes need to know of its figure."""

    item: Item
    article_id: str
    """Its article: folds and intervals keep the items of one together."""
    caption: str
    """Caption of its figure."""
    label: Label | None = None
    """What it is about, where that is known."""
    number: int | None = None
    """Its number among the sound rows of the set that it was drawn from, from 0; None where it is probed whole."""


class Setting(NamedTuple):
    """What all probes share."""

    seed: int
    """Of folds and bootstrap."""
    margin: float
    """How far above chance the lower end may lie."""


class Table:
    """Sound items as flat columns: the options of all items one after another."""

    def __init__(self, rows: Sequence[Row], setting: Setting, order: Order | None = None) -> None:
        self.setting = setting
        self.rows = [row for row in rows if key_place(row.item) is not None]
        self.keys = np.array([key_place(row.item) for row in self.rows], np.int64)
        self.order = order or Order.of(self.keys.tolist())
        self.sizes = np.array([len(row.item.options) for row in self.rows], np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)])[:-1].astype(np.int64)
        self.articles = [row.article_id for row in self.rows]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """For every item its number in the whole set."""
        return np.array([n if row.number is None else row.number for n, row in enumerate(self.rows)], np.int64)

    @property
    def owners(self) -> NDArray[np.int64]:
        """For every option the place of its item."""
        return np.repeat(np.arange(len(self.rows)), self.sizes)

    @property
    def right(self) -> NDArray[np.bool_]:
        """For every option whether it is the key."""
        marked = np.zeros(int(self.sizes.sum()), bool)
        marked[self.starts + self.keys] = True
        return marked

    @cached_property
    def texts(self) -> dict[str, Text]:
        """Every distinct option with its levelled forms."""
        return {option: Text(option) for row in self.rows for option in row.item.options}

    @cached_property
    def options(self) -> list[Text]:
        """The options of all items in order."""
        return [self.texts[option] for row in self.rows for option in row.item.options]

    @cached_property
    def stems(self) -> list[Text]:
        """The stems in order."""
        texts = {row.item.question: Text(row.item.question) for row in self.rows}
        return [texts[row.item.question] for row in self.rows]

    @cached_property
    def folds(self) -> NDArray[np.int64]:
        """For every item its fold, 0 to 4, the same for all items of an article."""
        fold = {name: draw(self.setting.seed, "fold", name) % FOLDS for name in dict.fromkeys(self.articles)}
        return np.array([fold[name] for name in self.articles], np.int64)

    def chance(self) -> float:
        """Mean of 1 / number of options."""
        return float((1 / self.sizes).mean())

    def credit(self, scores: Scores) -> Scores:
        """For every item what guessing the option of highest score earns: 1, a share among ties, or 0."""
        scores = np.round(scores, 9)
        best = scores == np.repeat(np.maximum.reduceat(scores, self.starts), self.sizes)
        return np.asarray(best[self.starts + self.keys] / np.add.reduceat(best.astype(np.int64), self.starts))

    def interval(self, credit: Scores, *, confidence: float = 0.95) -> Interval:
        """Wilson's interval where every article has one item, else the bootstrap over articles.

        Too few articles, or a credit that never varies, give a bootstrap nothing to draw from: then Wilson's interval
        with articles for items, which is wider.
        """
        articles = len(set(self.articles))
        if articles == len(credit) or articles < _LEAST_ARTICLES or credit.min() == credit.max():
            return wilson(float(credit.mean()) * articles, articles, confidence=confidence)
        return cluster_bootstrap(credit, self.articles, seed=self.setting.seed, confidence=confidence)

    def judge(
        self,
        probe: str,
        name: str,
        credit: Scores,
        *,
        gated: bool = True,
        confidence: float = 0.95,
        measures: Sequence[tuple[str, float]] = (),
    ) -> Probe:
        """The probe of a guess that earned `credit`, one number an item."""
        low, high = self.interval(credit, confidence=confidence)
        chance = self.chance()
        return Probe(
            probe=probe,
            name=name,
            value=float(credit.mean()),
            chance=chance,
            low=low,
            high=high,
            items=len(credit),
            gated=gated,
            failed=gated and low > chance + self.setting.margin,
            measures=tuple(Measure(name=name, value=float(value)) for name, value in measures),
        )

    def guess(self, probe: str, name: str, scores: Scores, *, gated: bool = True) -> Probe:
        """The probe of guessing the option of highest score."""
        return self.judge(probe, name, self.credit(scores), gated=gated)


def key_place(item: Item) -> int | None:
    """Index of the key; None for an item without one, or with nothing to choose from."""
    place = LETTERS.find(item.answer) if len(item.answer) == 1 else -1
    return place if 0 <= place < len(item.options) and len(item.options) > 1 else None
