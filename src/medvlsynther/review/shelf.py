"""The items of a run for people to read: a light index in memory; texts are read from the tables when asked for."""

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medvlsynther.audit.likeliest import likeliest
from medvlsynther.audit.sets import Exhibit
from medvlsynther.cards import Rubric, Vocabulary
from medvlsynther.errors import UserError
from medvlsynther.records import Figure, Item, Label, LintNote, Overlap, Verdict
from medvlsynther.rules.lint import Lexicons, lint
from medvlsynther.rules.rubric import Criterion
from medvlsynther.rules.vocab import Lexicon
from medvlsynther.store.finished import R, Run
from medvlsynther.store.table import Table

GROUPS_KEPT = 3
"""Row groups of one table that stay decoded: neighbours in a queue often share one."""

BANDS = ((0.999, "1"), (0.95, "0.95 to 1"), (0.9, "0.90 to 0.95"), (-math.inf, "below 0.90"))
"""Lower end of a band of scores, and its name."""

MOST_PAIRS = 2000
"""Pairs of images laid before people; the likeliest come first."""


class Rows(Generic[R]):
    """Single rows of a table, at the cost of one row group."""

    def __init__(self, table: Table[R]) -> None:
        self._record = table.record
        self._file = pq.ParquetFile(table.path, memory_map=True)
        starts, total = [], 0
        for group in range(self._file.num_row_groups):
            starts.append(total)
            total += self._file.metadata.row_group(group).num_rows
        self._starts = starts
        self._kept: OrderedDict[int, pa.Table] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, row: int) -> R:
        group = next(g for g in reversed(range(len(self._starts))) if self._starts[g] <= row)
        with self._lock:
            kept = self._kept.pop(group, None)
            if kept is None:
                kept = self._file.read_row_group(group, use_threads=False)
            self._kept[group] = kept
            if len(self._kept) > GROUPS_KEPT:
                self._kept.popitem(last=False)
        (found,) = kept.slice(row - self._starts[group], 1).to_pylist()
        return self._record.model_validate(found)


@dataclass(slots=True)
class Entry:
    """What the index knows of an item."""

    item_id: str
    place: int
    """Which of the item tables."""
    row: int
    figure: int | None
    """Row of its figure."""
    search: str
    """Its words in lower case."""
    reject: str = ""
    """Where and why it ended: "filter: low_score"; "" for an accepted item."""
    verdict: int | None = None
    score: float | None = None
    passed: bool | None = None
    split: bool = False
    """Two verifiers disagree on it."""
    failed: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    kind: tuple[str, str, str] = ("", "", "")
    """Question type, modality, anatomy."""
    article: str = ""

    @property
    def band(self) -> str:
        """Band of its score, for strata and filters."""
        if self.score is None:
            return "none"
        return next(name for low, name in BANDS if self.score >= low)


@dataclass(frozen=True)
class Shown:
    """Everything about one item."""

    item: Item
    figure: Figure | None
    verdict: Verdict | None
    notes: tuple[LintNote, ...]


