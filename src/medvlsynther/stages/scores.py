"""What grades amount to: scores with intervals, comparisons, controls, and a report to read."""

from collections.abc import Iterator

from medvlsynther.cards import Benchmark, PublishedScores
from medvlsynther.context import Context
from medvlsynther.evaluation.files import write_report
from medvlsynther.evaluation.notes import about_sets, never_asked
from medvlsynther.records import Graded, Label, Overlap, Question
from medvlsynther.rules.scoring.report import flagged_questions, score
from medvlsynther.rules.scoring.scores import Score
from medvlsynther.store.table import Table

VERSION = 2
RECORD_WISE = False


def run(
    ctx: Context,
    grades: Table[Graded],
    questions: Table[Question],
    overlaps: Table[Overlap] | None,
    labels: Table[Label] | None,
    *,
    benchmarks: tuple[Benchmark, ...] = (),
    published: tuple[PublishedScores, ...] = (),
    seed: int = 0,
) -> Iterator[Score]:
    """One row a number; the step's folder holds the report as text, Markdown, LaTeX, JSON and SVG.

    `benchmarks` say how many questions there should be and what is known to be wrong with them; `published` rows stand
    beside ours. Where an audit ran before, scores are also given without the questions that it found in training data.
    """
    scores = list(
        score(
            questions,
            grades,
            labels={label.item_id: label for label in labels or ()},
            flagged=None if overlaps is None else flagged_questions(questions, overlaps),
            seed=seed,
        )
    )
    more = (about_sets(questions, benchmarks), never_asked(grades))
    write_report(ctx.folder, scores, published=published, more=more)
    yield from scores
