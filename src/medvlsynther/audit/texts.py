"""Finds the texts of one set among those of another: equal, nearly equal, one word apart, sharing a passage.

Each view of an item's text is joined apart; texts that several items have are compared once. A view that says too
little to be evidence ("Yes", "CT MRI X-ray") is joined for equality only where it is a whole item.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np

from medvlsynther.audit.gather import mark
from medvlsynther.audit.sets import Exhibit
from medvlsynther.records import Record
from medvlsynther.rules.overlap.edits import one_word_apart
from medvlsynther.rules.overlap.join import Near, near_pairs
from medvlsynther.rules.overlap.shingles import RUN, Sketch, shared_runs, sketch, sketched_pairs
from medvlsynther.rules.overlap.text import View, views
from medvlsynther.store.table import Table

LEAST_WORDS = {"stem": 4, "key": 5, "options": 8, "item": 1}
"""Words from which on a view is evidence by itself."""

LEAST_FOR_EDITS = 6
"""Words from which on a single word more, less or other leaves a text what it is."""

LEAST_FOR_NEAR = 16
"""Characters from which on a tenth of them may differ."""


class Rules(Record):
    """What counts as found."""

    near: float = 0.9
    """Normalised Levenshtein similarity from which texts are nearly equal."""
    run_words: int = RUN
    """Words in a row that make a shared passage."""
    minhash: float = 0.5
    """Share of common 5-word shingles, as estimated by MinHash, from which texts are alike."""


class Known(NamedTuple):
    """An item's text as it is compared."""

    item_id: str
    views: tuple[View, ...]
    marks: tuple[str, ...]
    """In place of the text, for an item of a manifest."""
    sketch: str
    """The same."""


class Alike(NamedTuple):
    """Items that share a text, or whose texts are alike."""

    left: Sequence[str]
    right: Sequence[str]
    measure: str
    """"<method>:<view>"."""
    score: float
    evidence: str


NearPairs = Callable[[Sequence[str], Sequence[str], float], Iterator[Near]]
"""Finds the texts of two sides that are similar from a threshold on: `near_pairs`, or what stands in for it."""


def known(exhibit: Exhibit) -> Known:
    """The texts of an item."""
    found = tuple(views(exhibit.stem, exhibit.options, exhibit.key))
    return Known(exhibit.item_id, found, exhibit.marks, exhibit.sketch)


class Blocks:
    """The texts of one set of a table, read in blocks of so many items as often as one likes; a single one is kept."""

    def __init__(self, exhibits: Table[Exhibit], name: str, size: int) -> None:
        self._exhibits, self._name, self._size = exhibits, name, size
        self._only: list[Known] | None = None

    def __iter__(self) -> Iterator[list[Known]]:
        if self._only is not None:
            yield self._only
            return
        items, count = self._items(), 0
        while block := list(islice(items, self._size)):
            count += 1
            self._only = block if count == 1 and len(block) < self._size else None
            yield block

    def _items(self) -> Iterator[Known]:
        columns = ("set_name", "item_id", "stem", "options", "key", "marks", "sketch")
        for name, item_id, stem, options, key, own_marks, own_sketch in self._exhibits.columns(*columns):
            if name == self._name:
                yield Known(item_id, tuple(views(stem, options, key)), tuple(own_marks), own_sketch)


@dataclass
class Texts:
    """The distinct texts of one view of a set, and the items that have each."""

    owners: dict[str, list[str]] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        """The texts, in order of appearance."""
        return list(self.owners)


def by_view(items: Iterable[Known]) -> dict[str, Texts]:
    """The distinct texts of each view that are evidence by themselves."""
    found: dict[str, Texts] = {}
    for item in items:
        for view in item.views:
            if view.text.count(" ") + 1 >= LEAST_WORDS[view.name.removesuffix("#")]:
                found.setdefault(view.name, Texts()).owners.setdefault(view.text, []).append(item.item_id)
    return found


def alike(left: Sequence[Known], right: Sequence[Known], rules: Rules, near: NearPairs = near_pairs) -> Iterator[Alike]:
    """All texts that two sets share, view by view; of several ways in which two texts are alike, the strictest."""
    ours, theirs = by_view(left), by_view(right)
    for name in theirs:
        if name in ours:
            yield from _of_view(name, ours[name], theirs[name], rules, near)
    yield from _blind(left, right, rules)


def _of_view(name: str, ours: Texts, theirs: Texts, rules: Rules, near: NearPairs) -> Iterator[Alike]:
    lefts, rights = ours.texts, theirs.texts
    seen: set[tuple[int, int]] = set()
    for method, one, other, score in _pairs(name, lefts, rights, rules, near):
        if (one, other) not in seen:
            seen.add((one, other))
            evidence = rights[other][:200]
            yield Alike(ours.owners[lefts[one]], theirs.owners[rights[other]], f"{method}:{name}", score, evidence)


def _pairs(
    name: str, lefts: list[str], rights: list[str], rules: Rules, near: NearPairs
) -> Iterator[tuple[str, int, int, float]]:
    """Pairs of distinct texts, the strictest method first."""
    place = {text: number for number, text in enumerate(lefts)}
    yield from (("exact", place[text], number, 1.0) for number, text in enumerate(rights) if text in place)
    if name.endswith("#"):
        return  # a masked view is there for equality: whatever is near in it is near unmasked too
    long_left, long_right = _longer(lefts), _longer(rights)
    for one, other, score in near(long_left, long_right, rules.near):
        yield "near", one, other, score
    for one, other in one_word_apart(lefts, rights, LEAST_FOR_EDITS):
        words = max(lefts[one].count(" "), rights[other].count(" ")) + 1
        yield "word", one, other, 1 - 1 / words
    if name == "item":
        for found in sketched_pairs(list(map(sketch, lefts)), list(map(sketch, rights)), rules.minhash):
            yield "minhash", *found
    for shared in shared_runs(lefts, rights, rules.run_words):
        yield "run", *shared


def _longer(texts: list[str]) -> list[str]:
    """The texts, those too short for a share of their characters emptied, so that places stay."""
    return [text if len(text) >= LEAST_FOR_NEAR else "" for text in texts]


def _blind(left: Sequence[Known], right: Sequence[Known], rules: Rules) -> Iterator[Alike]:
    """What hashes and sketches allow where one side is a manifest."""
    if not (any(item.marks for item in left) or any(item.marks for item in right)):
        return
    ours, theirs = _marked(left), _marked(right)
    for name, others in theirs.items():
        if name in ours:
            yield Alike(ours[name], others, f"exact:{name.partition('=')[0]}", 1.0, "by hash")
    sketches = [[_sketch(item) for item in side] for side in (left, right)]
    for found in sketched_pairs(sketches[0], sketches[1], rules.minhash):
        pair = [left[found.left].item_id], [right[found.right].item_id]
        yield Alike(*pair, "minhash:item", found.score, "by sketch")


def _marked(items: Iterable[Known]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in items:
        for one in item.marks or map(mark, item.views):
            if one.startswith(("item", "stem", "options")):
                found.setdefault(one, []).append(item.item_id)
    return found


def _sketch(item: Known) -> Sketch:
    if item.sketch:
        return np.frombuffer(bytes.fromhex(item.sketch), dtype=np.uint32)
    return sketch(next((view.text for view in item.views if view.name == "item"), ""))
