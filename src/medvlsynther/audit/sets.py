"""What is compared: items of named sets with the prints of their images. Prints can be audited without images."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, Never, TypeVar

from medvlsynther.records import Record
from medvlsynther.store.table import Table

T = TypeVar("T")

Role = Literal["train", "validation", "test"]


class Print(Record):
    """One image as the audit knows it."""

    name: str
    """File name."""
    corpus: str = ""
    """Digest of the folder that `member` lies in; "" for an image of our own store."""
    member: str = ""
    """Where its bytes are; "" where they are not to be had (a manifest)."""
    keys: tuple[str, ...] = ()
    """Who it is elsewhere: "figure:PMC1/2", "file:slake/xmlab1/source.jpg"."""
    digests: tuple[str, ...] = ()
    """SHA-256 of its bytes, as stored and, where known, as the source has them."""
    pixels: str = ""
    """SHA-256 of mode, size and decoded pixels."""
    small: str = ""
    """SHA-256 of a picture of it in the store, on which others are laid; "" where there is none."""
    parts: str = ""
    """Kinds of its parts, a letter each: w(hole), t(rimmed), c(rop), p(anel), q(uarter or half)."""
    boxes: str = ""
    """Where each part lies: left, top, right, bottom, 4 hex digits each, ffff being the far side."""
    phashes: str = ""
    """64-bit pHash of each part, 16 hex digits each."""
    turned: str = ""
    """pHash of whole and trimmed image in all eight orientations, 16 hex digits each; "" where not computed."""
    dhashes: str = ""
    """dHash of the whole image in all eight orientations, or only upright, 16 hex digits each."""
    fault: str | None = None
    """Why it could not be looked at."""

    @property
    def unit(self) -> str:
        """What makes two images one: pixels, else bytes, else a name; "" for an image that nothing is known of."""
        return self.pixels or next(iter((*self.digests, *self.keys)), "")


class Exhibit(Record):
    """One item of a compared set."""

    set_name: str
    """Name of the set."""
    role: Role
    """Which side it is on."""
    within: bool = False
    """Whether the set is compared with itself too."""
    item_id: str
    """Its id, unique in the set."""
    language: str = "en"
    """Language of the question."""
    stem: str = ""
    """The question; "" in a manifest."""
    options: tuple[str, ...] = ()
    """Option texts; none for an open question."""
    key: str = ""
    """Text of the right answer."""
    keys: tuple[str, ...] = ()
    """Who it is elsewhere: "pmcid:PMC1", "item:slake/11938"."""
    images: tuple[Print, ...] = ()
    """Its images in order."""
    faults: tuple[str, ...] = ()
    """What is wrong with the row."""
    marks: tuple[str, ...] = ()
    """"<view>=<hash>" of each view of the text; only in a manifest."""
    sketch: str = ""
    """MinHash sketch of the whole text, in hex; only in a manifest."""


@dataclass
class Side(Generic[T]):
    """One set of a comparison, with what a layer needs of each item."""

    name: str
    role: Role
    within: bool
    items: list[T] = field(default_factory=list)


def outlines(exhibits: Table[Exhibit]) -> tuple[list[Side[Never]], Counter[str]]:
    """The sets of a table in order of appearance, without their items, and the number of items of each."""
    found: dict[str, Side[Never]] = {}
    sizes: Counter[str] = Counter()
    for name, role, within in exhibits.columns("set_name", "role", "within"):
        sizes[name] += 1
        if name not in found:
            found[name] = Side(name, role, within)
    return list(found.values()), sizes


class Comparison(NamedTuple, Generic[T]):
    """Two sets to compare; the same one twice for a set with itself."""

    left: Side[T]
    right: Side[T]

    @property
    def same_set(self) -> bool:
        """A set with itself."""
        return self.left is self.right


def sides(exhibits: Iterable[Exhibit], needed: Callable[[Exhibit], T]) -> list[Side[T]]:
    """The sets in order of appearance, holding only what `needed` takes of each item."""
    found: dict[str, Side[T]] = {}
    for exhibit in exhibits:
        side = found.get(exhibit.set_name)
        if side is None:
            side = found[exhibit.set_name] = Side(exhibit.set_name, exhibit.role, exhibit.within)
        side.items.append(needed(exhibit))
    return list(found.values())


def comparisons(found: Iterable[Side[T]]) -> Iterator[Comparison[T]]:
    """Every train set with every test and validation set, then each set that is to be compared with itself."""
    known = list(found)
    for left in known:
        for right in known:
            if left.role == "train" and right.role != "train":
                yield Comparison(left, right)
    for side in known:
        if side.within:
            yield Comparison(side, side)
