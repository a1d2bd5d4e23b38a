"""Fifteen shortcuts through a data set of questions: how well each guesses the keys, and whether that is too well.

surface      P1 letter · P2 order · P3 length · P4 stem overlap · P5 convergence · P6 specificity · P7 option prior ·
             P10 question prior · P11 caption oracle · P12 prevalence in captions
classifiers  P8 choices only · P9 stem and choices
templates    P13 concentration of stems
answers      P14 models without the image · P15 item analysis

A probe fails where the lower end of its interval lies above chance plus a margin. P11, P13 and P15 are measures that no
gate applies to.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from medvlsynther.rules.probes import answers, classifiers, surface, templates
from medvlsynther.rules.probes._core import Measure, Probe, Row, Setting, Table, key_place
from medvlsynther.rules.probes.answers import Condition, ItemStatistics, Response
from medvlsynther.rules.probes.order import Order
from medvlsynther.rules.probes.sample import MOST_ITEMS, Sample

__all__ = [
    "MOST_ITEMS",
    "PROBES",
    "Condition",
    "ItemStatistics",
    "Measure",
    "Order",
    "Probe",
    "Response",
    "Row",
    "Sample",
    "item_statistics",
    "key_place",
    "probe",
]

_SIMPLE: Mapping[str, Callable[[Table], Iterator[Probe]]] = MappingProxyType(
    {
        "P1": surface.majority_letter,
        "P2": surface.order_leak,
        "P3": surface.lengths,
        "P4": surface.stem_overlap,
        "P5": surface.convergence,
        "P6": surface.specificity,
        "P7": surface.option_prior,
        "P10": surface.question_prior,
        "P11": surface.caption_oracle,
        "P12": surface.corpus_prevalence,
        "P13": templates.concentration,
    }
)
_OF_ANSWERS: Mapping[str, Callable[[Table, Sequence[Response]], Iterator[Probe]]] = MappingProxyType(
    {"P14": answers.conditions, "P15": answers.item_analysis}
)
PROBES = tuple(f"P{number}" for number in range(1, 16))
"""Ids of all probes."""


def probe(
    rows: Iterable[Row],
    responses: Iterable[Response] = (),
    *,
    seed: int = 0,
    margin: float = 0.05,
    probes: Collection[str] = PROBES,
    order: Order | None = None,
) -> tuple[Probe, ...]:
    """The probes of a set, in the order of their ids; nothing for a set without a sound item.

    The order of rows matters to P2 alone. P14 and P15 need `responses`; P8 and P9 need scikit-learn. `margin` is how
    far above chance, 0..1, the lower end of a gated probe may lie. Where `rows` are a sample, `order` counts the keys
    of the whole set.
    Raises: MissingExtra.
    """
    table = Table(list(rows), Setting(seed, margin), order)
    given = list(responses)
    if not table.rows:
        return ()
    found = [each for name, run in _SIMPLE.items() if name in probes for each in run(table)]
    learned = [name for name in ("P8", "P9") if name in probes]
    if learned:
        found += classifiers.classifiers(table, learned)
    found += [each for name, run in _OF_ANSWERS.items() if name in probes for each in run(table, given)]
    return tuple(sorted(found, key=lambda each: PROBES.index(each.probe)))


def item_statistics(rows: Iterable[Row], responses: Iterable[Response]) -> tuple[ItemStatistics, ...]:
    """Difficulty, discrimination and working distractors of each item that was answered with its real image."""
    return answers.item_statistics(Table(list(rows), Setting(0, 0.0)), list(responses))
