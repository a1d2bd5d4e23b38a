"""The rows that stages read and write: frozen, typed, closed to unknown fields.

Article → Figure → Item → Verdict, Label → Question → Answer → Graded; a Reject for whatever did not get there.
Every field says what it is; parquet schemas are derived from these classes (`store/table.py`).
"""

from medvlsynther.records._base import LETTERS, Record, Reject
from medvlsynther.records.answers import Answer, Graded, Question, View
from medvlsynther.records.items import Item, Label, LintNote, Origin, Trial
from medvlsynther.records.literature import Article, ArticleRef, Figure, GivenLabel, ImageRef, Licence, Panel
from medvlsynther.records.overlaps import Overlap
from medvlsynther.records.terms import Term
from medvlsynther.records.training import Checkpoint, Metric
from medvlsynther.records.verdicts import Decision, Mark, Opinion, Ruling, Verdict

__all__ = [
    "LETTERS",
    "Answer",
    "Article",
    "ArticleRef",
    "Checkpoint",
    "Decision",
    "Figure",
    "GivenLabel",
    "Graded",
    "ImageRef",
    "Item",
    "Label",
    "Licence",
    "LintNote",
    "Mark",
    "Metric",
    "Opinion",
    "Origin",
    "Overlap",
    "Panel",
    "Question",
    "Record",
    "Reject",
    "Ruling",
    "Term",
    "Trial",
    "Verdict",
    "View",
]
