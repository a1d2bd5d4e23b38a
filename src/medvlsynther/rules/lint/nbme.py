"""Flaws of item writing that make a question harder or easier for reasons that are not medicine.

Source: NBME Item-Writing Guide (2020); the word lists follow the item-writing flaws of SAQUET.
"""

import re
from collections.abc import Iterator
from itertools import pairwise, takewhile

from medvlsynther.records import Record
from medvlsynther.rules.lint._core import Hit, View, rule
from medvlsynther.rules.lint._text import Text, level, listed, words_of

_ALL_OR_NONE = re.compile(
    r"\b(?:all|none|both|neither|any|each|some) of (?:the|these|those) "
    r"(?:above|below|options?|choices|answers?|alternatives|following|others?|mentioned|listed|preceding)\b"
    r"|^(?:all|none|both|neither|any) of (?:these|those|them)\b|^(?:all|none) (?:are|is) (?:correct|true|right)\b"
    r"|^(?:no|none|all)(?: of the)?(?: other)? (?:correct )?(?:answers?|options?|choices?)(?: (?:is|are) \w+)?$"
    r"|\ball (?:the )?above\b|\bnone (?:the )?above\b"
)


@rule("NBM1", "error", always=True)
def all_or_none(view: View) -> Iterator[Hit]:
    """An option is "all of the above", "none of these" or the like."""
    for option in view.options:
        if _ALL_OR_NONE.search(option.norm):
            yield Hit(repr(option.raw[:60]))


_NEGATIVE = re.compile(r"\b(?:not|except|least|incorrect|false|never|without|n['’]t)\b|\w+n['’]t\b", re.IGNORECASE)
_NO_NEGATION = re.compile(
    r"\bat least\b|\bfalse[- ](?:lumen|positive|negative|colou?r|aneurysm|cords?|ribs?|vocal)\b"
    r"|\bwithout (?:iv |intravenous |oral |any )*(?:contrast|gadolinium|enhancement|magnification|staining)\b"
    r"|\b(?:with and|with or) without\b|\bwhether or not\b",
    re.IGNORECASE,
)


@rule("NBM2", "warn", always=True)
def negative_lead_in(view: View) -> Iterator[Hit]:
    """The last sentence of the stem holds not, except, least, incorrect, false, never or without.

    "At least", "false lumen" and "without contrast" ask nothing backwards.
    """
    for sentence in view.stem.sentences[-1:]:
        found = _NEGATIVE.search(_NO_NEGATION.sub(" ", sentence))
        if found:
            yield Hit(repr(found.group()))


_ABSOLUTE = frozenset(words_of("always never none all every completely absolutely totally definitely entirely only"))
_VAGUE = frozenset(
    words_of(
        "frequently occasionally rarely usually sometimes generally often commonly normally mostly typically "
        "possibly probably likely may might could seldom largely"
    )
)


def _tone(view: View, words: frozenset[str]) -> tuple[frozenset[str], list[frozenset[str]]]:
    """Which of the words the key holds, and which each distractor holds."""
    return view.key.token_set & words, [option.token_set & words for option in view.distractors]


@rule("NBM3", "warn")
def absolute_terms(view: View) -> Iterator[Hit]:
    """An option holds always, never, none, all, completely, only, …; a cue where distractors alone do."""
    key, others = _tone(view, _ABSOLUTE)
    found = key.union(*others)
    if found:
        yield Hit(f"{'' if key else 'cue, in distractors only: '}{listed(found)}")


@rule("NBM4", "info")
def vague_terms(view: View) -> Iterator[Hit]:
    """An option holds usually, sometimes, often, may, …; a cue (warn) where the key alone does."""
    key, others = _tone(view, _VAGUE)
    if key and not any(others):
        yield Hit(f"cue, in the key only: {listed(key)}", "warn")
    elif key or any(others):
        yield Hit(listed(key.union(*others)))


_BLANK = re.compile(r"_{2,}|\.{4,}|…{2,}")
_BARE = re.compile(r"(?:yes|no|true|false)\b")


@rule("NBM5", "warn", always=True)
def yes_or_no(view: View) -> Iterator[Hit]:
    """Two options or more are yes, no, true or false, alone or with a reason; or the stem has a blank to fill."""
    bare = [option for option in view.options if option.norm in ("yes", "no", "true", "false")]
    led = [
        option for option in view.options if re.match(r"\s*(?:yes|no|true|false)\s*[,;:–-]", option.raw, re.IGNORECASE)
    ]
    if len(bare) + len(led) > 1:
        yield Hit("yes/no or true/false options")
    if _BLANK.search(view.stem.raw):
        yield Hit("blank in the stem")


_PARTS = re.compile(r"\s*[,;]\s*(?:and\s+)?|\s+(?:and|&|plus)\s+", re.IGNORECASE)


