"""Marks that code can decide: each published criterion by a proxy over terms, and nothing by guess.

A proxy reads the item as terms: what the options are, which of them the caption states, which are named at all. Where
the options are not vocabulary terms most proxies cannot tell, and the mark is withheld. The note says what was seen.

criterion                  is awarded when
Stem Self-contained        the stem is a question about the image, without source, panel, letter or mark
Vocabulary Constraint      every vocabulary term in stem and key stands in caption or mentions
Diagnosis Leak             neither the key nor a word of it, nor another name, stands in the stem
Single Correct Option      the caption states the key and no other option, nor what could be right besides
Option Type Consistency    all options are terms of one card and of sibling groups
Clinical Validity          the key is stated, denied nowhere, and fits the figure's modality and place
Image–Text Consistency     the key is stated of the whole figure, and the stem asks for what the options are
Plausible Distractors      wrong options are siblings of the key that fit modality and place, and are named nowhere
Parallel Options           options begin, end and run alike
Stem Concision             at most 25 words and one sentence
Clarity and Focus          one question mark, a question word, no negation
Answer Field Validity      the key is one of the letters
JSON Schema Compliance     letters run from A, every text is there
Forbidden Terms            no word about the source, no "all of the above"
Synonym Drift              the key is the entry that the caption states, by whichever of its names
Multiple Keys              no two options are the same or related, and only the key is stated
Medical Inaccuracy         nothing stated is contradicted: the key holds, and stem and key fit each other
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

from medvlsynther.engines._lexical_terms import KINDS, Evidence, lexicon, places_agree, related, siblings, tags
from medvlsynther.engines._lexical_write import askable_finding, fits_modality, fits_place, shares_word
from medvlsynther.records import LETTERS, Term
from medvlsynther.rules.vocab import words

UNDECIDED = "not decidable without a model"

_META = re.compile(
    r"\b(?:captions?|legends?|according to|as (?:described|mentioned|stated|reported)"
    r"|the (?:text|article|authors?|study|paper|passage|context|report)|this (?:study|article|paper|case report))\b",
    re.IGNORECASE,
)
_POINTS = re.compile(
    r"\b(?:panel|image|figure|fig\.?|part)s?\s*\(?[A-H]\b|\([A-Ha-h]\)|\barrow(?:head)?s?\b|\basterisks?\b|\bfig(?:ure)?\.?\s*\d"
)
_UNFIT_OPTION = re.compile(r"\b(?:(?:all|none|both|any) of the|neither|both [A-E] and)\b", re.IGNORECASE)
_QUESTION_WORD = re.compile(r"\b(?:which|what|where|how|who|when|why)\b", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:not|except|least|incorrect|false|never|without)\b", re.IGNORECASE)
_ASKS = {"modality": "modality", "anatomy": "anatomy", "finding": "findings", "diagnosis": "findings"}
"""Which card's terms answer which type of question."""

_LONGEST_STEM_WORDS = 25
_UNEVEN_WORDS = 4
"""Most words by which the longest option may exceed the shortest."""


class Ruling(NamedTuple):
    """One mark: met or not, and why in a few words."""

    passed: bool
    note: str


@dataclass(frozen=True)
class Exhibit:
    """An item beside its evidence, read as terms."""

    question: str
    options: Mapping[str, str]
    answer: str
    evidence: Evidence

    @cached_property
    def key(self) -> str:
        """Text of the keyed option; "" where the letter is none."""
        return self.options.get(self.answer, "")

    @cached_property
    def card(self) -> str | None:
        """The card that the key is a term of; the one that knows most options where several do."""
        known = [card for card in KINDS if lexicon(card).whole(self.key)]
        return max(
            known, key=lambda card: sum(bool(lexicon(card).whole(text)) for text in self.options.values()), default=None
        )

    @cached_property
    def terms(self) -> Mapping[str, Term]:
        """The options that are terms of that card, by letter."""
        if self.card is None:
            return {}
        found = {letter: lexicon(self.card).whole(text) for letter, text in self.options.items()}
        return {letter: term for letter, term in found.items() if term is not None}

    @cached_property
    def key_term(self) -> Term | None:
        """The key as a term."""
        return self.terms.get(self.answer)

    @cached_property
    def distractors(self) -> tuple[Term, ...]:
        """The wrong options that are terms."""
        return tuple(term for letter, term in self.terms.items() if letter != self.answer)

    def supported(self) -> tuple[str, ...]:
        """Letters of the options that the caption states of the whole figure."""
        if self.card is None:
            return ()
        return tuple(letter for letter, term in self.terms.items() if self.evidence.supports(term, self.card))

    def named(self) -> tuple[Term, ...]:
        """Terms of the options' card that stand anywhere around the figure."""
        return self.evidence.named(self.card) if self.card else ()


