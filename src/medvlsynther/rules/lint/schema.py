"""Form of an item: labels, options that are the same, references to letters and places."""

import re
from collections.abc import Iterator
from itertools import combinations

from rapidfuzz.distance import Levenshtein

from medvlsynther.records import LETTERS
from medvlsynther.rules.lint._core import LONGEST_OPTION, LONGEST_STEM, Hit, Severity, View, rule
from medvlsynther.rules.lint._terms import is_short_for
from medvlsynther.rules.lint._text import Text, opposed

_NEAR = 0.90
_SIGNS = re.compile(r"[<>≤≥±%+]|(?<!\w)[-−–](?=\d)|(?<=\w)[-−–](?!\w)")
_POINT = re.compile(r"\d[.,:/]\d")
_ORDERED = re.compile(r"\b(?:and|to|than|from|over|by|with|versus|vs|but|then|followed)\b|[,;>→/]", re.IGNORECASE)


def _visible(text: str) -> bool:
    return any(char.isprintable() and not char.isspace() for char in text)


@rule("SCH1", "error", always=True)
def schema(view: View) -> Iterator[Hit]:
    """2 to 10 options, none blank; a stem; an answer that is one of their letters; no text beyond all measure."""
    item = view.item
    if not 2 <= len(item.options) <= len(LETTERS):
        yield Hit(f"{len(item.options)} options")
    if view.place is None:
        yield Hit(f"answer {item.answer[:20]!r} is no letter of {len(item.options)} options")
    if not _visible(item.question):
        yield Hit("empty stem")
    if len(item.question) > LONGEST_STEM:
        yield Hit(f"stem of {len(item.question)} characters")
    for letter, option in zip(LETTERS, item.options, strict=False):
        if not _visible(option):
            yield Hit(f"empty option {letter}")
        elif len(option) > LONGEST_OPTION:
            yield Hit(f"option {letter} of {len(option)} characters")


def _signs(text: Text) -> list[str]:
    """Signs that change a meaning although levelling drops them: "HER2+" is not "HER2-", "<5" is not ">5"."""
    return _SIGNS.findall(text.raw) + _POINT.findall(text.raw)


def _near(one: Text, other: Text) -> bool:
    if one.norm and (one.stems == other.stems or (len(one.content) > 1 and one.content == other.content)):
        return True
    return Levenshtein.normalized_similarity(one.shown, other.shown, score_cutoff=_NEAR) >= _NEAR


def _likeness(one: Text, other: Text) -> Hit | None:
    """How two options are alike, if they are; signs are compared last, because few pairs come that far."""
    severity: Severity = "error"
    if one.shown == other.shown:
        how = "equal"
    elif one.norm and one.bag == other.bag:
        how, severity = "same words", "warn" if all(map(_ORDERED.search, (one.raw, other.raw))) else "error"
    elif _near(one, other) and not opposed(one, other):
        how, severity = "near", "warn"
    else:
        return None
    return None if _signs(one) != _signs(other) else Hit(f"{how}: {one.raw[:60]!r} and {other.raw[:60]!r}", severity)


def _synonyms(view: View, one: int, other: int) -> Iterator[Hit]:
    first, second = view.options[one].raw, view.options[other].raw
    shared = view.concepts[one] & view.concepts[other]
    sure = (
        any(concept.startswith(":") for concept in shared) or is_short_for(first, second) or is_short_for(second, first)
    )
    if sure or shared:
        keyed = view.place in (one, other)
        yield Hit(f"synonyms: {first[:60]!r} and {second[:60]!r}", None if sure and keyed else "warn")


@rule("SCH2", "error", always=True)
def duplicate_options(view: View) -> Iterator[Hit]:
    """Two options with equal levelled text or equal words (error), or two names of one thing of which one is the key.

    Words in another order are only a warning where the order may matter ("T1 dark, T2 bright"). Near: equal stems,
    equal content words (two or more) or a normalised Levenshtein similarity of 0.90, unless they differ by a number, a
    side or an opposite prefix (warn). So are two names of one finding by the vocabulary: one may be the narrower.
    """
    for one, other in combinations(range(len(view.options)), 2):
        first, second = view.options[one], view.options[other]
        hit = _likeness(first, second)
        if hit is not None:
            yield hit
        else:
            yield from _synonyms(view, one, other)