@rule("NBM6", "warn", always=True)
def k_type(view: View) -> Iterator[Hit]:
    """Three options or more are lists ("a and b") whose parts recur in each other, or one list in other orders."""
    lists = [frozenset(filter(None, map(level, _PARTS.split(option.raw)))) for option in view.options]
    lists = [parts for parts in lists if len(parts) > 1]
    sharing = [one for place, one in enumerate(lists) if any(one & two for at, two in enumerate(lists) if at != place)]
    if len(sharing) > 2:
        recurring = {part for one in sharing for part in one if sum(part in two for two in sharing) > 1}
        yield Hit(f"combinations of {listed(recurring)}")


_NUMBER = re.compile(r"[-−]?\d+(?:[.,]\d+)?")


@rule("NBM7", "info", always=True)
def lost_sequence(view: View) -> Iterator[Hit]:
    """All options, three or more, reduce to one number with at most two words, and stand in neither order."""
    values: list[float] = []
    for option in view.options:
        numbers = _NUMBER.findall(option.raw)
        words = [token for token in option.tokens if not token[0].isdigit()]
        if len(numbers) != 1 or len(words) > 2:
            return
        values.append(float(numbers[0].replace("−", "-").replace(",", ".")))
    steps = [later - earlier for earlier, later in pairwise(values)]
    if len(values) > 2 and min(steps) < 0 < max(steps):
        yield Hit("numbers in no order")


_QUESTION_MARK = re.compile(r"[?？؟;;]\s*[)\"'”’]*\s*$|[?？؟]")
_LEAD_IN = re.compile(
    r"(?:^|[,;:]\s*)(?:(?:and|so|then|based on \w+ \w+|in|at|on|by|to|for|from|with|of|through|into|during)\s+)?"
    r"(?:what|which|where|who|whom|whose|when|why|how|identify|select|choose|name|determine|indicate|state|specify"
    r"|describe|classify|localize|localise|locate|label|pick|point|give|find|recognize|recognise|estimate|count)\b",
    re.IGNORECASE,
)


@rule("NBM8", "warn", always=True)
def unfocused_stem(view: View) -> Iterator[Hit]:
    """The stem has no question mark, and no sentence of it leads in with a question word or an imperative."""
    if not view.stem.norm or _QUESTION_MARK.search(view.stem.raw):
        return
    if not any(_LEAD_IN.search(sentence) for sentence in view.stem.sentences):
        yield Hit("asks nothing")


class Readability(Record):
    """How a text reads; English only, and medical words inflate the grade."""

    words: int
    """Words."""
    sentences: int
    """Sentences."""
    grade: float
    """Flesch-Kincaid grade: years of school, English."""


_VOWELS = re.compile(r"[aeiouy]+")


def _syllables(word: str) -> int:
    count = len(_VOWELS.findall(word))
    return max(1, count - (word.endswith("e") and not word.endswith(("le", "ee"))))


def readability(text: str) -> Readability:
    """Words, sentences and Flesch-Kincaid grade of a text; grade 0 for one without words.

    Source: Kincaid et al. 1975; syllables are counted as groups of vowels.
    """
    return _readability(Text(text))


def _readability(text: Text) -> Readability:
    words, sentences = len(text.tokens), max(1, len(text.sentences))
    if not words:
        return Readability(words=0, sentences=0, grade=0.0)
    syllables = sum(map(_syllables, text.tokens))
    return Readability(
        words=words, sentences=sentences, grade=round(0.39 * words / sentences + 11.8 * syllables / words - 15.59, 1)
    )


_MOST_WORDS, _MOST_SENTENCES, _HARD_GRADE = 35, 2, 20.0


@rule("NBM9", "info", always=True)
def stem_length(view: View) -> Iterator[Hit]:
    """The stem has more than 35 words or more than 2 sentences (the published rubric's limit)."""
    words, sentences = len(view.stem.tokens), len(view.stem.sentences)
    if words > _MOST_WORDS or sentences > _MOST_SENTENCES:
        yield Hit(f"{words} words, {sentences} sentences")


@rule("NBM10", "info", always=True)
def repeated_lead(view: View) -> Iterator[Hit]:
    """All options begin with the same two words or more: they belong into the stem."""
    if len(view.options) < 2:
        return
    same = takewhile(lambda words: len(set(words)) == 1, zip(*(option.tokens for option in view.options), strict=False))
    lead = [words[0] for words in same]
    if len(lead) > 1:
        yield Hit(repr(" ".join(lead)))


@rule("TXT1", "info", always=True)
def hard_to_read(view: View) -> Iterator[Hit]:
    """The stem's Flesch-Kincaid grade is above 20; a report only, because medical terms inflate it."""
    reading = _readability(view.stem)
    if reading.grade > _HARD_GRADE:
        yield Hit(f"grade {reading.grade} in {reading.words} words, {reading.sentences} sentences")
