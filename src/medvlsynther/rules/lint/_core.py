"""What a lint rule is, where rules register, and what they look at.

A rule is a generator over a `View`: it yields one `Hit` for each thing it finds. Its docstring is its definition.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

from medvlsynther.records import LETTERS, Figure, Item
from medvlsynther.rules.lint._numbers import Quantity, quantities
from medvlsynther.rules.lint._terms import Lexicons, concepts
from medvlsynther.rules.lint._text import Text, text_of

Severity = Literal["error", "warn", "info", "quarantine"]

LONGEST_STEM = 4_000
"""Characters of a stem that rules look at; a longer one is an error by itself."""
LONGEST_OPTION = 1_000
"""The same for an option."""
LONGEST_SOURCE = 1_000_000
"""Characters of caption and mentions together that rules look at."""


class Hit(NamedTuple):
    """One thing found."""

    detail: str
    """What, in a few words."""
    severity: Severity | None = None
    """Where it differs from the rule's own."""


class Sources:
    """Caption and mentions of a figure."""

    def __init__(self, caption: str, mentions: tuple[str, ...]) -> None:
        self.caption = Text(caption[:LONGEST_SOURCE])
        self.context = Text("\n".join(mentions)[: LONGEST_SOURCE - len(self.caption.raw)])

    @cached_property
    def raw(self) -> str:
        """Caption and mentions as they are."""
        return f"{self.caption.raw}\n{self.context.raw}"

    @cached_property
    def token_set(self) -> frozenset[str]:
        """Levelled words of both."""
        return self.caption.token_set | self.context.token_set

    @cached_property
    def content(self) -> frozenset[str]:
        """Stems of the content words of both."""
        return self.caption.content | self.context.content

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Numbers of both, in order."""
        return quantities(self.raw)


@lru_cache(maxsize=8)
def sources_of(caption: str, mentions: tuple[str, ...]) -> Sources:
    """The sources, kept for the other items about the same figure."""
    return Sources(caption, mentions)


class View:
    """One item with its figure, as the rules see it. Forms of a text are computed when first asked for."""

    def __init__(self, item: Item, figure: Figure, lexicons: Lexicons) -> None:
        self.item, self.figure, self.lexicons = item, figure, lexicons
        self.stem = Text(item.question[:LONGEST_STEM])
        self.options = tuple(text_of(option[:LONGEST_OPTION]) for option in item.options[: len(LETTERS)])

    @cached_property
    def place(self) -> int | None:
        """Index of the key among the options; None where the answer is no letter of theirs."""
        letter = self.item.answer
        place = LETTERS.find(letter) if len(letter) == 1 else -1
        return place if 0 <= place < len(self.options) else None

    @cached_property
    def sound(self) -> bool:
        """True where there is a key and something to choose from: without it most rules have no meaning."""
        return self.place is not None and len(self.options) > 1

    @cached_property
    def key(self) -> Text:
        """The right option of a sound item."""
        return self.options[self.place or 0]

    @cached_property
    def distractors(self) -> tuple[Text, ...]:
        """The other options, in order."""
        return tuple(option for place, option in enumerate(self.options) if place != self.place)

    @cached_property
    def concepts(self) -> tuple[frozenset[str], ...]:
        """For each option what its whole text is a name of, by the built-in names and the findings given."""
        return tuple(concepts(option.raw, self.lexicons) for option in self.options)

    @cached_property
    def sources(self) -> Sources:
        """Caption and mentions."""
        return sources_of(self.figure.caption, self.figure.mentions)


Find = Callable[[View], Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A registered rule."""

    id: str
    """E.g. "CUE1"."""
    severity: Severity
    """Of its hits, where they state none."""
    find: Find
    """Yields what it finds."""
    always: bool
    """True where it can judge an item without a valid key."""

    @property
    def definition(self) -> str:
        """What the rule finds, precisely."""
        return " ".join((self.find.__doc__ or "").split())


RULES: dict[str, Rule] = {}
"""Every rule by id, in the order of their families."""


def rule(id: str, severity: Severity, *, always: bool = False) -> Callable[[Find], Find]:  # noqa: A002
    """Register a rule."""

    def register(find: Find) -> Find:
        RULES[id] = Rule(id, severity, find, always)
        return find

    return register
