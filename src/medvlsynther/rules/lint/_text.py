"""How lint sees a text: levelled words, stems and runs of words, each computed once and only when asked for.

Levelled means: compatibility forms and accents resolved, case folded, possessive 's dropped, one spelling for ae/oe
and -our, punctuation gone, words joined by one blank. Scripts without blanks between words (Chinese, Japanese) count
one sign as one word.
"""

import re
import threading
import unicodedata
from collections.abc import Iterable
from functools import cached_property, lru_cache

import snowballstemmer


class _Stemmer(threading.local):
    """A stemmer for each thread, because it keeps the word that it is at work on."""

    def __init__(self) -> None:
        self.stem = snowballstemmer.stemmer("english").stemWord


_ENGLISH = _Stemmer()
_LONGEST_WORD = 30
"""Longer "words" are not stemmed: no word of the language is, and a stemmer's time grows with them."""

_TOKEN = re.compile(r"[^\W_]+")
_TOKEN_ANY = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_MARKS = re.compile(r"[\u0300-\u036f]")
_POSSESSIVE = re.compile(r"['’]s\b")
_OUR = re.compile(r"our(?<=\w\wour)(s?)\b")
_SENTENCE_END = re.compile(r"[.!?。？！؟]+(?=\s|$|[\u3040-\u9fff])")
_SHORT_FORM = re.compile(r"\b(?:fig|figs|vs|dr|mr|ms|mrs|no|e\.g|i\.e|approx|ca|st|cf|al)\.$|\b[a-z]\.$", re.IGNORECASE)


def level(text: str) -> str:
    """The words of a text as they are compared, joined by one blank; "" where there are none."""
    if text.isascii():
        words, token = text.lower(), _TOKEN
    else:
        words, token = _MARKS.sub("", unicodedata.normalize("NFKD", text)).casefold(), _TOKEN_ANY
    words = _POSSESSIVE.sub("", words).replace("ae", "e").replace("oe", "e")
    return " ".join(token.findall(_OUR.sub(r"or\1", words)))


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The stem of a levelled word.

    Source: the English Snowball stemmer (Porter 2).
    """
    if len(word) > _LONGEST_WORD or not word.isascii():
        return word
    return str(_ENGLISH.stem(word))


def words_of(text: str) -> tuple[str, ...]:
    """The levelled words of a text in order."""
    return tuple(level(text).split())


STOP = frozenset(
    words_of(
        "about above after again also although among another because been before being below best between both cause "
        "caused characteristic characterized clinical condition considered consistent could demonstrate demonstrated "
        "demonstrates depict depicted depicts describe described describes display displayed displays does during "
        "each evident feature features figure finding findings following from given have having highlighted "
        "identified illustrate illustrated illustrates image images indicate indicated indicates into imaging like "
        "likely main more most mostly noted observed only other over patient patients picture present presence "
        "presented represent represented represents reveal revealed reveals same seen should sided show showed showing "
        "shown shows some such suggest suggested suggests than that their them then there these they this those "
        "through type under upon used using very visible visualized were what when where which while whose will with "
        "within without would your"
    )
)
"""Words of four letters and more that carry no content in a question about an image."""


class Text:
    """One text in the forms that the rules compare."""

    def __init__(self, raw: str) -> None:
        self.raw = raw

    @cached_property
    def norm(self) -> str:
        """Levelled words joined by blanks."""
        return level(self.raw)

    @cached_property
    def shown(self) -> str:
        """The levelled words, or the bare signs of a text without words ("+", "++")."""
        return self.norm or "".join(unicodedata.normalize("NFKC", self.raw).split())

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """Levelled words in order."""
        return tuple(self.norm.split())

    @cached_property
    def bag(self) -> tuple[str, ...]:
        """Levelled words in alphabetical order."""
        return tuple(sorted(self.tokens))

    @cached_property
    def token_set(self) -> frozenset[str]:
        """Levelled words as a set."""
        return frozenset(self.tokens)

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Stems in order."""
        return tuple(map(stem, self.tokens))

    @cached_property
    def content(self) -> frozenset[str]:
        """Stems of the words of four letters and more that are no stop words."""
        return frozenset(stem(token) for token in self.tokens if len(token) > 3 and token not in STOP)

    @cached_property
    def run(self) -> str:
        """The levelled words between blanks, so that a part of it in blanks is a run of whole words."""
        return f" {self.norm} "

    @cached_property
    def stem_run(self) -> str:
        """The same with stems."""
        return f" {' '.join(self.stems)} "

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """Sentences without their final stops; a stop after a short form ends none."""
        found, start = [], 0
        for stop in _SENTENCE_END.finditer(self.raw):
            if _SHORT_FORM.search(self.raw[max(0, stop.end() - 8) : stop.end()]) and stop.end() < len(self.raw):
                continue
            found.append(self.raw[start : stop.start()].strip())
            start = stop.end()
        found.append(self.raw[start:].strip())
        return tuple(sentence for sentence in found if sentence)


@lru_cache(maxsize=1 << 13)
def text_of(raw: str) -> Text:
    """The text, kept for other items that have it too: options recur."""
    return Text(raw)


def longest_run(words: tuple[str, ...], within: str, *, most: int) -> int:
    """Length in words of the longest run of `words` that stands in `within` (a `run`), counted up to `most`."""
    best = 0
    for start in range(len(words)):
        while best < most and start + best < len(words):
            if f" {' '.join(words[start : start + best + 1])} " not in within:
                break
            best += 1
    return best


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared part of two sets of words, 0..1; 0 for two empty ones."""
    return len(one & other) / len(one | other) if one or other else 0.0


def listed(words: Iterable[str]) -> str:
    """Up to five words in alphabetical order, for a note."""
    return ", ".join(sorted(words)[:5])


_OPPOSITE = re.compile(
    r"^(?:un|in|im|non|hyper|hypo|de|dis|a|an|ante|retro|pre|post|supra|infra|ab|ad|intra|extra|endo"
    r"|exo|macro|micro|inter|eu|iso)"
)
_LITTLE = frozenset({"a", "an", "the", "of", "in", "on", "is", "are", "was", "has"})
_SIDES = frozenset(
    words_of(
        "left right upper lower anterior posterior medial lateral superior inferior proximal distal increase "
        "increased decrease decreased high low male female acute chronic systolic diastolic afferent efferent artery "
        "vein arterial venous present absent positive negative maxilla mandible maxillary mandibular dorsal ventral "
        "radial ulnar"
    )
)


def marks(text: Text) -> frozenset[str]:
    """The words that make two otherwise near-equal texts differ on purpose: numbers, grades, sides, short names."""
    return frozenset(
        word
        for word in text.token_set
        if word in _SIDES or (len(word) < 4 and word not in _LITTLE) or any(char.isdigit() for char in word)
    )


def opposed(one: Text, other: Text) -> bool:
    """True where near-equal words are meant to differ: by a mark, or by opposite prefixes of one word."""
    if marks(one) != marks(other):
        return True
    lone = [(a, b) for a in one.token_set - other.token_set for b in other.token_set - one.token_set]
    return any(a != b and _OPPOSITE.sub("", a) == _OPPOSITE.sub("", b) for a, b in lone)
