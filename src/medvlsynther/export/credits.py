"""What the figures of a data set are owed: a line a figure, kept on disk while rows pass by and added up at the end."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from medvlsynther.records import Figure
from medvlsynther.store.scratch import Scratch

HEADER = ("figure_id", "article_id", "doi", "licence", "licence_uri", "attribution", "title", "rows")
"""Columns of ATTRIBUTION.tsv."""


class Under(NamedTuple):
    """What is under one licence."""

    code: str
    """SPDX identifier, as articles bear it."""
    articles: int
    figures: int
    rows: int


@dataclass(frozen=True)
class Owed:
    """All figures of a data set, added up."""

    articles: int = 0
    """Articles that the rows rest on."""
    licences: tuple[Under, ...] = ()
    """By code, in alphabetical order."""
    terms: tuple[str, ...] = ()
    """URI of each licence, or its code where none is stated; in alphabetical order."""


class Credits:
    """The figures of rows that come in any order, each once, with the number of its rows."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        columns = ", ".join(HEADER[1:-1])
        scratch.run(f"CREATE TABLE credits (figure_id TEXT UNIQUE, {columns}, rows INTEGER)")

    def add(self, figure: Figure) -> None:
        """Count one row about a figure.

        Raises: StoreTrouble.
        """
        article, licence = figure.article, figure.article.licence
        owed = (licence.code, licence.uri or "", licence.attribution, article.title)
        self._scratch.run(
            "INSERT INTO credits VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET rows = rows + 1",
            *(figure.figure_id, article.article_id, article.doi or "", *owed),
        )

    def owed(self) -> Owed:
        """The sums over all figures."""
        run = self._scratch.run
        ((articles,),) = run("SELECT count(DISTINCT article_id) FROM credits")
        counts = "count(DISTINCT article_id), count(*), sum(rows)"
        under = run(f"SELECT licence, {counts} FROM credits GROUP BY licence ORDER BY licence")
        terms = run("SELECT DISTINCT coalesce(nullif(licence_uri, ''), licence) AS term FROM credits ORDER BY term")
        return Owed(articles, tuple(Under(*line) for line in under), tuple(term for (term,) in terms))

    def write(self, path: Path) -> None:
        """One line a figure, in order of first appearance: what its user has to print."""
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter="\t", lineterminator="\n")
            table.writerow(HEADER)
            table.writerows(self._lines())

    def _lines(self) -> Iterator[tuple[str | int, ...]]:
        return self._scratch.rows("SELECT * FROM credits ORDER BY rowid")
