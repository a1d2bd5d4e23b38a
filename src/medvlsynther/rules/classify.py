"""What kind of image a figure is, from the labels that came with it and the terms of its caption.

Labels saw the image and captions did not, so between clinical kinds a given label decides; yet such labels stand for
whole clusters of images, so either side alone can turn a figure away as a plot, a diagram, a table or a blot. Only
where both are silent is the running text about the figure asked.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from medvlsynther.errors import InputError
from medvlsynther.records import Figure, Term
from medvlsynther.rules.vocab import Hit, Lexicon, stated

NOT_CLINICAL = "not_clinical"
"""Tag of the kinds that no question is written about, and the reason with which their figures are turned away."""

GENERIC = "generic"
"""Tag of kinds that say what a figure is about rather than how it was taken: they yield to any other."""

_PLOTS = "plots and charts"
_STATISTICS = re.compile(r"±|\b[Pp]\s*[<=>]\s*0?\.\d|\berror bars?\b|\bn\s*=\s*\d+\s+(?:per|in each)\b")
"""Marks of a plot in a caption that does not name one."""

_BARE = frozenset(("brain", "brains", "eye", "eyes", "skull", "skulls", "specimen", "specimens", "teeth", "tooth"))
"""Names of kinds that are also things: as labels they say how an image looks, in running text they may say anything."""

_FIRST_SENTENCE = re.compile(r"[.;:](?:\s|$)")
_FIRST, _LATER = 2, 1
"""A first sentence says what the figure is; what follows may speak of other things."""


class Classifier:
    """The kinds of a vocabulary, ready to be told apart."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._lexicon = Lexicon(terms)

    def category(self, figure: Figure) -> str:
        """The name of the figure's clinical kind.

        Raises: InputError(not_clinical) for a plot, a diagram, a table, a blot …; InputError(unknown_kind) where
        neither labels nor text tell.
        """
        labelled = self._best(self._of_labels(figure))
        captioned = self._best(self._of_text(figure.caption))
        for term, source in ((labelled, "labels"), (captioned, "caption")):
            if term and NOT_CLINICAL in term.tags:
                raise InputError(NOT_CLINICAL, f"{term.name}, by its {source}")
        found = self._specific(labelled, captioned) or self._mentioned(figure)
        if found is None:
            raise InputError("unknown_kind", figure.caption[:120])
        return found.name

    def _of_labels(self, figure: Figure) -> Counter[Term]:
        known = (self._lexicon.get(label.name.lower()) or self._lexicon.whole(label.name) for label in figure.labels)
        return Counter(term for term in known if term)

    def _of_text(self, text: str) -> Counter[Term]:
        """Weight of each kind that the text says is there, in order of appearance."""
        end = _FIRST_SENTENCE.search(text)
        first = end.start() if end else len(text)
        weights: Counter[Term] = Counter()
        for hit in self._hits(text):
            weights[hit.term] += _FIRST if hit.start < first else _LATER
        plots = self._lexicon.get(_PLOTS)
        if plots and _STATISTICS.search(text):
            weights[plots] += _LATER
        return weights

    def _hits(self, text: str) -> Iterator[Hit]:
        """The kinds that a text says are there; a bare part of the body names none."""
        for hit in stated(self._lexicon, text):
            if text[hit.start : hit.end].lower() not in _BARE:
                yield hit

    def _mentioned(self, figure: Figure) -> Term | None:
        """The clinical kind that the running text speaks of most; other kinds there may belong to other figures."""
        weights: Counter[Term] = Counter()
        for mention in figure.mentions:
            weights.update(hit.term for hit in self._hits(mention) if NOT_CLINICAL not in hit.term.tags)
        return self._best(weights)

    @staticmethod
    def _best(weights: Counter[Term]) -> Term | None:
        """The heaviest kind, at a tie the first one; generic kinds only among themselves."""
        specific = [term for term in weights if GENERIC not in term.tags]
        return max(specific or weights, key=weights.__getitem__, default=None)

    @staticmethod
    def _specific(*terms: Term | None) -> Term | None:
        """The first kind that is not generic, else the first."""
        return _first(term for term in terms if term and GENERIC not in term.tags) or _first(terms)


def _first(terms: Iterable[Term | None]) -> Term | None:
    return next(filter(None, terms), None)
