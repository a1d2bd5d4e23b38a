"""Guesses that need no learning, or only counting: letters, order, lengths, words, priors, captions."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import log, sqrt

import numpy as np

from medvlsynther.rules.lint._text import Text, level
from medvlsynther.rules.probes._core import FOLDS, Probe, Scores, Table
from medvlsynther.rules.probes.order import LONGEST_PERIOD


def _per_option(table: Table, measure: Iterable[float]) -> Scores:
    return np.fromiter(measure, np.float64, len(table.options))


def majority_letter(table: Table) -> Iterator[Probe]:
    """P1: the commonest letter, whatever the question; with chi-square against equal shares.

    Expected counts follow each item's number of options.
    """
    from scipy.special import chdtrc

    letters = int(table.sizes.max())
    counts = np.bincount(table.keys, minlength=letters)
    expected = np.array([(1 / table.sizes[table.sizes > letter]).sum() for letter in range(letters)])
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    credit = (table.keys == counts.argmax()).astype(np.float64)
    measures = [("letter", float(counts.argmax())), ("chi2", chi2), ("p", float(chdtrc(max(1, letters - 1), chi2)))]
    yield table.judge("P1", "majority letter", credit, measures=measures)


def order_leak(table: Table) -> Iterator[Probe]:
    """P2: the letter from the row's number modulo p, best p up to 20, learned on every other cycle.

    The interval allows for the choice among twenty periods. With the mutual information of neighbouring keys (bits)
    and a standard score of the number of equal neighbours. Learned on all rows of the set, also those not drawn.
    """
    order = table.order
    earned = [order.earned(period, table.numbers, table.keys) for period in range(1, LONGEST_PERIOD + 1)]
    best = max(range(LONGEST_PERIOD), key=lambda place: (earned[place].sum(), -place))
    measures = [
        ("period", best + 1.0),
        ("lag1_bits", order.mutual_information()),
        ("runs_z", order.runs_z()),
    ]
    confidence = 1 - 0.05 / LONGEST_PERIOD
    yield table.judge("P2", "order of rows", earned[best], confidence=confidence, measures=measures)


def lengths(table: Table) -> Iterator[Probe]:
    """P3: the longest option (characters), the shortest, the one of most words."""
    chars = _per_option(table, (len(option.raw) for option in table.options))
    yield table.guess("P3", "longest option", chars)
    yield table.guess("P3", "shortest option", -chars)
    yield table.guess("P3", "most words", _per_option(table, (len(option.tokens) for option in table.options)))


def stem_overlap(table: Table) -> Iterator[Probe]:
    """P4: the option that shares most content words with the stem."""
    stems = [table.stems[owner] for owner in table.owners.tolist()]
    shared = (len(stem.content & option.content) for stem, option in zip(stems, table.options, strict=True))
    yield table.guess("P4", "overlap with the stem", _per_option(table, shared))


def _weights(table: Table) -> dict[str, dict[str, float]]:
    """TF-IDF vectors of length 1 of the distinct options, by raw text."""
    rarity = Counter(token for text in table.texts.values() for token in text.token_set)
    vectors = {}
    for raw, text in table.texts.items():
        vector = {token: log((1 + len(table.texts)) / (1 + rarity[token])) + 1 for token in sorted(text.token_set)}
        norm = sqrt(sum(weight * weight for weight in vector.values()))
        vectors[raw] = {token: weight / norm for token, weight in vector.items()}
    return vectors


def convergence(table: Table) -> Iterator[Probe]:
    """P5: the option most like the others (mean TF-IDF cosine), and the one least like them."""
    vectors = _weights(table)
    scores: list[float] = []
    for row in table.rows:
        mine = [vectors[option] for option in row.item.options]
        total: dict[str, float] = defaultdict(float)
        for vector in mine:
            for token, weight in vector.items():
                total[token] += weight
        scores += [
            sum(weight * (total[token] - weight) for token, weight in vector.items()) / (len(mine) - 1)
            for vector in mine
        ]
    likeness = np.array(scores)
    yield table.guess("P5", "most like the others", likeness)
    yield table.guess("P5", "odd one out", -likeness)


_SPECIFIC = re.compile(r"[0-9()\[\]A-Z\-\u2010-\u2015]")


def specificity(table: Table) -> Iterator[Probe]:
    """P6: the option with most digits, brackets, hyphens and capitals."""
    counts = {raw: len(_SPECIFIC.findall(raw)) for raw in table.texts}
    yield table.guess("P6", "most specific", _per_option(table, (counts[option.raw] for option in table.options)))


def _out_of_fold(table: Table, names: Sequence[str]) -> tuple[Scores, Scores]:
    """How often each named option is a key, and is seen at all, in the other folds."""
    codes: dict[str, int] = {}
    coded = np.array([codes.setdefault(name, len(codes)) for name in names], np.int64)
    folds = table.folds[table.owners]
    seen = np.zeros((FOLDS, len(codes)))
    keyed = np.zeros((FOLDS, len(codes)))
    np.add.at(seen, (folds, coded), 1)
    np.add.at(keyed, (folds, coded), table.right)
    return (
        keyed.sum(axis=0)[coded] - keyed[folds, coded],
        seen.sum(axis=0)[coded] - seen[folds, coded],
    )


def option_prior(table: Table) -> Iterator[Probe]:
    """P7: the option that is most often a key in the other folds: smoothed log-odds by its levelled text."""
    keyed, seen = _out_of_fold(table, [option.shown for option in table.options])
    share = table.chance()
    yield table.guess("P7", "option prior", np.log((keyed + share) / (seen - keyed + 1 - share)))


def template(stem: Text) -> str:
    """A stem with its numbers taken out."""
    return re.sub(r"[0-9]+", "#", stem.shown)


def question_prior(table: Table) -> Iterator[Probe]:
    """P10: the commonest answer to the same stem (numbers apart) in the other folds."""
    templates = [template(stem) for stem in table.stems]
    owners = table.owners.tolist()
    names = [f"{templates[owner]}\x1f{option.shown}" for owner, option in zip(owners, table.options, strict=True)]
    keyed, _ = _out_of_fold(table, names)
    yield table.guess("P10", "commonest answer to the stem", keyed)


def caption_oracle(table: Table) -> Iterator[Probe]:
    """P11: the option of which the caption holds most words; a measure of copying, no flaw: no reader sees it."""
    captions = {row.caption: frozenset(level(row.caption).split()) for row in table.rows}
    words = [captions[table.rows[owner].caption] for owner in table.owners.tolist()]
    recall = (
        len(option.token_set & held) / (len(option.token_set) or 1)
        for option, held in zip(table.options, words, strict=True)
    )
    yield table.guess("P11", "words of the caption", _per_option(table, recall), gated=False)


def _caption_counts(captions: Iterable[str], phrases: Iterable[str]) -> Counter[str]:
    """In how many captions each phrase of levelled words stands."""
    by_head: dict[str, set[int]] = defaultdict(set)
    wanted = set(phrases) - {""}
    for phrase in wanted:
        by_head[phrase.partition(" ")[0]].add(phrase.count(" ") + 1)
    counts: Counter[str] = Counter()
    for caption in captions:
        tokens = level(caption).split()
        counts.update(
            {
                phrase
                for place, token in enumerate(tokens)
                for length in by_head.get(token, ())
                if (phrase := " ".join(tokens[place : place + length])) in wanted
            }
        )
    return counts


def corpus_prevalence(table: Table) -> Iterator[Probe]:
    """P12: the option that most captions of the set name."""
    captions = dict.fromkeys(row.caption for row in table.rows)
    counts = _caption_counts(captions, (text.norm for text in table.texts.values()))
    scores = _per_option(table, (counts[option.norm] for option in table.options))
    yield table.guess("P12", "commonest in captions", scores)
