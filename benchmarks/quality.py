"""What the checks between a reply and an accepted item cost, and what lint finds of planted defects.

    make bench-quality
    python benchmarks/quality.py [--items 13000] [--verdicts 20000]

Four tables: items per CPU second of lint, and of reading, weighing and grading; CPU seconds of the items through
filter, dedupe, rebalance, subset and all probes that need no model; annotate, filter and rebalance beside the published
scripts' 10.0 CPU s for 20,000 verdicts, whose marks were read before, as ours are then; recall and false alarms of
every lint rule. All on one core, tables on disk included. Figures and questions are the tests' own; each item of the
long tables has a figure and mentions of its own.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from medvlsynther import catalog
from medvlsynther.cards import Rubric, Vocabulary
from medvlsynther.executors.base import calm_collector
from medvlsynther.records import ArticleRef, Figure, ImageRef, Item, Label, Record, Verdict
from medvlsynther.rules.grading import grade
from medvlsynther.rules.lint import RULES, lint
from medvlsynther.rules.mcq import read_item
from medvlsynther.rules.probes import PROBES
from medvlsynther.rules.rubric import asked
from medvlsynther.rules.vocab import Lexicon
from medvlsynther.store.table import Table, TableWriter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the planted defects are those of the tests
planted = import_module("tests.rules.lint.planted")

PUBLISHED_CPU_S = 10.04
"""CPU seconds of the published annotate, filter and rebalance scripts for 20,000 verdicts."""
SENTENCE = "The examination was repeated after treatment and the lesion of the {0} had regressed, as Figure {1} shows. "


class Desk:
    """All that these stages touch of a context."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rejects: Counter[str] = Counter()

    def reject(self, _id: str, reason: str, _detail: str = "") -> None:
        """Count a reject."""
        self.rejects[reason] += 1


def per_second(work: Callable[[int], object], *, calls: int) -> float:
    """Calls per CPU second: the best of five rounds, because other processes only ever slow one down."""
    rounds = []
    for _ in range(5):
        start = time.process_time()
        for number in range(calls):
            work(number)
        rounds.append(time.process_time() - start)
    return calls / min(rounds)


def corpus(count: int) -> Iterator[tuple[Item, Figure]]:
    """Items with figures of their own: captions of 120, mentions of 1,300 characters, a number that none shares."""
    rng = random.Random(0)
    sound = [(item, figure) for _, item, figure in planted.clean()]
    for number in range(count):
        item, figure = sound[number % len(sound)]
        words = [rng.choice(("liver", "kidney", "lung", "bone", "skin")) for _ in range(12)]
        mention = "".join(SENTENCE.format(word, number) for word in words)
        shot = ImageRef(
            name="a.png", sha256=f"{number:064}", phash=f"{rng.getrandbits(64):016x}", width_px=512, height_px=512
        )
        article = ArticleRef(article_id=f"PMC{number // 2}", licence=figure.article.licence)
        named = f"PMC{number // 2}/f{number}"
        yield (
            item.model_copy(update={"item_id": f"{named}#1", "figure_id": named}),
            figure.model_copy(
                update={
                    "figure_id": named,
                    "article": article,
                    "caption": f"{figure.caption} View {number}.",
                    "mentions": (*figure.mentions, mention),
                    "images": (shot,),
                }
            ),
        )


def marks_of(rubric: Rubric, *, passed: bool) -> str:
    """A verifier's reply in the rubric's form, with a note a criterion: all criteria met, or all but the last."""
    criteria = [each.id for each in asked(rubric.criteria)]
    marks = {name: {"note": f"Nothing speaks against {name}.", "pass": True} for name in criteria}
    marks[criteria[-1]]["pass"] = passed
    return orjson.dumps(marks).decode()


def throughput() -> None:
    """Items per CPU second."""
    pairs = list(corpus(2000))
    lexicons = {name: Lexicon(Vocabulary.load(name).terms) for name in ("modality", "anatomy", "findings")}
    replies = [
        orjson.dumps({"question": item.question, "options": item.lettered, "answer": item.answer}).decode()
        for item, _ in pairs
    ]
    thoughts = [
        f"<think>It lies in the {item.key}.</think><answer>{item.answer}. {item.key}</answer>" for item, _ in pairs
    ]
    rubric = Rubric.load("audited")
    replies_of_marks = marks_of(rubric, passed=True), marks_of(rubric, passed=False)
    origin, marks = pairs[0][0].origin, rubric.read(replies_of_marks[0])

    def at(number: int) -> tuple[Item, Figure]:
        return pairs[number % len(pairs)]

    tasks: dict[str, Callable[[int], object]] = {
        "lint": lambda n: lint(*at(n)),
        "lint, with vocabularies": lambda n: lint(*at(n), vocabulary=lexicons),
        "read": lambda n: read_item(replies[n % len(replies)]),
        "read marks": lambda n: rubric.read(replies_of_marks[n % 2]),
        "weigh": lambda n: rubric.weigh(at(n)[0], marks, origin),
        "grade": lambda n: grade(thoughts[n % len(thoughts)], at(n)[0].lettered, at(n)[0].answer),
    }
    print(f"{'':28}{'items / CPU s':>14}")
    for name, work in tasks.items():
        print(f"{name:28}{per_second(work, calls=len(pairs)):14,.0f}")


def stored(record: type[Any], rows: Iterable[Record], path: Path) -> Table[Any]:
    """Rows as a table on disk."""
    with TableWriter(record, path) as writer:
        for row in rows:
            writer.add(row)
    return Table(record, path)


