"""Item writing from terms: a question about the finding, the structure or the technique that a caption states.

The key is a stated term; the distractors are its siblings in the vocabulary, plausible for the modality and the place,
and named nowhere around the figure. Every choice is drawn from the figure's id, so that a figure has one item.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

from medvlsynther.engines._lexical_terms import (
    OTHER,
    Evidence,
    lexicon,
    places_agree,
    region_of,
    related,
    rivals_of,
    tags,
)
from medvlsynther.fingerprint import draw
from medvlsynther.records import Term
from medvlsynther.rules.vocab import is_same, words

_SEED = 0

_WEIGHTS = {"findings": 4, "anatomy": 3, "modality": 3}
"""How often a kind of question is asked where all are possible; roughly the published composition."""

_NOUNS = {
    "microorganism": "microorganism",
    "tumor type": "type of tumor",
    "tissue reaction": "histological change",
    "rhythm or conduction finding": "electrocardiographic abnormality",
    "body region": "body region",
    "large vessel": "vessel",
    "brain part": "part of the brain",
    "ocular structure": "structure of the eye",
    "spinal segment": "segment of the spine",
    "joint": "joint",
    "long bone": "bone",
    "tissue": "tissue",
    "tissue stain": "stain",
    "pulse sequence": "pulse sequence",
}
"""What the members of a group are; findings and structures otherwise."""

_STEMS: Mapping[str, tuple[str, ...]] = {
    "findings": (
        "Which {noun} is demonstrated in {this}?",
        "Which {noun} is visible in {this}?",
        "Which {noun} is best seen in {this}?",
        "Which {noun} does {this} depict?",
        "Which of the following is the principal {noun} in {this}?",
        "Which {noun} accounts for the appearance of {this}?",
    ),
    "diagnosis": (
        "Which diagnosis is best supported by {this}?",
        "Which of the following is the most likely diagnosis on the basis of {this}?",
        "Which diagnosis is illustrated by {this}?",
        "Given the appearance of {this}, which diagnosis is most likely?",
    ),
    "place": (
        "In which {noun} does the abnormality in {this} lie?",
        "Which {noun} is affected in {this}?",
        "Which {noun} bears the abnormality that is visible in {this}?",
        "The abnormality in {this} involves which {noun}?",
    ),
    "anatomy": (
        "Which {noun} is the focus of {this}?",
        "Which {noun} is primarily depicted in {this}?",
        "Which {noun} is shown in {this}?",
        "{This} is primarily an examination of which {noun}?",
    ),
    "modality": (
        "Which imaging modality was used to obtain {this}?",
        "With which technique was {this} acquired?",
        "Which technique produced {this}?",
        "Which method of examination is shown in {this}?",
        "By which diagnostic technique was {this} obtained?",
    ),
    "tissue stain": (
        "Which stain was applied to the preparation in {this}?",
        "Which stain gives the preparation in {this} its colors?",
        "With which stain was the preparation in {this} treated?",
    ),
    "pulse sequence": (
        "Which pulse sequence was used to acquire {this}?",
        "Which pulse sequence gives {this} its contrast?",
        "With which pulse sequence was {this} obtained?",
    ),
}


class Written(NamedTuple):
    """An item: the stem, the option texts in order, and the place of the key."""

    question: str
    options: tuple[str, ...]
    key: int


@dataclass(frozen=True)
class _Idea:
    """What can be asked: the key and the wrong options to draw from, best first."""

    kind: str
    stems: str
    key: Term
    others: tuple[Term, ...]


def write(evidence: Evidence, *, figure_id: str, options: int, images: int) -> Written | None:
    """One item about a figure; None when its caption carries none."""

    def chance(*names: str) -> int:
        return draw(_SEED, figure_id, *names)

    ideas = sorted(_ideas(evidence, chance), key=lambda idea: _turn(chance(idea.stems), _WEIGHTS[idea.kind]))
    for idea in ideas:
        stem = _stem(idea, evidence, images, chance)
        wrong = _distractors(idea, options - 1)
        if stem is None or len(wrong) < options - 1:
            continue
        wrong.sort(key=lambda term: chance("order", term.name))
        place = chance("key") % options
        texts = [printed(term) for term in wrong]
        return Written(stem, (*texts[:place], printed(idea.key), *texts[place:]), place)
    return None


def _distractors(idea: _Idea, count: int) -> list[Term]:
    """The first `count` wrong options that do not hold each other, mixed so that nothing shows in the key alone."""
    apart: list[Term] = []
    for term in idea.others:
        if not any(_nested(term, other) for other in (idea.key, *apart)):
            apart.append(term)
    chosen, spare = apart[:count], apart[count:]
    for place, shows in enumerate(_SHOWS):
        alone = shows(idea.key, idea.key) and not any(shows(term, idea.key) for term in chosen)
        if alone and (other := next((term for term in spare if shows(term, idea.key)), None)):
            chosen[place % count] = other
    return chosen


@lru_cache(maxsize=1 << 12)
def _form(text: str) -> frozenset[str]:
    return frozenset(words(text))


def _nested(one: Term, other: Term) -> bool:
    mine, yours = _form(one.text), _form(other.text)
    return mine <= yours or yours <= mine


_SHOWS: tuple[Callable[[Term, Term], bool], ...] = (
    lambda term, _: "-" in term.text,
    lambda term, _: "proper" in term.tags,
    lambda term, key: len(term.text) >= 0.75 * len(key.text),
)
"""What a testwise reader looks for in the options: a hyphen, a proper name, the greatest length."""


def printed(term: Term) -> str:
    """A term as an option prints it."""
    return term.text[0].upper() + term.text[1:]


def _turn(chance: int, weight: int) -> float:
    """A rank drawn so that the least of several belongs to each as often as its weight says."""
    # The greatest of u1 ** (1 / w1), u2 ** (1 / w2) … is the first with probability w1 / (w1 + w2 + …).
    return -float(((chance >> 11) / (1 << 53)) ** (1 / weight))


def _ideas(evidence: Evidence, chance: Callable[..., int]) -> Iterator[_Idea]:
    if not evidence.clinical:
        return
    yield from _findings(evidence, chance)
    yield from _anatomy(evidence, chance)
    yield from _technique(evidence, chance)


def _siblings(
    key: Term, card: str, evidence: Evidence, chance: Callable[..., int], fits: Callable[[Term], bool]
) -> list[Term]:
    """Siblings of the key that fit and that nothing around the figure names or implies: its own group first."""
    named = evidence.named(card)
    free = [term for term in rivals_of(key, card) if fits(term) and not any(related(term, other) for other in named)]
    return sorted(free, key=lambda term: (term.group != key.group, chance("option", term.name)))


# ------------------------------------------------------------------------------------------- findings


def _findings(evidence: Evidence, chance: Callable[..., int]) -> Iterator[_Idea]:
    for hit in evidence.hits("findings"):
        key = hit.term
        if not askable_finding(key, evidence.caption[hit.start : hit.end], evidence):
            continue
        fits = partial(is_alternative, key=key, evidence=evidence)
        others = _siblings(key, "findings", evidence, chance, fits)
        alike = [term for term in others if ("diagnosis" in term.tags) == ("diagnosis" in key.tags)]
        if len(alike) >= 4:
            stems = "diagnosis" if "diagnosis" in key.tags else "findings"
            yield _Idea("findings", stems, key, tuple(alike))
        else:
            yield _Idea("findings", "findings", key, (*alike, *(term for term in others if term not in alike)))
        return


def askable_finding(key: Term, said: str, evidence: Evidence) -> bool:
    """True when a finding stated as `said` fits the figure's modality and place and is denied nowhere."""
    if evidence.modality is None or not fits_modality(key, evidence.modality) or evidence.denied(key, "findings"):
        return False
    named = evidence.stated("anatomy")
    if not tags(key, "anatomy") or (not named and (len(words(said)) > 1 or is_same(said, key.name))):
        return True
    return places_agree(key, named)


