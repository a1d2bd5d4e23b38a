"""Terms of a vocabulary found in running text: whole words, longest match, and whether the text denies them.

A `Lexicon` indexes every name and alias by its first word, so that a caption costs one pass over its words and most
words end at one dictionary look-up. What counts as the same word: case (but for aliases in capitals: "US" is not
"us"), accents, ae/oe and -our spellings, possessive 's, hyphen or blank between words, and plural of the last word.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from medvlsynther.records import Term

_WORD = re.compile(r"[\w\u0300-\u036f]+(?:['’]s\b)?")
_GAP = re.compile(r"[\s\-\u2010-\u2015\u2212/&]{1,3}|(?<=\b[A-Z])\.\s?")
"""What may stand between the words of a term: blank, hyphen, slash, ampersand, and the point of an initial."""

_BRITISH = re.compile(r"our(s?)$")
_PLURALS = (("is", "es"), ("um", "a"), ("us", "i"), ("on", "a"), ("a", "ae"), ("ix", "ices"), ("ex", "ices"))
_IRREGULAR = {"tooth": "teeth", "foot": "feet", "biopsy": "biopsies"}


class Hit(NamedTuple):
    """A term standing in a text, at characters `start` to `end`."""

    term: Term
    start: int
    end: int


@lru_cache(maxsize=1 << 16)
def fold(word: str) -> str:
    """A word as it is compared: lower case, no accents, no possessive, one spelling for ae/oe and -our."""
    word = word.removesuffix("'s").removesuffix("’s")
    if not word.isascii():
        decomposed = unicodedata.normalize("NFKD", word)
        word = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _BRITISH.sub(r"or\1", word.casefold().replace("ae", "e").replace("oe", "e"))


def words(text: str) -> tuple[str, ...]:
    """The words of a text in order, folded."""
    return tuple(fold(match.group()) for match in _WORD.finditer(text))


def is_same(one: str, other: str) -> bool:
    """True when two texts are the same words."""
    return words(one) == words(other)


def _plurals(word: str) -> Iterator[str]:
    """The word and what its plural may be; forms that no text uses do no harm."""
    yield word
    yield word + "s"
    if word.endswith(("s", "x", "ch", "sh", "z")):
        yield word + "es"
    if word.endswith("y"):
        yield word[:-1] + "ies"
    if word in _IRREGULAR:
        yield _IRREGULAR[word]
    for ending, plural in _PLURALS:
        if len(word) > 4 and word.endswith(ending):
            yield word.removesuffix(ending) + plural


def _spellings(alias: str) -> Iterator[tuple[str, ...]]:
    """The words of one alias in singular and plural: as written for an alias in capitals, else folded."""
    *first, last = _WORD.findall(alias)
    # The plural is formed before folding, so that "vertebrae" and "metastases" meet their folded forms.
    for form in (last, last + "s") if alias.isupper() else map(fold, _plurals(last.lower())):
        yield (*(first if alias.isupper() else map(fold, first)), form)


class _Node:
    """A step into the trie of folded words."""

    __slots__ = ("exact", "further", "term")

    def __init__(self) -> None:
        self.further: dict[str, _Node] = {}
        self.term: Term | None = None
        self.exact: dict[tuple[str, ...], Term] = {}

    def add(self, spelling: tuple[str, ...], term: Term, exact: bool) -> None:
        node = self
        for word in spelling:
            node = node.further.setdefault(fold(word), _Node())
        if exact:
            node.exact.setdefault(spelling, term)
        elif node.term is None:
            node.term = term


class Lexicon:
    """Terms ready to be found in texts; where two terms share a spelling, the earlier one has it."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self.terms = tuple(terms)
        self._by_name = {term.name: term for term in reversed(self.terms)}
        self._root = _Node()
        for term in self.terms:
            for alias in filter(_WORD.search, (term.name, term.display, *term.aliases)):
                for spelling in _spellings(alias):
                    self._root.add(spelling, term, alias.isupper())

    def get(self, name: str) -> Term | None:
        """The term of that canonical name."""
        return self._by_name.get(name)

    def find(self, text: str) -> tuple[Hit, ...]:
        """Every term in the text, from left to right; of terms that start at one word, the longest; none overlap."""
        raw = _WORD.findall(text)
        folded = list(map(fold, raw))
        heads = self._root.further
        places = [place for place, word in enumerate(folded) if word in heads]
        if not places:
            return ()
        spans = [match.span() for match in _WORD.finditer(text)]
        hits: list[Hit] = []
        free = 0
        for place in places:
            if place >= free and (found := self._longest(text, place, raw, folded, spans)):
                term, free = found
                hits.append(Hit(term, spans[place][0], spans[free - 1][1]))
        return tuple(hits)

    def _longest(
        self, text: str, place: int, raw: list[str], folded: list[str], spans: list[tuple[int, int]]
    ) -> tuple[Term, int] | None:
        """The longest term that starts at a word, and the number of the word after it."""
        node = self._root.further[folded[place]]
        found = None
        stop = place + 1
        while True:
            term = node.exact.get(tuple(raw[place:stop])) if node.exact else None
            if term := term or node.term:
                found = (term, stop)
            if stop == len(raw) or folded[stop] not in node.further:
                return found
            if not _GAP.fullmatch(text, spans[stop - 1][1], spans[stop][0]):
                return found
            node = node.further[folded[stop]]
            stop += 1

    def whole(self, text: str) -> Term | None:
        """The term that the whole text is a spelling of, as an option's text is."""
        hits = self.find(text)
        if len(hits) == 1 and not _WORD.search(text[: hits[0].start] + " " + text[hits[0].end :]):
            return hits[0].term
        return None


