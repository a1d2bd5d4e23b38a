"""Learned guesses from words alone: what a model could learn of the keys without any image."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from medvlsynther.errors import MissingExtra
from medvlsynther.rules.lint._text import Text
from medvlsynther.rules.probes._core import FOLDS, Probe, Scores, Table

_MOST_PIECES, _CROSS_COLUMNS = 1 << 17, 1 << 16
_STEM_WORDS, _OPTION_WORDS = 12, 6


def _canonical(table: Table) -> Table:
    """The items in the order of their ids, so that the order of rows is no part of a result."""
    return Table(sorted(table.rows, key=lambda row: row.item.item_id), table.setting)


def _form(option: Text) -> list[float]:
    raw = option.raw
    return [
        len(raw),
        len(option.tokens),
        sum(char.isdigit() for char in raw),
        sum(char.isupper() for char in raw),
        sum(char in "()[]" for char in raw),
        sum(char in "-,;/" for char in raw),
        float(raw.rstrip().endswith(".")),
        float(raw[:1].isupper()),
    ]


def _forms(table: Table) -> Any:
    """Length and format of each option against its item's mean, in that item's deviations; if longest, if shortest."""
    forms = np.array([_form(option) for option in table.options])
    mean = np.add.reduceat(forms, table.starts) / table.sizes[:, None]
    centered = forms - np.repeat(mean, table.sizes, axis=0)
    spread = np.sqrt(np.add.reduceat(centered**2, table.starts) / table.sizes[:, None])
    scaled = centered / np.repeat(np.where(spread > 0, spread, 1.0), table.sizes, axis=0)
    longest = forms[:, 0] == np.repeat(np.maximum.reduceat(forms[:, 0], table.starts), table.sizes)
    shortest = forms[:, 0] == np.repeat(np.minimum.reduceat(forms[:, 0], table.starts), table.sizes)
    return np.column_stack([scaled, longest, shortest])


def _option_features(table: Table) -> Any:
    """TF-IDF of words 1-2 and characters 3-5 of each option, beside its form; rows are options.

    Distinct texts are counted once and then spread over the rows. No key is used: so folds need no own vocabulary.
    """
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    places = {raw: place for place, raw in enumerate(table.texts)}
    texts = [text.shown for text in table.texts.values()]
    vectorizers = (
        TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), max_features=_MOST_PIECES, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), max_features=_MOST_PIECES, sublinear_tf=True),
    )
    spread = [places[option.raw] for option in table.options]
    parts = [vectorizer.fit_transform([text or "-" for text in texts])[spread] for vectorizer in vectorizers]
    return hstack([*parts, csr_matrix(_forms(table))], format="csr")


def _cross_features(table: Table) -> Any:
    """Each word of the stem with each word of the option, hashed; and how many content words they share."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.preprocessing import normalize

    owners = table.owners.tolist()
    stems = [[token for token in stem.tokens if len(token) > 2][:_STEM_WORDS] for stem in table.stems]
    crossed = (
        [f"{one} {other}" for one, other in product(stems[owner], option.tokens[:_OPTION_WORDS])]
        for owner, option in zip(owners, table.options, strict=True)
    )
    shared = [
        len(table.stems[owner].content & option.content) for owner, option in zip(owners, table.options, strict=True)
    ]
    hashed = FeatureHasher(_CROSS_COLUMNS, input_type="string", alternate_sign=False).transform(crossed)
    # Rows of length 1, as TF-IDF gives them: the fit converges several times faster.
    return hstack([normalize(hashed), csr_matrix(np.array(shared, np.float64)[:, None])], format="csr")


def _fitted(features: Any, right: Any, folds: Any) -> Scores:
    """For every option the decision value of a logistic regression that learned on the other folds; 0 untaught."""
    from sklearn.linear_model import LogisticRegression

    scores = np.zeros(len(right))
    for fold in range(FOLDS):
        held = folds == fold
        if held.any() and not held.all():
            # A loose tolerance: a full fit takes ten times as long and guesses worse out of fold.
            learner = LogisticRegression(solver="liblinear", tol=0.1)
            scores[held] = learner.fit(features[~held], right[~held]).decision_function(features[held])
    return scores


def classifiers(table: Table, wanted: Sequence[str]) -> Iterator[Probe]:
    """P8: a logistic regression on the options alone; P9: on stem and options, with products of their words.

    Scored by the best option of each item, out of fold, folds by article.
    Raises: MissingExtra without scikit-learn.
    Source: the choices-only test of Balepur et al. 2024; hypothesis-only baselines of Poliak et al. 2018.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise MissingExtra("scikit-learn", "probes", where="probes P8 and P9") from None
    from scipy.sparse import hstack

    table = _canonical(table)
    folds, right = table.folds[table.owners], table.right.astype(np.int64)
    features = _option_features(table)
    if "P8" in wanted:
        yield table.guess("P8", "choices only", _fitted(features, right, folds))
    if "P9" in wanted:
        both = hstack([features, _cross_features(table)], format="csr")
        yield table.guess("P9", "stem and choices", _fitted(both, right, folds))
