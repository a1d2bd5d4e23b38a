"""How long the six benchmarks take once their replies are paid for: 8,220 answers read, graded, scored and reported.

Questions and replies are made up; sets, sizes, numbers of options and lengths of replies are those of the published
evaluation. Asking is timed apart, first against a function, then against the ledger.

    python benchmarks/evaluation.py [--rollouts 1] [--controls]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medvlsynther import catalog
from medvlsynther.cards import Model, PublishedScores, Sampling
from medvlsynther.context import Context
from medvlsynther.engines.base import Endpoint, Request
from medvlsynther.executors.local import Local
from medvlsynther.fingerprint import draw
from medvlsynther.progress import Board, Budget, Meter
from medvlsynther.records import LETTERS, Answer, Graded, ImageRef, Question, Record
from medvlsynther.rules.scoring.scores import Score
from medvlsynther.stages.questions import SIX
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table, TableWriter

TEXTS = ("Pleural effusion", "Pneumothorax", "Lung mass", "Rib fracture", "Hiatal hernia")
OPTIONS = {"pmc_vqa": 4, "mmmu_medical": 4, "medxpertqa_mm": 5}
"""Options a question; two in the sets of closed questions."""
IMAGES = {"pathvqa": 858, "slake": 96, "vqa_rad": 170}
"""Images that the questions of a set share; as many as questions elsewhere."""
THOUGHT = "The contour, density and distribution all need to be considered before an option is chosen. " * 12


def reply(request: Request) -> str:
    """Thoughts of about a thousand characters and a letter; some replies are no answer."""
    chance = draw(1, request.id, str(request.sample))
    if chance % 50 == 0:
        return f"<think>{THOUGHT}</think> It cannot be told from this image."
    letters = sorted(request.slots["options"])
    return f"<think>{THOUGHT}</think>\n<answer>{letters[chance % len(letters)]}</answer>"


def questions() -> Iterator[Question]:
    """8,220 questions of six sets."""
    for benchmark in SIX:
        count = OPTIONS.get(benchmark.name, 2)
        for index in range(benchmark.count):
            sha256 = f"{draw(0, benchmark.name, str(index % IMAGES.get(benchmark.name, benchmark.count))):064x}"
            yield Question(
                question_id=f"{benchmark.name}/{index}",
                dataset=benchmark.name,
                index=index,
                question=f"Which finding is seen in patient {index}?",
                options=TEXTS[:count],
                answer=LETTERS[draw(2, str(index)) % count],
                images=(ImageRef(name="a.png", sha256=sha256, width_px=512, height_px=384),),
                split="test",
            )


class Workshop:
    """Runs stages one after the other and says how long each takes."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "store")
        self.store.prepare()
        self.folder = folder

    def table(self, rows: Sequence[Record], name: str) -> Table[Any]:
        """The rows on disk."""
        path = self.folder / f"{name}.parquet"
        with TableWriter(type(rows[0]), path) as writer:
            for row in rows:
                writer.add(row)
        return Table(type(rows[0]), path)

    def timed(self, label: str, stage: str, tables: Mapping[str, Table[Any] | None], **settings: Any) -> Table[Any]:
        """Run a stage, write its table, print the seconds of this process."""
        ctx = Context(
            self.store,
            self.folder,
            Meter(Board(None), stage, None),
            endpoint=lambda _: Endpoint(engine="scripted", function="__main__:reply"),
            executor=Local(1),
            on_reject=lambda _: None,
            budget=Budget(),
        )
        wall, cpu = time.perf_counter(), time.process_time()
        rows = list(catalog.module("stages", stage).run(ctx, **tables, **settings))
        ctx.close()
        table = self.table(rows, stage)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.spent = cpu
        print(f"{label:<34} {len(rows):>8,} rows {wall:>7.2f} s wall {cpu:>7.2f} s CPU")
        return table


def main() -> int:
    """Print a line a stage; fail where graded, scored and reported takes 20 s or more."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rollouts", type=int, default=1)
    parser.add_argument("--controls", action="store_true", help="ask under all controls too")
    chosen = parser.parse_args()
    controls = ("no_image", "blank", "other_image", "rotations") if chosen.controls else ()
    asking: dict[str, Any] = {
        "model": Model.load("qwen2.5-vl-7b"),
        "controls": controls,
        "sampling": Sampling(max_tokens=4096, rollouts=chosen.rollouts),
    }
    with tempfile.TemporaryDirectory() as name:
        shop = Workshop(Path(name))
        asked: Table[Question] = shop.table(list(questions()), "questions")
        put: dict[str, Table[Any] | None] = {"questions": asked, "checkpoints": None}
        shop.timed("answer, by a function", "answer", put, **asking)
        answers: Table[Answer] = shop.timed("answer, from the ledger", "answer", put, **asking)
        total = shop.spent
        graded: Table[Graded] = shop.timed("grade", "grade", {"answers": answers, "questions": asked})
        total += shop.spent
        tables: dict[str, Table[Any] | None] = {"grades": graded, "questions": asked, "overlaps": None, "labels": None}
        published = tuple(PublishedScores.load(card) for card in catalog.names(PublishedScores.FOLDER))
        scores: Table[Score] = shop.timed("score and report", "scores", tables, benchmarks=SIX, published=published)
        total += shop.spent
        sets = {score.dataset for score in scores if score.measure == "accuracy"}
    print(f"{'from the ledger to the report':<34} {len(sets):>8,} sets {total:>26.2f} s CPU")
    return int(total >= 20)


if __name__ == "__main__":
    sys.exit(main())