def is_alternative(term: Term, key: Term, evidence: Evidence) -> bool:
    """True when one would think of the finding on such an image of such a place."""
    return fits_modality(term, evidence.modality) and fits_place(term, key, evidence)


def fits_place(term: Term, key: Term, evidence: Evidence) -> bool:
    """True when the finding is known in the key's place, or in one that the caption names; a group is of one place."""
    named = evidence.stated("anatomy")
    if not named or not tags(term, "anatomy") or tags(term, "anatomy") & tags(key, "anatomy"):
        return True
    return places_agree(term, named)


def fits_modality(term: Term, modality: str | None) -> bool:
    """True when the term can be asked about on images of the modality, or the modality is not known."""
    return modality is None or modality in tags(term, "modality")


# ------------------------------------------------------------------------------------------- anatomy, technique


def _anatomy(evidence: Evidence, chance: Callable[..., int]) -> Iterator[_Idea]:
    modality = evidence.modality
    key = next((term for term in evidence.stated("anatomy") if term.group), None)
    if modality is None or key is None or not fits_modality(key, modality):
        return
    others = _siblings(key, "anatomy", evidence, chance, partial(fits_modality, modality=modality))
    others = [term for n, term in enumerate(others) if not any(related(term, other) for other in others[:n])]
    placed = any(places_agree(finding, [key]) for finding in evidence.stated("findings"))
    yield _Idea("anatomy", "place" if placed else "anatomy", key, tuple(others))


