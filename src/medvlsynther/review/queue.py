"""In which order a reviewer meets the items, and who of several meets which."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medvlsynther.errors import BadSetting
from medvlsynther.fingerprint import draw
from medvlsynther.records import Decision
from medvlsynther.review.shelf import Entry
from medvlsynther.rules.raters import KEPT
from medvlsynther.rules.reviews import by_item

ORDERS = ("mixed", "disagreements", "in order")


@dataclass(frozen=True)
class Plan:
    """Who reviews what."""

    raters: tuple[str, ...] = ()
    """Reviewers who share the work; none: everybody sees everything."""
    overlap: float = 1.0
    """Share of items that every one of them sees, 0..1."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap <= 1:
            raise BadSetting(f"overlap is {self.overlap}", mend="Give a share from 0 to 1")

    def assigned(self, item_id: str, rater: str) -> bool:
        """Whether an item is this reviewer's; one who is not named sees only what everybody sees."""
        if not self.raters or draw(self.seed, "overlap", item_id) < self.overlap * 2**64:
            return True
        return self.raters[draw(self.seed, "rater", item_id) % len(self.raters)] == rater


@dataclass(frozen=True)
class Filter:
    """What a reviewer wants to see; "" is anything."""

    order: str = "mixed"
    status: str = "accepted"
    """"accepted", "rejected" or ""."""
    type: str = ""
    modality: str = ""
    anatomy: str = ""
    band: str = ""
    criterion: str = ""
    """Not met."""
    rule: str = ""
    """Lint rule that spoke."""
    search: str = ""

    def takes(self, entry: Entry) -> bool:
        """Whether an item is wanted."""
        wanted = (
            (self.status, "rejected" if entry.reject else "accepted"),
            (self.type, entry.kind[0]),
            (self.modality, entry.kind[1]),
            (self.anatomy, entry.kind[2]),
            (self.band, entry.band),
        )
        return (
            all(not asked or asked == found for asked, found in wanted)
            and (not self.criterion or self.criterion in entry.failed)
            and (not self.rule or self.rule in entry.rules)
            and all(word in entry.search or word == entry.article.lower() for word in self.search.lower().split())
        )


def queue(
    entries: Sequence[Entry], plan: Plan, rater: str, wanted: Filter, decisions: Sequence[Decision] = ()
) -> list[int]:
    """Places of the items that a reviewer is to see, in order; the same for everybody with the same settings."""
    chosen = [
        place
        for place, entry in enumerate(entries)
        if wanted.takes(entry) and (wanted.search or plan.assigned(entry.item_id, rater))
    ]
    if wanted.order == "in order":
        return chosen
    mixed = _mixed(entries, chosen, plan.seed)
    if wanted.order == "disagreements":
        doubt = _doubt(entries, decisions, rater)
        mixed.sort(key=lambda place: -doubt(place))
    return mixed


def _mixed(entries: Sequence[Entry], chosen: Sequence[int], seed: int) -> list[int]:
    """Strata of type, modality and score band in turn: the first items already show all of them."""
    strata: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for place in chosen:
        entry = entries[place]
        strata[entry.kind[0], entry.kind[1], entry.band].append(place)
    ranked = []
    for name, places in strata.items():
        places.sort(key=lambda place: draw(seed, "queue", entries[place].item_id))
        ranked += [(turn, draw(seed, *name), place) for turn, place in enumerate(places)]
    return [place for _, _, place in sorted(ranked)]


def _doubt(entries: Sequence[Entry], decisions: Sequence[Decision], rater: str) -> Callable[[int], int]:
    """How much speaks for a second look: others who disagree, blind answers that missed, two verifiers at odds."""
    others = by_item(each for each in decisions if each.rater != rater)

    def doubt(place: int) -> int:
        entry = entries[place]
        said = others.get(entry.item_id, ())
        labels = {KEPT[each.decision] for each in said} - {None}
        machine = {None: None, True: "keep", False: "reject"}[entry.passed]
        return (
            4 * (len(labels) > 1)
            + 3 * bool(machine and labels and labels != {machine})
            + 2 * entry.split
            + any(each.correct is False for each in said)
        )

    return doubt
