"""How much of a set is the same question again: a measure, not a guess."""

from collections import Counter
from collections.abc import Iterable, Iterator
from math import log2

from medvlsynther.rules.probes._core import Measure, Probe, Table
from medvlsynther.rules.probes.surface import template

_TOP = 20


def entropy(counts: Iterable[int]) -> float:
    """Entropy in bits of a distribution given as counts; 0 for none."""
    found = [count for count in counts if count]
    total = sum(found)
    return sum(count / total * log2(total / count) for count in found)


def _distinct(stems: Iterable[tuple[str, ...]], length: int) -> float:
    """Distinct runs of so many words as a share of all such runs; 0 where there are none."""
    runs = Counter(stem[at : at + length] for stem in stems for at in range(len(stem) - length + 1))
    return len(runs) / runs.total() if runs else 0.0


def concentration(table: Table) -> Iterator[Probe]:
    """P13: the share of the twenty commonest stems (numbers apart).

    With distinct-1, -2 and -3 of the stems, the share of stems whose content words another stem has as well, items an
    article (mean and most), and the entropy in bits of question type, modality and anatomy where items are labelled.
    """
    stems = Counter(template(stem) for stem in table.stems)
    contents = Counter(stem.content for stem in table.stems)
    articles = Counter(table.articles)
    measures = {f"distinct_{n}": _distinct((stem.tokens for stem in table.stems), n) for n in (1, 2, 3)}
    measures |= {
        "stems": float(len(stems)),
        "same_content_share": sum(count for count in contents.values() if count > 1) / len(table.rows),
        "items_an_article_mean": len(table.rows) / len(articles),
        "items_an_article_most": float(max(articles.values())),
    }
    labels = [row.label for row in table.rows if row.label]
    for name in ("question_type", "modality", "anatomy") if labels else ():
        measures[f"{name}_bits"] = entropy(Counter(getattr(label, name) for label in labels).values())
    yield Probe(
        probe="P13",
        name="commonest twenty stems",
        value=sum(count for _, count in stems.most_common(_TOP)) / len(table.rows),
        chance=None,
        low=None,
        high=None,
        items=len(table.rows),
        gated=False,
        failed=False,
        measures=tuple(Measure(name=name, value=value) for name, value in measures.items()),
    )
