"""Who the patient is: age, sex and history that a stem gives and its sources do not."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from medvlsynther.rules.lint._core import Hit, Sources, View, rule
from medvlsynther.rules.lint._text import Text, words_of

_UNITS_OF_AGE = r"(?:years?|yrs?|months?|mos?|weeks?|wks?|days?)"
AGE = re.compile(
    rf"\b(\d{{1,3}})\s*[-‐-―−]?\s*{_UNITS_OF_AGE}\s*[-‐-―−]?\s*olds?\b"
    rf"|\b(\d{{1,3}})\s*{_UNITS_OF_AGE} of age\b|\b(\d{{1,3}})[- ]?(?:y/?o|y\.o\.?)(?!\w)"
    r"|\bage[ds]?\s*(?:of|at|was|is|:|=)?\s*(\d{1,3})\b",
    re.IGNORECASE,
)
_AGE_IN_SOURCE = re.compile(r"\b(\d{1,3})\s*[-‐-―−]?\s*(?:years?|yrs?|y|months?|weeks?|days?)\b", re.IGNORECASE)
_AGE_AT_SEX = re.compile(
    r"\b(?:male|female|man|woman|boy|girl|patient|infant|child)s?\s*[,(]?\s*(?:aged?\s*)?(\d{1,3})\b(?!\s*(?:mm|cm|%|\.\d))"
    r"|\b(\d{1,3})\s*[-/, ]{0,2}\s*(?:M|F|m|f|male|female)\b"
)
_DECADE = re.compile(r"\bin (?:his|her|their|the) (?:(?:early|mid|late)[- ])?(\d0)['’]?s\b", re.IGNORECASE)


def _ages(text: str, *patterns: re.Pattern[str]) -> set[int]:
    return {int(next(filter(None, found.groups()))) for pattern in patterns for found in pattern.finditer(text)}


_DECADE_WORD = re.compile(
    r"\bin (?:his|her|their|the) (?:\w+[- ])?(twent|thirt|fort|fift|sixt|sevent|eight|ninet)ies\b"
)
_DECADES = ("", "", "twent", "thirt", "fort", "fift", "sixt", "sevent", "eight", "ninet")
_WORD_AGES = re.compile(
    r"\b(?:(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
    r"(?:[- ](one|two|three|four|five|six|seven|eight|nine))?"
    r"|(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    rf"|eighteen|nineteen))[- ]{_UNITS_OF_AGE}[- ]olds?\b",
    re.IGNORECASE,
)
_ONES = words_of(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = words_of("zero ten twenty thirty forty fifty sixty seventy eighty ninety")


def _word_ages(text: str) -> set[int]:
    ages = set()
    for tens, ones, small in (found.groups(default="zero") for found in _WORD_AGES.finditer(text.lower())):
        ages.add(10 * _TENS.index(tens) + _ONES.index(ones) + _ONES.index(small))
    return ages


_SEXES = {
    "male": re.compile(r"\b(?:males?|man|men|boys?|gentlem[ae]n|he|his|him|father|son|brother)\b", re.IGNORECASE),
    "female": re.compile(
        r"\b(?:females?|wom[ae]n|girls?|lad(?:y|ies)|she|her|mother|daughter|sister|pregnant|gravida|primigravida)\b",
        re.IGNORECASE,
    ),
}
_SEX_SHORT = re.compile(r"\d\s*[-/, (]{0,2}\s*([MF])\b|\bsex\s*[:=]\s*([MF])\b")
_SEX_ORGANS = {
    "male": re.compile(
        r"\b(?:prostat\w*|test(?:is|es|icular|icle\w*)|penis|penile|scrot\w*|epididym\w*|sperm\w*)\b", re.IGNORECASE
    ),
    "female": re.compile(
        r"\b(?:uter(?:us|ine)\w*|ovar\w*|cervix|cervical cancer|vagin\w*|vulva\w*|endometri\w*|fallopian|placent\w*"
        r"|obstetric\w*|pregnan\w*|fet(?:us|al)|foet(?:us|al)|gestation\w*|mammo\w*|breast\w*)\b",
        re.IGNORECASE,
    ),
}


class _AgeGroup(NamedTuple):
    claims: re.Pattern[str]
    """What a stem says of one patient."""
    supports: re.Pattern[str]
    """Words of a source that bear it out."""
    span: range
    """Ages in years that do."""


_INFANT, _CHILD = (
    r"infants?|newborns?|neonat\w+|bab(?:y|ies)",
    r"child(?:ren)?|pa?ediatric|toddlers?|boys?|girls?|adolescents?|teen\w*",
)
_OLD = re.compile(r"\b(?:elderly|geriatric|an (?:aged|old) (?:man|woman|patient)|senior)\b", re.IGNORECASE)
_MIDDLE = re.compile(r"\bmiddle[- ]aged\b", re.IGNORECASE)
_YOUNG = re.compile(r"\byoung (?:man|woman|adult|patient|male|female)\b", re.IGNORECASE)
_AGE_GROUPS = (
    _AgeGroup(
        re.compile(rf"\b(?:{_INFANT})\b", re.IGNORECASE), re.compile(rf"\b(?:{_INFANT})\b", re.IGNORECASE), range(3)
    ),
    _AgeGroup(
        re.compile(r"\b(?:child|pa?ediatric patient|toddler|boy|girl|adolescent|teenager)\b", re.IGNORECASE),
        re.compile(rf"\b(?:{_INFANT}|{_CHILD})\b", re.IGNORECASE),
        range(19),
    ),
    _AgeGroup(_OLD, _OLD, range(60, 131)),
    _AgeGroup(_MIDDLE, _MIDDLE, range(35, 66)),
    _AgeGroup(_YOUNG, _YOUNG, range(12, 46)),
)
_HISTORY = re.compile(
    r"\b(?:history of|known case of|presented with|presents with|presenting with|complain(?:s|ed|ing) of|complaints? of"
    r"|treated (?:with|for)|diagnosed with|underwent|undergoing|status post|suffering from"
    r"|suffers from|who (?:had|has))\s+([^.,;:?!]{3,80})",
    re.IGNORECASE,
)
_HISTORY_END = re.compile(
    r"\b(?:and|which|what|who|where|that|is|are|was|were|undergoes|underwent|shows?|has|had)\b", re.IGNORECASE
)
_HABITS = {
    "trauma": re.compile(
        r"\bafter (?:an? )?(?:\w+ )?(?:fall|accident|injury|trauma|collision|assault)\b", re.IGNORECASE
    ),
    "smoker": re.compile(r"\b(?:smok\w+|tobacco|cigarette\w*|pack[- ]years?)\b", re.IGNORECASE),
    "alcohol": re.compile(r"\b(?:alcohol\w*|drinker|ethanol abuse)\b", re.IGNORECASE),
    "diabetic": re.compile(r"\b(?:diabet\w+)\b", re.IGNORECASE),
    "pregnant": re.compile(r"\b(?:pregnan\w*|gravid\w*|gestation\w*)\b", re.IGNORECASE),
    "immunocompromised": re.compile(
        r"\b(?:immunocompromi\w+|immunosuppress\w+|immunodefici\w+|HIV|AIDS|transplant\w*)\b", re.IGNORECASE
    ),
}


def _spans(text: str) -> set[int]:
    """Decades of age, by their first year: "in her 60s", "in his late sixties"."""
    words = (10 * _DECADES.index(found[1]) for found in _DECADE_WORD.finditer(text.lower()))
    return _ages(text, _DECADE) | set(words)


def _known_ages(said: str) -> set[int]:
    return _ages(said, AGE, _AGE_IN_SOURCE, _AGE_AT_SEX) | _word_ages(said)


def _lone_ages(stem: str, said: str) -> Iterator[Hit]:
    """Ages in figures or words, and decades, that the source lacks; the source is read only where the stem has one."""
    ages = _ages(stem, AGE) | _word_ages(stem)
    decades = _spans(stem)
    if ages or decades:
        known = _known_ages(said)
        for age in sorted(ages - known):
            yield Hit(f"age {age}")
        near = {age // 10 for age in known | _spans(said)}
        for age in sorted(age for age in decades if age // 10 not in near):
            yield Hit(f"age in the {age}s")


def _lone_age_groups(stem: str, said: str) -> Iterator[Hit]:
    for group in _AGE_GROUPS:
        found = group.claims.search(stem)
        if found and not group.supports.search(said) and not any(age in group.span for age in _known_ages(said)):
            yield Hit(found.group().lower())


def _lone_sex(stem: str, said: str) -> Iterator[Hit]:
    for sex, pattern in _SEXES.items():
        found = pattern.search(stem)
        if not found or pattern.search(said) or _SEX_ORGANS[sex].search(said):
            continue
        if all(sex[0].upper() not in short.groups() for short in _SEX_SHORT.finditer(said)):
            yield Hit(f"{sex}: {found.group()!r}")


def _lone_history(stem: str, said: Sources) -> Iterator[Hit]:
    for name, pattern in _HABITS.items():
        if pattern.search(stem) and not pattern.search(said.raw):
            yield Hit(name)
    for found in _HISTORY.finditer(stem):
        told = Text(_HISTORY_END.split(found[1], maxsplit=1)[0])
        if told.content and 2 * len(told.content & said.content) < len(told.content):
            yield Hit(repr(f"{found[0][: found.start(1) - found.start()]}{told.raw.strip()}"[:80]))


@rule("GRD4", "error", always=True)
def unsupported_demographic(view: View) -> Iterator[Hit]:
    """The stem gives an age, an age group, a sex or a history that caption and mentions lack.

    An age is known from "45-year-old", "aged 45", "45/F", "forty-five-year-old"; a sex also from an organ of that sex
    alone; a history ("history of …", "presents with …", smoker, pregnant) from half of its content words.
    """
    said = view.sources
    yield from _lone_ages(view.stem.raw, said.raw)
    yield from _lone_age_groups(view.stem.raw, said.raw)
    yield from _lone_sex(view.stem.raw, said.raw)
    yield from _lone_history(view.stem.raw, said)