def _technique(evidence: Evidence, chance: Callable[..., int]) -> Iterator[_Idea]:
    for group in ("tissue stain", "pulse sequence"):
        named = [term for term in evidence.named("modality") if term.group == group]
        said = [term for term in evidence.stated("modality") if term.group == group]
        if len(named) == 1 and said and said[0] == named[0]:
            yield _Idea("modality", group, said[0], tuple(_siblings(said[0], "modality", evidence, chance, _any)))
    key = evidence.technique
    if key is None or not key.group or (key.name == _PHOTOGRAPH and not _is_medical(evidence)):
        return
    others = _siblings(key, "modality", evidence, chance, partial(is_rival, key=key, evidence=evidence))
    yield _Idea("modality", "modality", key, tuple(others))


_PHOTOGRAPH = "digital photography"


def _is_medical(evidence: Evidence) -> bool:
    """True when a part of the body or a finding is named: a photograph may be of anything."""
    return bool(evidence.stated("anatomy") or evidence.stated("findings"))


def _any(_: Term) -> bool:
    return True


def is_rival(term: Term, key: Term, evidence: Evidence) -> bool:
    """True for a technique of another modality than the key's that the same place can be examined with."""
    if tags(term, "modality") == tags(key, "modality"):
        return False
    whole = term.name in tags(term, "modality") or OTHER in tags(term, "modality")
    return whole or any(
        term.name == "mammography" and region_of(place) == "breast" for place in evidence.named("anatomy")
    )


# ------------------------------------------------------------------------------------------- stems


def _stem(idea: _Idea, evidence: Evidence, images: int, chance: Callable[..., int]) -> str | None:
    """A stem in drawn words that shares no content word with the key; None when every one would."""
    default = "anatomical structure" if idea.kind == "anatomy" else "finding"
    noun = _NOUNS.get(idea.key.group, default)
    thing = "image" if idea.kind == "modality" else _image_noun(evidence)
    this = f"this {thing}" if images == 1 else f"these {thing}s"
    stems = sorted(_STEMS[idea.stems], key=lambda stem: chance("stem", stem))
    for stem in stems:
        text = _number(stem, images).format(noun=noun, this=this, This=this[0].upper() + this[1:])
        if not shares_word(text, printed(idea.key)):
            return text
    return None


_PLURAL = {
    " was {this}": " were {this}",
    " does {this} ": " do {this} ",
    "{This} is primarily an": "{This} are primarily an",
}


def _number(stem: str, images: int) -> str:
    """The stem's verbs in the number of its images."""
    if images > 1:
        for one, many in _PLURAL.items():
            stem = stem.replace(one, many)
        stem = stem.replace("gives {this} its", "gives {this} their")
    return stem


def _image_noun(evidence: Evidence) -> str:
    """How a reader would call the image: "radiograph", "photomicrograph"."""
    terms: Sequence[Term | None] = [evidence.technique, lexicon("modality").get(evidence.modality or "")]
    return next((noun for term in terms if term is not None for noun in tags(term, "noun")), "image")


def shares_word(stem: str, key: str) -> bool:
    """True when a stem and an option have a content word in common, be it as part of a longer one."""
    return any(
        len(mine) >= 4 and len(yours) >= 4 and (mine.startswith(yours[:5]) or yours.startswith(mine[:5]))
        for mine in words(stem)
        for yours in words(key)
    )