class Line:
    """Stages one after another, each on the table of the one before, timed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.total_s = 0.0

    def run(self, stage: str, record: type[Any], *tables: Table[Any] | None, **settings: Any) -> Table[Any]:
        """One stage; prints its rows, rejects and CPU seconds."""
        desk, start = Desk(self.folder), time.process_time()
        rows = catalog.module("stages", stage).run(desk, *tables, **settings)
        table = stored(record, rows, self.folder / f"{stage}.parquet")
        self.note(stage, start, len(table), sum(desk.rejects.values()))
        return table

    def note(self, name: str, start: float, rows: int, rejects: int) -> None:
        """Count and print what was spent since `start`."""
        spent = time.process_time() - start
        self.total_s += spent
        print(f"{name:28}{rows:8,}{rejects:10,}{spent:10.2f}")


def verdicts_of(items: Iterable[Item], rubric: Rubric) -> Iterator[Verdict]:
    """A verdict an item; one in four fails a criterion."""
    marks = [rubric.read(marks_of(rubric, passed=passed)) for passed in (True, False)]
    for number, item in enumerate(items):
        yield rubric.weigh(item, marks[number % 4 == 3], item.origin)


def labels_of(items: Iterable[Item]) -> Iterator[Label]:
    """Labels by number."""
    for number, item in enumerate(items):
        kind = ("finding", "modality", "anatomy")[number % 3]
        yield Label(item_id=item.item_id, question_type=kind, modality="ct", anatomy="lung", by="lexicon")


def chain(count: int, folder: Path) -> None:
    """The items through the stages that ask no model."""
    from medvlsynther.rules.probes import Probe

    pairs = list(corpus(count))
    items = stored(Item, (item for item, _ in pairs), folder / "items.parquet")
    figures = stored(Figure, (figure for _, figure in pairs), folder / "figures.parquet")
    verdicts = stored(Verdict, verdicts_of(items, Rubric.load("audited")), folder / "verdicts.parquet")
    labels = stored(Label, labels_of(items), folder / "labels.parquet")
    del pairs
    print(f"\n{'':28}{'rows':>8}{'rejects':>10}{'CPU s':>10}")
    line = Line(folder)
    line.run("filter", Item, items, verdicts, min_score=0.0)
    unique = line.run("dedupe", Item, items, figures, per_article=20)
    even = line.run("rebalance", Item, unique, method="shuffle")
    line.run("subset", Item, even, labels, size=count // 2, by="question_type")
    names = tuple(name for name in PROBES if name not in ("P14", "P15"))
    line.run("probe", Probe, even, figures, labels, None, probes=names)
    print(f"{'all':46}{line.total_s:10.2f}")


def published(count: int, folder: Path) -> None:
    """What the published annotate, filter and rebalance do; their rows hold marks that were read before."""
    items = stored(Item, (item for item, _ in corpus(count)), folder / "some.parquet")
    rubric = Rubric.load("medsynvqa")
    print()
    reply = marks_of(rubric, passed=True)
    line, start = Line(folder), time.process_time()
    for _ in range(count):
        rubric.read(reply)
    line.note("(read the replies)", start, count, 0)
    line, start = Line(folder), time.process_time()
    verdicts = stored(Verdict, verdicts_of(items, rubric), folder / "weighed.parquet")
    line.note("annotate (weigh, write)", start, len(verdicts), 0)
    kept = line.run("filter", Item, items, verdicts)
    line.run("rebalance", Item, kept, method="released")
    share = line.total_s / (PUBLISHED_CPU_S * count / 20_000)
    print(f"{'all':46}{line.total_s:10.2f}   {share:.2f} of the published scripts' CPU")


def defects() -> None:
    """Recall of each rule on items with its flaw, and how often it fires on clean ones."""
    made, clean = planted.planted(), planted.clean()
    flawed: Counter[str] = Counter(rule for _, (rule, _, _) in made)
    found: Counter[str] = Counter()
    for _, (rule, item, figure) in made:
        found[rule] += rule in {note.rule for note in lint(item, figure)}
    alarms: Counter[tuple[str, str]] = Counter()
    for _, item, figure in clean:
        alarms.update({(note.rule, note.severity) for note in lint(item, figure)})
    print(f"\n{len(made)} items with one planted flaw each, {len(clean)} clean ones")
    grave = ("error", "quarantine")
    print(f"{'rule':8}{'planted':>8}{'found':>8}{'recall':>8}   false alarms: errors, warnings, infos")
    for rule in RULES:
        counts = sum(alarms[rule, each] for each in grave), alarms[rule, "warn"], alarms[rule, "info"]
        recall = found[rule] / flawed[rule]
        print(f"{rule:8}{flawed[rule]:8}{found[rule]:8}{recall:8.0%}   {counts[0]:6}{counts[1]:6}{counts[2]:6}")
    total = sum(found.values()), sum(flawed.values())
    print(f"{'all':8}{total[1]:8}{total[0]:8}{total[0] / total[1]:8.0%}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=13_000)
    parser.add_argument("--verdicts", type=int, default=20_000)
    args = parser.parse_args()
    calm_collector()  # as the command does
    throughput()
    with tempfile.TemporaryDirectory() as folder:
        chain(args.items, Path(folder))
        published(args.verdicts, Path(folder))
    defects()


if __name__ == "__main__":
    main()
