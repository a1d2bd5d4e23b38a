"""What the sources say about the options: another kind of image, a second right option, another key."""

import re
from collections.abc import Iterator

from medvlsynther.records import Term
from medvlsynther.rules.lint._core import Hit, View, rule
from medvlsynther.rules.lint._terms import compatible, families
from medvlsynther.rules.lint._text import Text, listed, words_of
from medvlsynther.rules.vocab import Lexicon, stated

_ELSEWHERE = re.compile(
    r"\b(?:next|recommend\w*|follow[- ]up|confirm\w*|additional(?:ly)?|further|prior|previous|alternative|preferred"
    r"|best|should|would|appropriate|gold standard|compared|rather than|instead)\b",
    re.IGNORECASE,
)


@rule("GRD6", "error")
def wrong_modality(view: View) -> Iterator[Hit]:
    """Stem or key names a kind of image (CT, ultrasound, microscopy, …) and the caption names others only; where the
    caption names none, the mentions count; a warning where mentions or weak labels bear the name out.

    Questions about a next or other examination are left alone.
    """
    if _ELSEWHERE.search(view.stem.raw):
        return
    claims = {"stem": families(view.stem.raw), "key": families(view.key.raw) if _is_modality(view) else frozenset()}
    caption = families(view.sources.caption.raw) if any(claims.values()) else frozenset()
    for where, named in claims.items():
        if not named or compatible(named, caption):
            continue
        context = families(view.sources.context.raw)
        weak = families("; ".join(label.name for label in view.figure.labels))
        said = caption or context or weak
        if said and not compatible(named, said):
            backed = compatible(named, context | weak) or not (caption or context)
            yield Hit(f"{where}: {listed(named)}; sources: {listed(said)}", "warn" if backed else None)


_ASKS_MODALITY = re.compile(
    r"\b(?:modality|technique|type of (?:image|imaging|scan|examination|microscopy)|imaging (?:method|study|test))\b",
    re.IGNORECASE,
)


def _is_modality(view: View) -> bool:
    """True where the key's text is the name of a kind of image, or the stem asks for one."""
    return bool(_ASKS_MODALITY.search(view.stem.raw)) or any(
        concept.startswith(":modality ") for concept in view.concepts[view.place or 0]
    )


def _in_caption(option: Text, caption_run: str) -> bool:
    return bool(option.content or len(option.norm) > 2) and option.stem_run in caption_run


def _stated(option: Text, caption: str) -> bool:
    """False where the caption denies or doubts what the option says."""
    if not option.norm:
        return False
    lexicon = Lexicon([Term(name=option.raw)])
    return bool(stated(lexicon, caption)) or not lexicon.find(caption)


def _named_distractors(view: View) -> list[Text]:
    """Distractors that the caption states, outside of the words of the key."""
    caption = view.sources.caption
    rest = caption.stem_run.replace(view.key.stem_run, " | ") if view.key.norm else caption.stem_run
    named = [option for option in view.distractors if _in_caption(option, rest)]
    return [option for option in named if _stated(option, caption.raw)]


_OPPOSITES = tuple(
    words_of(pair)
    for pair in (
        *("left right", "upper lower", "anterior posterior", "medial lateral", "proximal distal", "superior inferior"),
        *("dorsal ventral", "benign malignant", "acute chronic", "cranial caudal", "superficial deep"),
        *("hyperintense hypointense", "hyperechoic hypoechoic", "hyperdense hypodense", "radiolucent radiopaque"),
    )
)


@rule("GRD9", "warn")
def opposite_said(view: View) -> Iterator[Hit]:
    """Stem or key has one of two opposites (left, upper, hyperintense, …), the sources lack it, and the caption has the
    other; a key beside an option with the other is a choice that the caption contradicts.
    """
    claimed = view.stem.token_set | view.key.token_set
    for pair in _OPPOSITES:
        for one, other in (pair, pair[::-1]):
            if one in claimed and other in view.sources.caption.token_set and one not in view.sources.token_set:
                yield Hit(f"{one}; the caption has {other}")


@rule("GRD7", "warn")
def second_supported_option(view: View) -> Iterator[Hit]:
    """The caption states the key and a distractor too, both undenied: there may be two right options.

    Only a hint (info) where the figure has panels or several images, which may show different things.
    """
    if not _in_caption(view.key, view.sources.caption.stem_run):
        return
    several = bool(view.figure.panels) or len(view.figure.images) > 1
    for option in _named_distractors(view):
        yield Hit(repr(option.raw[:60]), "info" if several else None)


@rule("GRD8", "warn")
def key_contradicted(view: View) -> Iterator[Hit]:
    """The caption states a distractor, undenied, and has less than half of the key's content words: a wrong key?"""
    caption = view.sources.caption
    if not view.key.content or 2 * len(view.key.content & caption.content) >= len(view.key.content):
        return
    if view.key.stem_run in view.sources.context.stem_run:
        return
    for option in _named_distractors(view):
        yield Hit(repr(option.raw[:60]))