def judge(exhibit: Exhibit, criteria: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """A mark and a note for each criterion, by its id. Titles are compared without case, blanks and dashes."""
    marks = {}
    for criterion in criteria:
        proxy = _PROXIES.get(_level(str(criterion.get("title", "")))) or _PROXIES.get(_level(str(criterion["id"])))
        ruling = proxy(exhibit) if proxy else Ruling(False, UNDECIDED)
        marks[str(criterion["id"])] = {"note": ruling.note, "pass": ruling.passed}
    return marks


def _level(title: str) -> str:
    return "".join(words(title.replace("_", " ")))


def _when(met: bool, yes: str, no: str) -> Ruling:
    return Ruling(met, yes if met else no)


# ------------------------------------------------------------------------------------------- by form alone


def _self_contained(item: Exhibit) -> Ruling:
    pointer = _META.search(item.question) or _POINTS.search(item.question)
    if pointer:
        return Ruling(False, f"stem says {pointer.group()!r}")
    return _when(bool(words(item.question)), "stem needs nothing but the image", "stem is empty")


def _concise(item: Exhibit) -> Ruling:
    count = len(item.question.split())
    sentences = len(re.findall(r"[.?!](?:\s|$)", item.question))
    return _when(
        0 < count <= _LONGEST_STEM_WORDS and sentences <= 1, f"{count} words", f"{count} words, {sentences} sentences"
    )


def _clear(item: Exhibit) -> Ruling:
    if item.question.count("?") != 1 or not _QUESTION_WORD.search(item.question):
        return Ruling(False, "not one question")
    return _when(not _NEGATION.search(item.question), "one question without negation", "negated question")


def _parallel(item: Exhibit) -> Ruling:
    texts = [text.strip() for text in item.options.values()]
    lengths = [len(words(text)) for text in texts]
    alike = len({text[:1].isupper() for text in texts}) == 1 and len({text.endswith(".") for text in texts}) == 1
    even = bool(lengths) and max(lengths) - min(lengths) <= _UNEVEN_WORDS
    return _when(alike and even, "options begin, end and run alike", "options differ in form or length")


def _answer_field(item: Exhibit) -> Ruling:
    return _when(item.answer in item.options, "key is a letter of the options", "key is no letter of the options")


def _schema(item: Exhibit) -> Ruling:
    letters = list(item.options)
    sound = len(letters) >= 2 and letters == list(LETTERS[: len(letters)]) and bool(item.question.strip())
    return _when(sound and all(text.strip() for text in item.options.values()), "complete", "incomplete")


def _forbidden(item: Exhibit) -> Ruling:
    texts = (item.question, *item.options.values())
    found = next((hit for text in texts if (hit := _META.search(text) or _UNFIT_OPTION.search(text))), None)
    return _when(found is None, "none found", f"says {found.group()!r}" if found else "")


# ------------------------------------------------------------------------------------------- by terms


def _vocabulary(item: Exhibit) -> Ruling:
    for card in KINDS:
        known = {name for term in item.evidence.named(card) for name in (term.name, *tags(term, card))}
        # A key that is a term stands for itself; what another card finds inside its name is no claim.
        texts = [item.question] if item.card not in (None, card) else [item.question, item.key]
        for text in texts:
            for hit in lexicon(card).find(text):
                if hit.term.name not in known and not tags(hit.term, card) & known:
                    return Ruling(False, f"{text[hit.start : hit.end]!r} stands nowhere in the sources")
    return Ruling(True, "terms of stem and key stand in the sources")


def _leak(item: Exhibit) -> Ruling:
    if item.key_term is None or item.card is None:
        return Ruling(False, UNDECIDED)
    names = {hit.term.name for hit in lexicon(item.card).find(item.question)}
    if item.key_term.name in names or shares_word(item.question, item.key):
        return Ruling(False, "stem holds the key or a word of it")
    told = [term for term in item.distractors if term.name in names]
    return _when(not told, "stem tells nothing of the key", "stem holds an option")


def _single(item: Exhibit) -> Ruling:
    key = item.key_term
    if key is None or len(item.terms) < len(item.options):
        return Ruling(False, UNDECIDED)
    if item.supported() != (item.answer,):
        return Ruling(False, f"caption states {', '.join(item.supported()) or 'none'}")
    rivals = [term for term in item.distractors if any(related(term, said) for said in (key, *item.named()))]
    return _when(not rivals, "caption states the key only", f"{rivals[0].text if rivals else ''} may be right too")


def _one_type(item: Exhibit) -> Ruling:
    key = item.key_term
    if key is None:
        return Ruling(False, UNDECIDED)
    if len(item.terms) < len(item.options):
        return Ruling(False, f"not every option is one of {item.card}")
    return _when(
        all(siblings(key, term) for term in item.distractors), f"all of {item.card}", "options of several groups"
    )


def _valid(item: Exhibit) -> Ruling:
    key, evidence = item.key_term, item.evidence
    if key is None or item.card is None:
        return Ruling(False, UNDECIDED)
    if not evidence.supports(key, item.card):
        return Ruling(False, "key is not stated, or is denied")
    if item.card == "findings":
        said = [evidence.caption[hit.start : hit.end] for hit in evidence.hits("findings") if hit.term.name == key.name]
        return _when(
            any(askable_finding(key, text, evidence) for text in said), "key fits image and place", "key fits not"
        )
    return _when(item.card == "modality" or fits_modality(key, evidence.modality), "key fits the image", "key fits not")


def _consistent(item: Exhibit) -> Ruling:
    if item.key_term is None or item.card is None:
        return Ruling(False, UNDECIDED)
    asked = {hit.term.name for hit in lexicon("question_types").find(item.question)}
    if asked and item.card not in {_ASKS.get(name) for name in asked}:
        return Ruling(False, f"stem asks for {sorted(asked)[0]}, options are {item.card}")
    return _when(item.evidence.supports(item.key_term, item.card), "key is stated", "key is not stated of the figure")


def _plausible(item: Exhibit) -> Ruling:
    key, evidence = item.key_term, item.evidence
    if key is None or len(item.terms) < len(item.options):
        return Ruling(False, UNDECIDED)
    named = {term.name for term in item.named()}
    for term in item.distractors:
        if not siblings(key, term):
            return Ruling(False, f"{term.text} is no sibling of the key")
        if term.name in named:
            return Ruling(False, f"{term.text} is named in the sources")
        if item.card != "modality" and not fits_modality(term, evidence.modality):
            return Ruling(False, f"{term.text} is not seen on such images")
        if item.card == "findings" and not fits_place(term, key, evidence):
            return Ruling(False, f"{term.text} is not seen in such a place")
    return Ruling(True, "siblings of the key, named nowhere")


def _no_drift(item: Exhibit) -> Ruling:
    if item.key_term is None:
        return Ruling(False, UNDECIDED)
    stated = any(term.name == item.key_term.name or related(term, item.key_term) for term in item.named())
    return _when(stated, "key is the entry that the sources name", "sources name no such entry")


def _no_second_key(item: Exhibit) -> Ruling:
    texts = [words(text) for text in item.options.values()]
    if len(set(texts)) < len(texts):
        return Ruling(False, "two options are the same")
    if len(item.terms) < len(item.options):
        return Ruling(False, UNDECIDED)
    twins = [one.text for one, other in combinations(item.terms.values(), 2) if one.name == other.name]
    more = [letter for letter in item.supported() if letter != item.answer]
    return _when(not twins and not more, "one key", f"right as well: {', '.join(twins + more)}")


def _accurate(item: Exhibit) -> Ruling:
    ruling = _valid(item)
    if not ruling.passed:
        return ruling
    key = item.key_term
    places = [hit.term for hit in lexicon("anatomy").find(item.question)]
    if key is not None and item.card == "findings" and places and tags(key, "anatomy"):
        return _when(places_agree(key, places), "stem and key fit", "stem and key name different places")
    return ruling


_PROXIES: Mapping[str, Callable[[Exhibit], Ruling]] = {
    _level(title): proxy
    for title, proxy in (
        ("Stem Self-contained", _self_contained),
        ("Vocabulary Constraint", _vocabulary),
        ("Diagnosis Leak", _leak),
        ("Single Correct Option", _single),
        ("Option Type Consistency", _one_type),
        ("Clinical Validity", _valid),
        ("Image–Text Consistency", _consistent),
        ("Plausible Distractors", _plausible),
        ("Parallel Options", _parallel),
        ("Stem Concision", _concise),
        ("Clarity and Focus", _clear),
        ("Answer Field Validity", _answer_field),
        ("JSON Schema Compliance", _schema),
        ("Forbidden Terms", _forbidden),
        ("Synonym Drift", _no_drift),
        ("Multiple Keys", _no_second_key),
        ("Medical Inaccuracy", _accurate),
    )
}
