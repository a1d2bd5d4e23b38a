"""What an audit found, counted: per benchmark, per layer, per class and per language, with intervals and power."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from medvlsynther.audit.calibration import Power
from medvlsynther.audit.sets import Exhibit
from medvlsynther.records import Overlap, Record
from medvlsynther.rules.overlap.classes import IMAGE_LAYERS, KINDS
from medvlsynther.rules.overlap.identity import IMAGE_MEASURES
from medvlsynther.rules.stats import wilson

ALL = "all"
"""Stratum of a comparison that is no single language."""


class Share(Record):
    """How many of how many, with the 95 % Wilson interval."""

    found: int
    """Those with a finding."""
    total: int
    """All."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""


class Line(Record):
    """One thing counted of one comparison."""

    train_set: str
    """The set that should not know the other."""
    test_set: str
    """The other."""
    language: str
    """"all", or the language of both items."""
    what: str
    """"layer identity", "class identical_item", …"""
    test_items: Share
    """Test items with such a finding, of all test items of that language."""
    test_images: Share
    """Unique test images with such a finding, of all unique test images of that language."""
    train_items: int
    """Train items with such a finding."""


class Unchecked(Record):
    """What was not looked at."""

    set_name: str
    """The set, or the step that says so."""
    reason: str
    """Why."""
    count: int
    """How many items or images."""


class Known(NamedTuple):
    """What counting needs of an item."""

    language: str
    units: tuple[str, ...]
    """Its images, by what makes two images one."""


@dataclass
class _Tally:
    """Who stands in findings of one kind."""

    test_items: set[str] = field(default_factory=set)
    test_units: set[str] = field(default_factory=set)
    train_items: set[str] = field(default_factory=set)


def known_items(exhibits: Iterable[Exhibit]) -> tuple[dict[str, dict[str, Known]], list[Unchecked]]:
    """The items of each set by id, and what of them could not be looked at."""
    items: dict[str, dict[str, Known]] = {}
    unchecked: Counter[tuple[str, str]] = Counter()
    for exhibit in exhibits:
        units = tuple(image.unit or f"{exhibit.item_id}:{number}" for number, image in enumerate(exhibit.images))
        items.setdefault(exhibit.set_name, {})[exhibit.item_id] = Known(exhibit.language, units)
        unchecked.update((exhibit.set_name, image.fault) for image in exhibit.images if image.fault)
        unchecked.update(
            (exhibit.set_name, "image_parts_not_compared") for image in exhibit.images if image.parts == "w"
        )
        if not exhibit.images:
            unchecked[exhibit.set_name, "item_without_image"] += 1
        if not exhibit.stem and not exhibit.marks:
            unchecked[exhibit.set_name, "no_text"] += 1
    lines = [Unchecked(set_name=name, reason=why, count=count) for (name, why), count in sorted(unchecked.items())]
    return items, lines


def counted(
    overlaps: Iterable[Overlap], items: dict[str, dict[str, Known]], compared: Iterable[tuple[str, str]]
) -> list[Line]:
    """Every layer and class of every comparison, over all items and within each language that both sides have."""
    tallies: dict[tuple[str, str, str, str], _Tally] = {}
    for overlap in overlaps:
        train, test = items[overlap.train_set][overlap.train_id], items[overlap.test_set][overlap.test_id]
        strata = (ALL, test.language) if train.language == test.language else (ALL,)
        for language in strata:
            for what in _named(overlap):
                key = (overlap.train_set, overlap.test_set, language, what)
                _add(tallies.setdefault(key, _Tally()), overlap, test)
    return list(_lines(tallies, items, compared))


def _named(overlap: Overlap) -> Iterator[str]:
    if overlap.layer == "joint":
        yield f"class {overlap.kind}"
        return
    yield f"layer {overlap.layer}"
    if overlap.layer in IMAGE_LAYERS or overlap.measure in IMAGE_MEASURES:
        yield "same image"


def _add(tally: _Tally, overlap: Overlap, test: Known) -> None:
    tally.test_items.add(overlap.test_id)
    tally.train_items.add(overlap.train_id)
    if overlap.test_image is not None:
        tally.test_units.add(test.units[overlap.test_image])
    elif overlap.layer in ("joint", "text", "rephrase", "identity"):
        tally.test_units.update(test.units)


def _lines(
    tallies: dict[tuple[str, str, str, str], _Tally],
    items: dict[str, dict[str, Known]],
    compared: Iterable[tuple[str, str]],
) -> Iterator[Line]:
    for train_set, test_set in compared:
        tests = items[test_set].values()
        common = {one.language for one in items[train_set].values()} & {one.language for one in tests}
        several = len({one.language for one in tests}) > 1
        for language in (ALL, *(sorted(common) if several else ())):
            within = [one for one in tests if language in (ALL, one.language)]
            units = {unit for one in within for unit in one.units}
            found = {what for *where, what in tallies if tuple(where) == (train_set, test_set, language)}
            for what in _order(found):
                tally = tallies.get((train_set, test_set, language, what), _Tally())
                yield Line(
                    train_set=train_set,
                    test_set=test_set,
                    language=language,
                    what=what,
                    test_items=_share(len(tally.test_items), len(within)),
                    test_images=_share(len(tally.test_units & units), len(units)),
                    train_items=len(tally.train_items),
                )


def _order(found: set[str]) -> list[str]:
    """Layers and classes as they are listed: "same image" and all classes always, other layers where they ran."""
    layers = sorted(what for what in found if what.startswith("layer "))
    return ["same image", *layers, *(f"class {kind}" for kind in KINDS)]


def _share(found: int, total: int) -> Share:
    low, high = wilson(found, total)
    return Share(found=found, total=total, low=low, high=high)


def told_power(powers: Iterable[Power], set_name: str) -> str:
    """The sentence behind "none found": what would have been found, and what might be falsely."""
    own = [power for power in powers if power.set_name == set_name]
    planted = [power for power in own if power.direction != "no copy" and power.tried]
    if not planted:
        return "The power of this audit was not measured: nothing is known of what it could have found."
    said = []
    for layer in ("images", "text"):
        rates = {power.control: 1.0 for power in planted if power.layer == layer}
        for power in planted:
            if power.layer == layer:
                rates[power.control] = min(rates[power.control], power.rate)
        if rates:
            ranked = sorted(rates.items(), key=lambda one: -one[1])
            told = ", ".join(f"{name.replace('_', ' ')} {rate:.0%}" for name, rate in ranked)
            said.append(f"Of copies planted among {layer}, it found: {told}.")
    false = [power for power in own if power.direction == "no copy" and power.tried]
    if false:
        told = ", ".join(f"{one.control} {one.found:,} of {one.tried:,} ({one.rate:.2%})" for one in false)
        said.append(f"Of what is no copy, it took for one: {told}.")
    return " ".join(said)
