"""What lets a testwise reader find the key without knowing medicine.

Source: NBME Item-Writing Guide (2020), flaws that cue; thresholds of the longest key after SAQUET.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from math import sqrt
from statistics import fmean, pstdev

from medvlsynther.rules.lint._core import Hit, Severity, View, rule
from medvlsynther.rules.lint._terms import families, has_term
from medvlsynther.rules.lint._text import Text, jaccard, listed, words_of

_RATIO = 0.75
_LONG_WORDS = 4


def _rank(view: View) -> str:
    """Where the key's length stands among the options': rank from the longest, and z."""
    lengths = [len(option.raw) for option in view.options]
    own = len(view.key.raw)
    spread = pstdev(lengths)
    z = (own - fmean(lengths)) / spread if spread else 0.0
    return f"rank {1 + sum(length > own for length in lengths)} of {len(lengths)}, z {z:+.1f}"


@rule("CUE1", "warn")
def longest_key(view: View) -> Iterator[Hit]:
    """The key has four words or more and every distractor is shorter than 0.75 of it (characters).

    The same for a key shorter than 0.75 of every distractor, where those have four words or more.
    """
    own = len(view.key.raw)
    lengths = [len(option.raw) for option in view.distractors]
    if len(view.key.tokens) >= _LONG_WORDS and max(lengths) < _RATIO * own:
        yield Hit(f"longest: {_rank(view)}")
    elif own < _RATIO * min(lengths) and min(len(option.tokens) for option in view.distractors) >= _LONG_WORDS:
        yield Hit(f"shortest: {_rank(view)}")


@rule("CUE2", "warn")
def clang(view: View) -> Iterator[Hit]:
    """A content word of the stem is in the key and in no distractor."""
    shared = (view.stem.content & view.key.content).difference(*(option.content for option in view.distractors))
    if shared:
        yield Hit(listed(shared))


_ARTICLE = re.compile(r"\b(an?)\s*(?:[:…_.?-]*\s*)$", re.IGNORECASE)
_VOWEL_SOUND = re.compile(
    r"(?!eu|ew|uni(?!n|m)|use|usu|uter|ura|uro|ure|one\b|once\b|ub[iq])[aeiou]|hour|hono|heir|[aefhilmnorsx]-"
)
_LETTER_NAMES = "AEFHILMNORSX"
_VERB = re.compile(r"\b(?:what|which)\b[^.?!]{0,60}?\b(is|are|was|were)\b", re.IGNORECASE)
_HEAD = re.compile(
    r"\s+(?:of|in|with|on|at|from|to|for|by|within|without|and|or|along|involving|due)\b|[,;(]", re.IGNORECASE
)
_SINGULAR_S = re.compile(r"(?:ss|us|is|as|os|ous|eps|ics)$")
_SAME_IN_PLURAL = frozenset(
    words_of("diabetes herpes rabies caries scabies lens series forceps pubes species rickets aids")
)


def _takes_an(option: Text) -> bool | None:
    """Whether "an" stands before the option when read aloud; None where its first word does not tell."""
    first = re.match(r"\W*([A-Za-z][\w-]*)", option.raw)
    if not first:
        return None
    word = first[1]
    if len(word) > 1 and word.isupper():
        return word[0] in _LETTER_NAMES
    return bool(_VOWEL_SOUND.match(word.lower()))


def _is_plural(option: Text) -> bool:
    head = _HEAD.split(option.raw.strip(), maxsplit=1)[0].split()
    word = head[-1].lower() if head else ""
    return len(word) > 3 and word.endswith("s") and not _SINGULAR_S.search(word) and word not in _SAME_IN_PLURAL


def _article(view: View) -> Iterator[Hit]:
    article = _ARTICLE.search(view.stem.raw)
    if not article:
        return
    wants = article[1].lower() == "an"
    misfits = [option for option in view.options if _takes_an(option) is (not wants)]
    if misfits:
        yield Hit(f"{article[1]!r} does not go with {listed(option.raw[:30] for option in misfits)}")


def _number(view: View) -> Iterator[Hit]:
    verb = _VERB.search(view.stem.raw)
    if not verb or len(view.distractors) < 2:
        return
    wants = verb[1].lower() in ("are", "were")
    if _is_plural(view.key) is wants and not any(_is_plural(option) is wants for option in view.distractors):
        yield Hit(f"only the key agrees with {verb[1]!r}")


def _ending(option: Text) -> str:
    """The inflection of the first of several words: "ing", "ed" or none."""
    found = re.match(r"\w+?(ing|ed)\b", option.norm) if len(option.tokens) > 1 else None
    return found[1] if found else ""


def _inflection(view: View) -> Iterator[Hit]:
    others = {_ending(option) for option in view.distractors}
    if len(view.distractors) > 1 and len(others) == 1 and "" not in others and _ending(view.key) not in others:
        yield Hit(f"every option but the key begins in -{others.pop()}")


@rule("CUE3", "warn")
def grammar(view: View) -> Iterator[Hit]:
    """The stem ends in "a" or "an" and an option's first sound disagrees; the key alone agrees in number with the
    stem's is or are; or every option but the key begins with a word in -ing (or -ed).
    """
    yield from _article(view)
    yield from _number(view)
    yield from _inflection(view)


_MARGIN = 0.10


@rule("CUE4", "warn")
def convergence(view: View) -> Iterator[Hit]:
    """The key shares most words with the other options: its summed Jaccard leads by 0.10 or more."""
    if len(view.options) < 3:
        return
    words = [option.token_set for option in view.options]
    sums = [sum(jaccard(one, two) for at, two in enumerate(words) if at != place) for place, one in enumerate(words)]
    own = sums.pop(view.place or 0)
    if own >= max(sums) + _MARGIN:
        yield Hit(f"{own:.2f} against {max(sums):.2f}")


_UNIT = r"(?:mm|cm|m|µm|μm|um|nm|ml|l|mg|g|kg|µg|μg|%|°|hu|mmhg|kpa|hz|years?|months?|weeks?|days?|hours?)"
_FORMATS: dict[str, Callable[[str], object]] = {
    "final period": lambda text: text.rstrip().endswith("."),
    "initial capital": lambda text: text.lstrip()[:1].isupper(),
    "digit": re.compile(r"\d").search,
    "unit": re.compile(rf"\d\s*{_UNIT}(?!\w)", re.IGNORECASE).search,
    "parenthesis": re.compile(r"[()\[\]]").search,
    "hyphen": re.compile(r"(?!x-ray)\w+[-\u2010-\u2015]\w", re.IGNORECASE).search,
    "abbreviation": re.compile(r"\b[A-Z]{2,}s?\b").search,
    "quote": re.compile(r"[\"“”«»‘]|(?<!\w)'|'(?!\w)").search,
}


_HINTS: dict[str, Severity] = {"hyphen": "info", "abbreviation": "info"}


@rule("CUE5", "warn")
def format_outlier(view: View) -> Iterator[Hit]:
    """Of three options or more the key alone has (or alone lacks) a format: final period, initial capital, digit,
    unit, parenthesis, quote; hyphen or abbreviation, which belong to many names, are only a hint (info).
    """
    if len(view.options) < 3:
        return
    for name, has in _FORMATS.items():
        own = bool(has(view.key.raw))
        if all(bool(has(option.raw)) is not own for option in view.distractors):
            yield Hit(f"{'only the key has' if own else 'only the key lacks'}: {name}", _HINTS.get(name))


_NAMES = frozenset(
    words_of(
        "addison alzheimer barrett bartter basedow behcet bell bowen brugada budd burkitt buerger caroli castleman "
        "chagas charcot chiari churg crohn cushing dandy down dupuytren ebstein ehlers eisenmenger ewing fallot "
        "fabry fanconi gaucher gorlin graves guillain hashimoto hirschsprung hodgkin horner huntington kaposi "
        "kawasaki kienbock klinefelter langerhans legg lynch marfan meckel meniere menetrier merkel moyamoya osgood "
        "paget pancoast parkinson perthes peutz pott raynaud reiter reye schwann sjogren stevens sturge takayasu "
        "tourette turner virchow wallenberg wegener wernicke whipple wilms wilson zenker zollinger"
    )
)
_POSSESSED = re.compile(r"\b[A-Z][a-zé]+['’]s\s+(?!own\b)[a-z]")


def _specifics(option: Text) -> frozenset[str]:
    found = set()
    if re.search(r"\d", option.raw):
        found.add("number")
    if option.token_set & _NAMES or _POSSESSED.search(option.raw):
        found.add("eponym")
    return frozenset(found)


@rule("CUE6", "warn")
def specificity(view: View) -> Iterator[Hit]:
    """The key has a number (with or without a unit) or an eponym, and no distractor has one."""
    own = _specifics(view.key).difference(*map(_specifics, view.distractors))
    if own:
        yield Hit(f"only the key has: {listed(own)}")


_LEAST_COSINE = 0.05
_SUFFIXES = {
    "inflammation": ("itis", "itides"),
    "tumour": ("oma", "omas", "omata", "blastoma", "cancer", "carcinoma", "tumor", "neoplasm"),
    "procedure": ("ectomy", "plasty", "otomy", "ostomy", "stenting"),
    "modality": ("graphy", "scopy", "gram"),
    "drug": ("cillin", "mycin", "azole", "prazole", "olol", "pril", "sartan", "statin", "mab", "nib"),
    "microbe": ("coccus", "cocci", "bacter", "bacterium", "virus", "bacillus"),
}


def _classes(view: View, place: int) -> frozenset[str]:
    """What kind of thing an option is, by vocabulary, kind of image or ending of its last word."""
    option = view.options[place]
    found = {name for name, lexicon in view.lexicons.items() if has_term(lexicon, option.raw)}
    if families(option.raw):
        found.add("modality")
    last = option.tokens[-1] if option.tokens else ""
    found.update(name for name, endings in _SUFFIXES.items() if len(last) > 5 and last.endswith(endings))
    return frozenset(found)


def _cosine(one: str, other: str) -> float:
    """Cosine of the counts of three-letter pieces."""
    first, second = (Counter(text[at : at + 3] for at in range(len(text) - 2)) for text in (f" {one} ", f" {other} "))
    norm = sqrt(sum(n * n for n in first.values()) * sum(n * n for n in second.values()))
    return sum(count * second[piece] for piece, count in first.items()) / norm if norm else 0.0


@rule("CUE7", "info")
def type_heterogeneity(view: View) -> Iterator[Hit]:
    """A distractor is of another kind than the key: both have a class (of a vocabulary, a kind of image, an ending),
    they share none, and the cosine of their three-letter pieces is below 0.05.
    """
    own = _classes(view, view.place or 0)
    for place, option in enumerate(view.options):
        other = _classes(view, place)
        if own and other and not other & own and _cosine(option.norm, view.key.norm) < _LEAST_COSINE:
            yield Hit(f"{option.raw[:40]!r} ({listed(other)}) beside {view.key.raw[:40]!r} ({listed(own)})")