@rule("SCH3", "warn")
def nested_options(view: View) -> Iterator[Hit]:
    """The words of one option, two or more, are a proper subset of another's: both may be right."""
    for one, other in combinations(view.options, 2):
        inner, outer = sorted((one, other), key=lambda text: len(text.token_set))
        if len(inner.token_set) > 1 and inner.token_set < outer.token_set:
            yield Hit(f"{inner.raw[:60]!r} within {outer.raw[:60]!r}")


_LETTER = re.compile(
    r"\b(?:[Bb]oth|[Ee]ither|[Nn]either)\s+(?:\([A-J]\)|[A-J]\b(?!\s+(?!and\b|nor\b)[a-z]{3,}))"
    r"|\b(?:[Oo]ptions?|[Cc]hoices?|[Aa]nswers?|[Aa]lternatives?)\s+\(?[A-J]\b(?![-'’])"
    r"|^\(?[A-J]\)?(?:\s*(?:,|and|&|or|\+|/)\s*\(?[A-J]\)?)+(?:\s+only)?\.?$"
)
_PLACE = re.compile(
    r"(?<!from )(?<!seen )\b(?:above|below)\b(?=\s*(?:[?.,;:)!？。]|$))"
    r"|\b(?:the|these|those|of|all|none|any|each|both)\s+(?:above|below)\b(?!\s+(?:the|a|an|this|that|its|level)\b)"
    r"|\b(?:above|below)[- ](?:mentioned|listed|described|shown|given|image|figure|picture|scan|options?|choices?"
    r"|statements?|findings?|answers?|question|descriptions?)\b"
    r"|\b(?:first|second|third|fourth|fifth|last|previous|preceding|next|former)\s+(?:options?|choices?|answers?)\b",
    re.IGNORECASE,
)


def names_place(text: str) -> str | None:
    """What in a text refers to an option's letter or to a place on the page; None where nothing does.

    An option with such words stops being true when options change places.
    """
    found = _LETTER.search(text) or _PLACE.search(text)
    return found.group() if found else None


@rule("SCH4", "error", always=True)
def letter_reference(view: View) -> Iterator[Hit]:
    """The stem or an option names letters ("both A and B", "option C") or places ("all of the above", "shown below").

    "Above the diaphragm" names no place on the page.
    """
    for text in (view.stem, *view.options):
        found = names_place(text.raw)
        if found:
            yield Hit(repr(found))


_PREFIX = re.compile(r"^\s*(?:\(([A-Ja-j])\)|([A-Ja-j])([).:]))\s+(?=\S)")


def _prefix(option: str) -> tuple[str, bool] | None:
    """The letter of a label in front of an option, and whether it can be nothing else: "E. coli" may be a name."""
    found = _PREFIX.match(option)
    if not found:
        return None
    letter = (found[1] or found[2]).upper()
    return letter, found[3] != "." or option[found.end()].isupper() or option[found.end()].isdigit()


def labelled(options: tuple[str, ...]) -> tuple[int, ...]:
    """Places of the options that begin with a label, such as "A) " or "B. "."""
    found = {place: prefix for place, option in enumerate(options) if (prefix := _prefix(option))}
    many = len(found) > 1 and all(letter == LETTERS[place : place + 1] for place, (letter, _) in found.items())
    return tuple(place for place, (_, certain) in found.items() if certain or many)


def unlabel(options: tuple[str, ...]) -> tuple[str, ...]:
    """The options without their labels, where every option has the label of its own place; else as they are."""
    while len(options) > 1 and len(labelled(options)) == len(options) <= len(LETTERS):
        if any((_prefix(option) or ("",))[0] != letter for option, letter in zip(options, LETTERS, strict=False)):
            break
        options = tuple(_PREFIX.sub("", option) for option in options)
    return options


@rule("SCH5", "warn", always=True)
def label_prefix(view: View) -> Iterator[Hit]:
    """An option begins with a label: "A) ", "(B) ", "C: ", or "D. " where it is no abbreviated name ("E. coli").

    Mended by `fix` where every option carries the label of its own place.
    """
    options = tuple(option.raw for option in view.options)
    for place in labelled(options):
        yield Hit(repr(options[place][:20]))
