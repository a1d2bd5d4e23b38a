"""Labels, thoughts and guesses without a model: what an item is about, why its key is right, a baseline's answer."""

import re
from collections.abc import Mapping

from medvlsynther.engines._lexical_judge import Exhibit
from medvlsynther.engines._lexical_terms import OTHER, Evidence, lexicon, modality_of, places_agree, region_of, tags
from medvlsynther.fingerprint import draw
from medvlsynther.records import Term

_TYPE_OF = {"modality": "modality", "anatomy": "anatomy", "findings": "finding"}
_PANEL = re.compile(r"\s*[(\[][A-Ha-h](?:\s*[,–-]\s*[A-Ha-h])*[)\]]\s*")
_SENTENCE = re.compile(r"[^.!?]+(?:[.!?](?!\s|$)[^.!?]*)*[.!?]?")


def label(item: Exhibit) -> dict[str, str]:
    """Question type, modality and region: from the options first, then from the stem, then from the caption."""
    return {"question_type": _question_type(item), "modality": _modality(item), "anatomy": _region(item)}


def _question_type(item: Exhibit) -> str:
    asked = [hit.term.name for hit in lexicon("question_types").find(item.question)]
    if item.card is None:
        return asked[0] if asked else OTHER
    if item.card == "findings" and "diagnosis" in asked:
        return "diagnosis"
    return _TYPE_OF[item.card]


def _modality(item: Exhibit) -> str:
    if item.card == "modality" and item.key_term is not None:
        return modality_of(item.key_term)
    in_stem = [modality_of(hit.term) for hit in lexicon("modality").find(item.question)]
    return next(iter(in_stem), item.evidence.modality or OTHER)


def _region(item: Exhibit) -> str:
    """The region: of a structure asked about; else the one named that the finding is known in; else the finding's."""
    if item.card == "anatomy" and item.key_term is not None:
        return region_of(item.key_term)
    named = [hit.term for text in (item.question, item.evidence.caption) for hit in lexicon("anatomy").find(text)]
    findings = [item.key_term] if item.card == "findings" and item.key_term else item.evidence.stated("findings")
    for finding in findings:
        known = [
            region_of(place) for name in sorted(tags(finding, "anatomy")) if (place := lexicon("anatomy").get(name))
        ]
        fitting = [region_of(term) for term in named if places_agree(finding, [term])]
        if known:
            return fitting[0] if fitting and "skin" not in known else known[0]
    return region_of(named[0]) if named else OTHER


def explain(item: Exhibit) -> str | None:
    """Thoughts that lead from what is seen to the one option that holds; None when no option, or several, do."""
    supported = item.supported()
    if item.card is None or len(supported) != 1:
        return None
    letter = supported[0]
    term = item.terms[letter]
    others = [_inside(other, item.terms.get(at)) for at, other in item.options.items() if at != letter]
    excluded = f"{', '.join(others[:-1])} or {others[-1]}" if len(others) > 1 else "".join(others)
    points = "The structure in question is the" if item.card == "anatomy" else "This points to"
    thoughts = [
        _asked(item),
        *_seen(item.evidence, term, item.card),
        f"{points} {_inside(item.options[letter], term)}.",
    ]
    thoughts.append(f"Nothing speaks for {excluded}.")
    return f"<think>{' '.join(thoughts)}</think>\n<answer>{letter}</answer>"


_QUESTION_IS = {
    "modality": "The question is how the image was made.",
    "anatomy": "The question is which structure the image is about.",
    "findings": "The question is what the image shows.",
}


def _asked(item: Exhibit) -> str:
    technique = item.evidence.technique
    question = _QUESTION_IS[item.card or "findings"]
    if technique is None or item.card == "modality":
        return question
    return f"The image was made by {_inside(technique.text, technique)}. {question}"


def _seen(evidence: Evidence, term: Term, card: str) -> list[str]:
    """The sentence that states the term, without panel letters; nothing where it cannot stand alone."""
    hit = next((hit for hit in evidence.hits(card) if hit.term.name == term.name), None)
    hit = hit or next((hit for hit in evidence.hits(card)), None)
    if hit is None:
        return []
    for sentence in _SENTENCE.finditer(evidence.caption):
        if sentence.start() <= hit.start < sentence.end():
            text = _PANEL.sub(" ", sentence.group()).strip()
            return [f"What can be seen: {text.rstrip('.')}."]
    return []


def _inside(text: str, term: Term | None) -> str:
    """An option's text inside a sentence: names and abbreviations keep their capitals."""
    first, _, rest = text.partition(" ")
    if not first[1:].islower() or (term is not None and "proper" in term.tags):
        return text
    return f"{first.lower()} {rest}".rstrip()


def guess(question: str, options: Mapping[str, str], *, seed: int, sample: int) -> str:
    """A letter drawn by the texts, so that it follows its option through any order: the baseline that knows nothing."""
    return min(options, key=lambda letter: draw(seed, "guess", str(sample), question, options[letter]))
