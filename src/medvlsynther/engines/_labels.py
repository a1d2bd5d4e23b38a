"""Closed choices: how likely each label was, from what else the first word of a reply could have been.

A label's chance is the sum over all ways to begin it ("yes", " Yes", "YE"), as a share of all labels; whatever begins
no label, or more than one, counts for none. Servers tell only the likeliest words, so a label that is not among them
has the chance 0.
"""

from collections.abc import Iterable, Mapping, Sequence

from medvlsynther.errors import BadSetting

AROUND = " \t\r\n\"'`*.:(▁Ġ"
"""What may stand before a word, or mark its beginning in a vocabulary."""


def begins(label: str, word: str) -> bool:
    """Whether a word, without what may stand around it, begins a label. Only a single letter has a case."""
    word = word.strip(AROUND)
    if len(label) > 1:
        label, word = label.casefold(), word.casefold()
    return bool(word) and label.startswith(word)


def chances(first: Iterable[tuple[str, float]], labels: Sequence[str]) -> Mapping[str, float]:
    """The chance of each label, adding up to 1; empty where nothing begins one.

    `first` are the words (or beginnings of words) that could have come first, each with its probability.
    """
    mass = dict.fromkeys(labels, 0.0)
    for word, probability in first:
        fitting = [label for label in labels if begins(label, word)]
        if len(fitting) == 1 and probability > 0.0:
            mass[fitting[0]] += probability
    total = sum(mass.values())
    return {label: found / total for label, found in mass.items()} if total > 0.0 else {}


def beginnings(labels: Sequence[str], first_token: Mapping[str, int]) -> dict[str, list[int]]:
    """For each label the tokens that begin it and no other; `first_token` gives the first token of every spelling.

    Raises: BadSetting for labels that cannot be told apart by their first token.
    """
    own = {label: {first_token[way] for way in spellings(label)} for label in labels}
    found = {}
    for label in labels:
        others = {token for other in labels if other != label for token in own[other]}
        found[label] = sorted(own[label] - others)
        if not found[label]:
            raise BadSetting(
                f"{label!r} begins like another label", where="labels", mend="Take labels that differ at once"
            )
    return found


def spellings(label: str) -> tuple[str, ...]:
    """The ways to write a label at the beginning of a reply."""
    ways = (label, label.capitalize(), label.upper())
    return tuple(dict.fromkeys((*ways, *(f" {way}" for way in ways))))
