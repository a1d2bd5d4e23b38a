"""What a data set holds, counted while its rows pass by: counts, and no rows."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from medvlsynther.export.credits import Owed
from medvlsynther.export.rows import TRAIN, Row
from medvlsynther.records import Origin

BANDS = 10
"""Bars of the score distribution: [0, 0.1), [0.1, 0.2), …, with 1.0 on its own."""


@dataclass
class Census:
    """Counts of everything that the card tells."""

    parts: Counter[str] = field(default_factory=lambda: Counter({TRAIN: 0}))
    """Rows of each part; train always stands, as its files do."""
    rejects: Counter[str] = field(default_factory=Counter)
    """Items that the exporter refused, by reason."""
    breakdowns: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Rows by title of a breakdown and value in it; a breakdown nobody filled is not there."""
    scores: Counter[str] = field(default_factory=Counter)
    """Rows by band of the rubric's score."""
    criteria: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Criterion to rows in which it was "met" or "missed", and who "by" decided."""
    trials: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """(view, model) to answers "asked", "right" and "unknown" over all rows."""
    cards: dict[str, str] = field(default_factory=dict)
    """Every model, prompt and rubric behind the rows, as "folder/name" to the SHA-256 of its text."""
    writers: Counter[str] = field(default_factory=Counter)
    """Rows by name of the model that wrote them."""
    owed: Owed = field(default_factory=Owed)
    """What the figures are owed; known once all rows have passed."""
    images: int = 0
    """Images in all rows."""
    image_bytes: int = 0
    """Bytes of these images."""
    synthetic: int = 0
    """Rows about drawn figures."""

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return self.parts.total()

    def add(self, row: Row, part: str) -> None:
        """Count one row of a part."""
        self.parts[part] += 1
        self.images += len(row.images)
        self.image_bytes += sum(map(len, row.images))
        self.synthetic += row.figure.synthetic
        self.writers[row.item.origin.model] += 1
        self._break_down(row)
        self._note(row.item.origin)
        self._judge(row)
        for trial in row.item.trials:
            counts = {"asked": trial.asked, "right": trial.right, "unknown": trial.unknown}
            self.trials[trial.view, trial.model].update(counts)

    def _break_down(self, row: Row) -> None:
        values = {
            "Letter of the key": row.item.answer,
            "Options": str(len(row.item.options)),
            "Images in a row": str(len(row.images)),
            "Licence": row.figure.article.licence.code,
            "Thoughts": "with" if row.item.reasoning else "without",
        }
        if row.figure.category:
            values["Kind of image"] = row.figure.category
        if row.label:
            values |= {
                "Question type": row.label.question_type,
                "Modality": row.label.modality,
                "Anatomy": row.label.anatomy,
            }
        for title, value in values.items():
            self.breakdowns[title][value] += 1
        for rule in {note.rule for note in row.item.notes}:
            self.breakdowns["Lint warnings"][rule] += 1

    def _note(self, origin: Origin) -> None:
        self.cards[f"models/{origin.model}"] = origin.model_hash
        self.cards[f"prompts/{origin.prompt}"] = origin.prompt_hash

    def _judge(self, row: Row) -> None:
        verdict = row.verdict
        if verdict is None:
            return
        self._note(verdict.origin)
        self.cards[f"rubrics/{verdict.rubric}"] = verdict.rubric_hash
        self.scores[band(verdict.score)] += 1
        for mark in verdict.marks:
            self.criteria[mark.criterion]["met" if mark.passed else "missed"] += 1
            self.criteria[mark.criterion][f"by {mark.by}"] += 1


def band(score: float | None) -> str:
    """The bar of the score distribution that a score belongs to."""
    if score is None:
        return "none"
    if score >= 1.0:
        return "1.0"
    low = max(0, int(score * BANDS)) / BANDS
    return f"{low:.1f} to {low + 1 / BANDS:.1f}"
