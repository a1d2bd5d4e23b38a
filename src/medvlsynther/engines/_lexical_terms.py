"""What the lexical engine knows, and what it can read in a caption: terms that are stated, or named at all.

An image shows what its caption states without denial or doubt. Of a compound figure only that counts which is said
of the whole: before the first panel, or in every panel. Whatever is merely named, in the caption or around, settles
nothing, and is never offered as a wrong option either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from medvlsynther.cards import Vocabulary
from medvlsynther.fingerprint import fingerprint
from medvlsynther.records import Term
from medvlsynther.rules.panels import find_panels
from medvlsynther.rules.vocab import Hit, Lexicon, is_negated, stated, words

VERSION = 1
"""Raised with every change of what the engine writes or marks: part of the revision of its model card."""

KINDS = ("modality", "anatomy", "findings")
"""Vocabulary cards that options come from; an option belongs to the first that knows it."""

OTHER = "other"

_NO_PLACE = frozenset(
    ("failure", "disease", "transplant", "transplantation", "cancer", "function", "donor", "recipient", "insufficiency")
)
"""Words after a region that make it part of a history instead of a place in the image: "kidney transplant"."""


@cache
def lexicon(card: str) -> Lexicon:
    """The terms of a vocabulary card, ready to be found."""
    return Lexicon(Vocabulary.load(card).terms)


def revision() -> str:
    """What decides the engine's replies: its rules' version and the text of the vocabulary cards."""
    cards = [Vocabulary.load(card) for card in (*KINDS, "categories", "question_types")]
    return fingerprint([VERSION, *(card.hash for card in cards)])


@lru_cache(maxsize=1 << 12)
def tags(term: Term, kind: str) -> frozenset[str]:
    """The values of a term's tags of one kind: {"ct"} of the tag "modality:ct" for the kind "modality"."""
    return frozenset(tag.removeprefix(f"{kind}:") for tag in term.tags if tag.startswith(f"{kind}:"))


def modality_of(term: Term) -> str:
    """The modality that a term of the modality card is a kind of."""
    return next(iter(tags(term, "modality")), OTHER)


def region_of(term: Term) -> str:
    """The region that a term of the anatomy card lies in."""
    return next(iter(tags(term, "anatomy")), OTHER)


def related(one: Term, other: Term) -> bool:
    """True when one term may be right where the other is: the same, declared near, or a part and its whole."""
    if one.name == other.name or one.name in tags(other, "near") or other.name in tags(one, "near"):
        return True
    part_of = region_of(one) == region_of(other) != OTHER
    return part_of and region_of(one) in (one.name, other.name)


def siblings(one: Term, other: Term) -> bool:
    """True when two terms can be options of one question: of one group, or organs of whichever part of the body."""
    return one.group == other.group or (one.group.endswith(" organ") and other.group.endswith(" organ"))


@lru_cache(maxsize=1 << 12)
def rivals_of(term: Term, card: str) -> tuple[Term, ...]:
    """The siblings of a term that cannot be right where it is, in the card's order."""
    return tuple(other for other in lexicon(card).terms if siblings(other, term) and not related(other, term))


def places_agree(finding: Term, named: Sequence[Term]) -> bool:
    """True when one of the named structures is a place that the finding is known in; skin is everywhere."""
    if "skin" in tags(finding, "anatomy"):
        return True
    known = [place for name in tags(finding, "anatomy") if (place := lexicon("anatomy").get(name))]
    return any(related(place, term) for place in known for term in named)


@dataclass(frozen=True)
class Evidence:
    """The words around a figure, read."""

    caption: str
    mentions: tuple[str, ...] = ()
    category: str = ""

    @cached_property
    def _panels(self) -> tuple[str, tuple[str, ...]]:
        """The text before the panels, and each panel's; the whole caption and nothing for a single panel."""
        panels = find_panels(self.caption)
        if not panels:
            return self.caption, ()
        return self.caption[: min(panel.start for panel in panels)], tuple(
            self.caption[panel.start : panel.end] for panel in panels
        )

    def stated(self, card: str) -> tuple[Term, ...]:
        """Terms that hold for the whole figure, in reading order, each once."""
        return tuple({hit.term.name: hit.term for hit in self.hits(card)}.values())

    def hits(self, card: str) -> tuple[Hit, ...]:
        """Where the caption states a term that holds for the whole figure."""
        return self._hits[card]

    @cached_property
    def _hits(self) -> Mapping[str, tuple[Hit, ...]]:
        return {card: self._whole(card) for card in KINDS}

    def _whole(self, card: str) -> tuple[Hit, ...]:
        lead, panels = self._panels
        found = [hit for hit in stated(lexicon(card), self.caption) if _is_meant(card, self.caption, hit)]
        if not panels:
            return tuple(found)
        everywhere = [{hit.term.name for hit in stated(lexicon(card), panel)} for panel in panels]
        return tuple(
            hit
            for hit in found
            if hit.end <= len(lead) or (panels and all(hit.term.name in names for names in everywhere))
        )

    @cached_property
    def _named(self) -> Mapping[str, Mapping[str, Term]]:
        text = "\n".join((self.caption, *self.mentions))
        return {card: {hit.term.name: hit.term for hit in lexicon(card).find(text)} for card in KINDS}

    def named(self, card: str) -> tuple[Term, ...]:
        """Terms that stand anywhere in caption or mentions, denied and doubted ones too."""
        return tuple(self._named[card].values())

    def denied(self, term: Term, card: str) -> bool:
        """True when a mention says that the thing is not there."""
        return any(
            hit.term.name == term.name and is_negated(mention, hit)
            for mention in self.mentions
            for hit in lexicon(card).find(mention)
        )

    @cached_property
    def modality(self) -> str | None:
        """The one modality that the caption names, or that the figure's category is of; None for several."""
        kinds = {modality_of(hit.term) for hit in lexicon("modality").find(self.caption)}
        category = lexicon("categories").get(self.category)
        if not kinds and category is not None:
            kinds = set(tags(category, "modality"))
        return next(iter(kinds)) if len(kinds) == 1 else None

    @cached_property
    def clinical(self) -> bool:
        """False when the caption speaks of a plot, a diagram, a blot or the like."""
        return not any("not_clinical" in hit.term.tags for hit in lexicon("categories").find(self.caption))

    @cached_property
    def technique(self) -> Term | None:
        """What the figure was taken with, as narrowly as the caption says and as options are told apart."""
        if self.modality is None or not self.stated("modality"):
            return None
        own = [t for t in self.stated("modality") if "technique" in t.group or "recording" in t.group]
        narrow = [term for term in own if term.name != self.modality]
        found = narrow or own
        return found[0] if found else lexicon("modality").get(self.modality)

    def supports(self, term: Term, card: str) -> bool:
        """True when the caption states the term of the figure as a whole, and no mention denies it."""
        if self.denied(term, card):
            return False
        if card == "modality" and self.technique is not None and term.group == self.technique.group:
            return term.name == self.technique.name
        if card == "anatomy" and region_of(term) == term.name:
            return any(region_of(said) == term.name for said in self.stated(card))
        return any(said.name == term.name for said in self.stated(card))


def _is_meant(card: str, text: str, hit: Hit) -> bool:
    """False for a region that only names an illness or a history."""
    if card != "anatomy":
        return True
    after = words(text[hit.end : hit.end + 24])
    return not after or after[0] not in _NO_PLACE
