"""What gives the answer away: the stem itself, words about the source, text copied from the caption."""

import re
from collections.abc import Iterator

from medvlsynther.rules.lint._core import Hit, View, rule
from medvlsynther.rules.lint._terms import is_short_for, naming
from medvlsynther.rules.lint._text import Text, longest_run

_META = re.compile(
    r"\bcaptions?\b|\bfigure legends?\b|\blegends?\b"
    r"|\baccording to\b(?!\s+(?:the\s+)?(?:[\w-]+\s+){0,4}?(?:classification|criteria|grading|system|score|scale"
    r"|staging|guidelines?|scheme|convention|nomenclature)\b)"
    r"|\b(?:as|was|were) (?:described|stated|mentioned|reported|noted|discussed|specified)"
    r" (?:in|by|above|below)\b|\bas (?:described|stated|mentioned|reported|specified)\b"
    r"|\bthe (?:provided |given |accompanying |above |source )?(?:text|article|authors?|paper|manuscript|passage"
    r"|excerpt|publication|paragraph|description|case report)\b"
    r"|\b(?:this|the|present|current|our) study\b(?!\s+(?:image|scan))"
    r"|\bcontext\b",
    re.IGNORECASE,
)
_CLINICAL_CONTEXT = re.compile(
    r"\bin (?:the|this|a) (?:(?:clinical|appropriate|right|given) )?(?:\w+ )?context of\b"
    r"(?!\s+(?:the\s+)?(?:article|figure|study|text))"
    r"|\bclinical context\b",
    re.IGNORECASE,
)
_IMAGING_STUDY = re.compile(
    r"\b(?:the|this) study (?:is|was) (?:obtained|performed|acquired)|\b(?:imaging|contrast) study\b", re.IGNORECASE
)


@rule("LEAK1", "error", always=True)
def meta_reference(view: View) -> Iterator[Hit]:
    """The stem speaks of its source: caption, legend, context, "according to", "as described", the text, the article,
    the study, the authors. A grading system or the clinical context is no source.
    """
    stem = _IMAGING_STUDY.sub(" ", _CLINICAL_CONTEXT.sub(" ", view.stem.raw))
    found = _META.search(stem)
    if found:
        yield Hit(repr(found.group()))


_SHARE = 0.8
_SAYS_NOTHING = frozenset({"yes", "no", "true", "false", "none", "normal", "a", "b", "both"})


def _told(option: Text, stem: Text) -> bool:
    """True where the stem holds an option: 0.8 of its content words, or all of a short one ("CT")."""
    if option.content:
        return len(option.content & stem.content) >= _SHARE * len(option.content) and _small_words_told(option, stem)
    bare = len(option.norm) > 1 and not option.norm.isdigit() and option.norm not in _SAYS_NOTHING
    return bare and option.run in stem.run


def _small_words_told(option: Text, stem: Text) -> bool:
    """Short names and numbers ("T2", "5") carry meaning too: "grade 2" is not told by "which grade"."""
    marks = {token for token in option.token_set if any(char.isdigit() for char in token)}
    return marks <= stem.token_set


def _told_otherwise(view: View) -> str | None:
    """Another name of the key that the stem holds: a synonym, or its abbreviation."""
    for _, lexicon in naming(view.lexicons):
        term = lexicon.whole(view.key.raw)
        if term is None:
            continue
        for hit in lexicon.find(view.stem.raw):
            if hit.term.name == term.name:
                return view.stem.raw[hit.start : hit.end]
    for word in re.findall(r"\b[A-Z]{3,6}\b", view.stem.raw):
        if is_short_for(word, view.key.raw):
            return str(word)
    return None


@rule("LEAK2", "error")
def answer_in_stem(view: View) -> Iterator[Hit]:
    """The stem holds 0.8 or more of the key's content words, a short key as a whole, or another name of the key;
    unless a distractor stands in the stem as well, as in "left or right?".
    """
    if any(_told(option, view.stem) for option in view.distractors):
        return
    if _told(view.key, view.stem):
        yield Hit(repr(view.key.raw[:60]))
        return
    other = _told_otherwise(view)
    if other:
        yield Hit(f"{other!r} for {view.key.raw[:60]!r}")


_COPY_WORDS, _SHORT_NAME_WORDS = 5, 3


@rule("LEAK3", "warn")
def caption_copy_of_key(view: View) -> Iterator[Hit]:
    """The caption holds the whole key and no whole distractor, or a run of five words of the key.

    A name of up to three words has no other way to be said: then it is only a measure (info).
    """
    caption = view.sources.caption.run
    words = view.key.tokens
    if len(words) >= _COPY_WORDS and longest_run(words, caption, most=_COPY_WORDS) >= _COPY_WORDS:
        yield Hit("five words or more in a row")
    elif (
        words
        and view.key.run in caption
        and not any(option.norm and option.run in caption for option in view.distractors)
    ):
        yield Hit(repr(view.key.raw[:60]), "info" if len(words) <= _SHORT_NAME_WORDS else None)


_QUOTE_WORDS, _QUOTE_CHARS, _WHOLE_CAPTION_WORDS = 13, 50, 6


@rule("LEAK4", "warn", always=True)
def caption_copy_of_stem(view: View) -> Iterator[Hit]:
    """The stem shares a run of 13 words, or of 50 characters in whole words, with the caption or a mention; or it holds
    a whole caption of six words or more.
    """
    caption = view.sources.caption
    if len(caption.tokens) >= _WHOLE_CAPTION_WORDS and caption.run in view.stem.run:
        yield Hit("the whole caption")
        return
    words = view.stem.tokens
    for start in range(len(words)):
        run, stop = "", start
        while stop < len(words) and stop - start < _QUOTE_WORDS and len(run) < _QUOTE_CHARS:
            run, stop = f"{run} {words[stop]}".strip(), stop + 1
        if stop - start < _QUOTE_WORDS and len(run) < _QUOTE_CHARS:
            return
        if any(f" {run} " in source.run for source in (view.sources.caption, view.sources.context)):
            yield Hit(repr(run[:80]))
            return