# ------------------------------------------------------------------------------------------- denied and doubted

_SCOPE = 90
"""Characters on either side of a term in which a cue counts: about a dozen words."""

_BREAK = re.compile(
    r"[.;:!?](?=\s|$)|\n|\b(?:but|however|although|though|whereas|while|except|apart from|aside from|showing|shows?"
    r"|reveal(?:s|ed|ing)?|demonstrat(?:es?|ed|ing)|due to|because|which|is|are|was|were)\b"
    r"|(?<!associated )(?<!consistent )(?<!compatible )(?<!patients )\bwith\b",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"\bno\b(?!\.)(?!\s+(?:\w+\s+)?(?:change|increase|decrease|progression|improvement|doubt)\b)"
    r"|\bnot\b(?!\s+(?:only|just|necessarily|clear|certain))|\bnor\b|\bneither\b|\bnever\b"
    r"|\bwithout\b(?!\s+(?:\w+\s+)?change\b)|\babsen(?:ce of|t)\b|\blacks?\b|\blacking\b"
    r"|\bnegative for\b|\bfree (?:of|from)\b|\bdenie[sd]\b|\bruled? out\b|\bexclu(?:des?|ded|ding)\b"
    r"|\brather than\b|\binstead of\b|\bresolution of\b|\bresolved\b",
    re.IGNORECASE,
)
_DENIES_NOT = re.compile(r"\bnot\s+(?:to\s+)?$", re.IGNORECASE)
_DENIED_AFTER = re.compile(
    r"^(?:\s+\w+){0,3}?\s*\b(?:is|are|was|were|has been|have been|could be)\s+(?:\w+\s+)?"
    r"(?:absent|excluded|ruled out|negative|resolved|no longer|never|not\b(?!\s+only))"
    r"|^\s*(?:\(|,)?\s*(?:absent|excluded|ruled out|not\s+(?:seen|shown|present|visible|detected|identified|found))\b",
    re.IGNORECASE,
)
_DOUBTS = re.compile(
    r"\b(?:possibl[ey]|probabl[ey]|suspect(?:ed|ing)?|suspicio(?:n|us)|suggest(?:s|ed|ive|ing)?|presum(?:ed|ably)"
    r"|potential(?:ly)?|may|might|could|likely|unclear|question of|differential|versus|vs|mimic(?:s|king)?"
    r"|resembl(?:es?|ing)|simulat(?:es?|ing)|history of|previous(?:ly)?|prior|risk (?:of|for|factors?)|screening for"
    r"|patients (?:with|who|suffering)|carriers|cohort"
    r"|to exclude|evaluat(?:e|ion) for|if"
    r"|(?:after|following|before|status post)\s+(?:\w+\s+){0,2}?(?:resection|removal|excision|treatment|repair|drainage"
    r"|clipping|emboli[sz]ation|evacuation|surgery|operation)(?:\s+(?:of|for))?)\b",
    re.IGNORECASE,
)
_DOUBTED_AFTER = re.compile(
    r"^-?\s*(?:like\b|mimic|\?|(?:is|are|was|were)?\s*(?:suspected|possible|probable|likely|cannot be excluded))"
    r"|^\s+(?:risk|severity|index|scores?|cells?(?: lines?)?|patients|survivors|cohort|groups?|screening|incidence"
    r"|prevalence|mortality|models?|treatment|therapy|surgery|protocol)\b",
    re.IGNORECASE,
)


def _before(text: str, hit: Hit) -> str:
    """What stands before a hit in its own clause."""
    start = max(0, hit.start - _SCOPE)
    clause = start
    for end in _BREAK.finditer(text, start, hit.start):
        clause = end.end()
    return text[clause : hit.start]


def is_negated(text: str, hit: Hit) -> bool:
    """True when the clause around a hit says that the thing is not there.

    Source: the idea of NegEx (Chapman et al. 2001): a cue before the term up to the end of its clause, or just after.
    """
    before = _before(text, hit)
    if any(not _DENIES_NOT.search(before[: cue.start()]) for cue in _DENIES.finditer(before)):
        return True
    # A verb ends a clause to the left of a term, but "was not" and "is free of" still speak of what follows.
    lead = text[max(0, hit.start - _SCOPE) : hit.start]
    if re.search(r"\b(?:is|are|was|were)\s+(?:not|never|absent|free of|negative for)\s+(?:\w+\s+){0,3}$", lead, re.I):
        return True
    return bool(_DENIED_AFTER.search(text[hit.end : hit.end + _SCOPE]))


def is_doubted(text: str, hit: Hit) -> bool:
    """True when the clause around a hit leaves open whether the thing is there: suspected, earlier, a cohort's."""
    return bool(_DOUBTS.search(_before(text, hit)) or _DOUBTED_AFTER.search(text[hit.end : hit.end + _SCOPE]))


def stated(lexicon: Lexicon, text: str) -> tuple[Hit, ...]:
    """The terms that a text says are there: neither denied nor doubted."""
    return tuple(hit for hit in lexicon.find(text) if not is_negated(text, hit) and not is_doubted(text, hit))