@dataclass
class Shelf:
    """The items of one run."""

    run: Run
    entries: list[Entry] = field(default_factory=list)
    """Accepted items in their order, then those that were judged and turned away."""

    def __post_init__(self) -> None:
        self._items: list[Rows[Item]] = []
        figures, verdicts = self.run.last(Figure), self.run.last(Verdict)
        self._figures = Rows(figures) if figures else None
        self._verdicts = Rows(verdicts) if verdicts else None
        self.entries = list(self._index(self._figure_rows(figures)))
        self.by_id = {entry.item_id: place for place, entry in enumerate(self.entries)}
        self._note_verdicts(verdicts)
        self._note_labels()

    # ------------------------------------------------------------------------------------------- building

    def _figure_rows(self, figures: Table[Figure] | None) -> dict[str, tuple[int, str]]:
        if figures is None:
            return {}
        table = _columns(figures.path, "figure_id", "article.article_id").flatten()
        ids, articles = (column.to_pylist() for column in table.columns)
        return {name: (row, article) for row, (name, article) in enumerate(zip(ids, articles, strict=True))}

    def _index(self, figures: dict[str, tuple[int, str]]) -> Iterator[Entry]:
        rejects = dict(self._rejects())
        known: set[str] = set()
        tables = [self.run.need(Item)]
        judged = self.run.judged()
        if judged is not None and judged.path != tables[0].path:
            tables.append(judged)
        for place, table in enumerate(tables):
            self._items.append(Rows(table))
            for entry in _entries(table.path, place, figures):
                if entry.item_id in known or (place and entry.item_id not in rejects):
                    continue
                known.add(entry.item_id)
                entry.reject = rejects.get(entry.item_id, "") if place else ""
                yield entry

    def _rejects(self) -> Iterator[tuple[str, str]]:
        for step in self.run.steps:
            if step.manifest["rejects"]:
                table = _columns(step.rejects, "id", "reason")
                for name, reason in zip(table["id"].to_pylist(), table["reason"].to_pylist(), strict=True):
                    yield name, f"{step.name}: {reason}"

    def _note_verdicts(self, verdicts: Table[Verdict] | None) -> None:
        if verdicts is None:
            return
        table = _columns(verdicts.path, "item_id", "score", "passed", "failed", "second.passed")
        for row, verdict in enumerate(table.to_pylist()):
            place = self.by_id.get(verdict["item_id"])
            if place is None:
                continue
            entry = self.entries[place]
            second = (verdict["second"] or {}).get("passed")
            entry.verdict, entry.score, entry.passed = row, verdict["score"], verdict["passed"]
            entry.failed = tuple(verdict["failed"])
            entry.split = second is not None and second != verdict["passed"]

    def _note_labels(self) -> None:
        labels = self.run.last(Label)
        if labels is None:
            return
        table = _columns(labels.path, "item_id", "question_type", "modality", "anatomy")
        for name, *kind in zip(*(column.to_pylist() for column in table.columns), strict=True):
            if name in self.by_id:
                self.entries[self.by_id[name]].kind = (kind[0], kind[1], kind[2])

    # -------------------------------------------------------------------------------------------- reading

    def item(self, place: int) -> Item:
        """An item's own row."""
        entry = self.entries[place]
        return self._items[entry.place][entry.row]

    def figure(self, place: int) -> Figure | None:
        """The figure that an item is about."""
        row = self.entries[place].figure
        return self._figures[row] if self._figures and row is not None else None

    def shown(self, place: int) -> Shown:
        """Everything about an item, linted now."""
        entry, item, figure = self.entries[place], self.item(place), self.figure(place)
        verdict = self._verdicts[entry.verdict] if self._verdicts and entry.verdict is not None else None
        return Shown(item, figure, verdict, self.lint(item, figure))

    def lint(self, item: Item, figure: Figure | None) -> tuple[LintNote, ...]:
        """What the linter says of an item as it is written now; its stored notes where it has no figure."""
        return lint(item, figure, vocabulary=self.lexicons) if figure else item.notes

    def warm(self) -> None:
        """Read what the first answer would wait for."""
        if self.entries:
            self.shown(0)
        _ = self.criteria

    @cached_property
    def lexicons(self) -> Lexicons:
        """Names that the linter knows."""
        cards = (Vocabulary.load(name) for name in ("modality", "anatomy", "findings"))
        return {card.name: Lexicon(card.terms) for card in cards}

    @cached_property
    def criteria(self) -> dict[str, Criterion]:
        """The rubric's criteria by id, where its card is to be had."""
        judged = next((place for place, entry in enumerate(self.entries) if entry.verdict is not None), None)
        verdict = self.shown(judged).verdict if judged is not None else None
        try:
            return {each.id: each for each in Rubric.load(verdict.rubric).criteria} if verdict else {}
        except UserError:
            return {}

    @cached_property
    def pairs(self) -> list[Overlap]:
        """Pairs of images that may be the same, likeliest first."""
        table = self.run.last(Overlap)
        return likeliest(table, MOST_PAIRS) if table else []

    def pair_images(self, pair: Overlap) -> tuple[str, str]:
        """SHA-256 of the stored pictures of a pair's two images; "" for one that is not in the store."""
        return self._picture(pair.train_set, pair.train_id, pair.train_image), self._picture(
            pair.test_set, pair.test_id, pair.test_image
        )

    def _picture(self, set_name: str, item_id: str, image: int | None) -> str:
        pictures = self._pictures.get((set_name, item_id), ())
        return pictures[image] if image is not None and image < len(pictures) else ""

    @cached_property
    def _pictures(self) -> dict[tuple[str, str], tuple[str, ...]]:
        exhibits = self.run.last(Exhibit)
        ids = sorted({name for pair in self.pairs for name in (pair.train_id, pair.test_id)})
        if exhibits is None or not ids:
            return {}
        columns = ["set_name", "item_id", "images"]
        rows = pq.read_table(exhibits.path, columns=columns, filters=pc.field("item_id").isin(ids)).to_pylist()
        return {(r["set_name"], r["item_id"]): tuple(image["small"] for image in r["images"]) for r in rows}


def _columns(path: Path, *names: str) -> pa.Table:
    """Some columns of a table; parts of nested ones stay nested, which `read_table` does not promise."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=list(names), use_threads=False)


def _entries(path: Path, place: int, figures: dict[str, tuple[int, str]]) -> Iterator[Entry]:
    """The rows of an item table, read by column and in batches, so that no text is held twice."""
    columns = ["item_id", "figure_id", "question", "options", "notes.list.element.rule"]
    row = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(1024, columns=columns, use_threads=False):
            for found in batch.to_pylist():
                figure, article = figures.get(found["figure_id"], (None, ""))
                rules = tuple(sorted({note["rule"] for note in found["notes"]}))
                yield Entry(found["item_id"], place, row, figure, _words(found), rules=rules, article=article)
                row += 1


def _words(row: dict[str, Any]) -> str:
    texts: Sequence[str] = (row["item_id"], row["question"], *row["options"])
    return "\n".join(text[:2000] for text in texts).lower()
