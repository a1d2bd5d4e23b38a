"""Result files of any harness, graded anew by one grader and scored side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medvlsynther import catalog
from medvlsynther.cards import Benchmark, PublishedScores
from medvlsynther.errors import BadSetting
from medvlsynther.evaluation.files import grids_of
from medvlsynther.evaluation.grids import Grid, as_text
from medvlsynther.evaluation.notes import about_sets
from medvlsynther.evaluation.results import model_of, read_results
from medvlsynther.records import Graded, Question, Reject
from medvlsynther.rules.scoring.marking import Grader, mark
from medvlsynther.rules.scoring.report import score
from medvlsynther.rules.scoring.scores import Score


@dataclass
class Regraded:
    """What became of result files."""

    grades: list[Graded] = field(default_factory=list)
    """One a reply."""
    rejects: list[Reject] = field(default_factory=list)
    """Rows that could not be used."""
    scores: list[Score] = field(default_factory=list)
    """Every score."""
    benchmarks: tuple[Benchmark, ...] = ()
    """Cards of the known sets among them."""
    published: tuple[PublishedScores, ...] = ()
    """Tables with rows about them."""
    sets: Grid | None = None
    """What is known of the sets."""

    @property
    def notes(self) -> tuple[Grid, ...]:
        """Tables that follow the scores'."""
        rows = tuple((each.id, each.reason, each.detail[:80]) for each in self.rejects)
        unread = Grid("Rows that could not be used", ("row", "why", "detail"), rows)
        return (self.sets, unread) if self.sets else (unread,)

    @property
    def text(self) -> str:
        """The report for a terminal."""
        return as_text(grids_of(self.scores, self.published, self.notes))


def regrade(files: Mapping[str, Path], grader: Grader = "default") -> Regraded:
    """The replies of each file, by model, graded and scored; questions of all files together make the denominator.

    Raises: BadSetting where two files differ in what a question's options or key are, or nothing could be read.
    """
    done = Regraded()
    questions: dict[str, Question] = {}
    for model, path in files.items():
        for found in read_results(path, model):
            if isinstance(found, Reject):
                done.rejects.append(found)
                continue
            asked = found.question
            _check_same(questions.setdefault(asked.question_id, asked), asked, path)
            done.grades += [mark(asked, answer, grader) for answer in found.answers]
    if not questions:
        reasons = ", ".join(sorted({reject.reason for reject in done.rejects})) or "no rows"
        raise BadSetting(f"No result could be read: {reasons}", mend="Give options, the key and a reply in each row")
    in_order = sorted(questions.values(), key=lambda question: question.dataset)
    done.scores = list(score(in_order, done.grades))
    names = {question.dataset for question in in_order}
    done.benchmarks = tuple(Benchmark.load(name) for name in catalog.names(Benchmark.FOLDER) if name in names)
    cards = (PublishedScores.load(name) for name in catalog.names(PublishedScores.FOLDER))
    done.published = tuple(card for card in cards if any(names & set(row.percent) for row in card.rows))
    done.sets = about_sets(in_order, done.benchmarks)
    return done


def by_model(paths: list[Path]) -> dict[str, Path]:
    """A name for the model of each file.

    Raises: BadSetting where two files have the same.
    """
    named = {model_of(path): path for path in paths}
    if len(named) < len(paths):
        raise BadSetting("Two files have the same name", mend="Name each after its model")
    return named


def _check_same(known: Question, asked: Question, path: Path) -> None:
    if (known.options, known.answer) != (asked.options, asked.answer):
        raise BadSetting(
            f"{asked.question_id} has other options or another key in {path.name}",
            mend="Compare results of one version of the data set",
        )
