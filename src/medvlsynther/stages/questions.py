"""Benchmarks in: the questions of the sets that are evaluated, with their images made ready."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

from medvlsynther.cards import Benchmark
from medvlsynther.context import Context
from medvlsynther.errors import InputError, MissingInput
from medvlsynther.evaluation.pictures import LONG_SIDE_PX, stored
from medvlsynther.questions.images import Images
from medvlsynther.questions.reading import Folder, Source, read_questions
from medvlsynther.records import Question, Record, Reject
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store

VERSION = 1
RECORD_WISE = False

SIX = tuple(
    Benchmark.load(name) for name in ("pmc_vqa", "mmmu_medical", "medxpertqa_mm", "pathvqa", "slake", "vqa_rad")
)
"""The sets of the published tables, in their order."""

LEFT_OUT = frozenset({"no_options", "gold_held_back", "duplicate_id", "file_unreadable"})
"""Faults of rows that are no question of the evaluated set; all other faults make a question that counts as wrong."""

SHARD = 32
"""Questions whose images are made ready together."""


class Policy(Record):
    """How images are made ready."""

    long_side_px: int
    """Longest side after resizing; images are never enlarged by this bound."""
    small: Literal["upscale", "reject"]
    """What becomes of an image below `LEAST_SIDE_PX`."""


def run(
    ctx: Context,
    *,
    path: Folder,
    benchmarks: tuple[Benchmark, ...] = SIX,
    small: Literal["upscale", "drop"] = "upscale",
    long_side_px: int = LONG_SIDE_PX,
) -> Iterator[Question]:
    """The questions of each benchmark in order; one that cannot be asked comes with a `fault` and counts as wrong.

    `path` holds the joint evaluation set, or the authors' own files, each set in a folder named as its card where there
    are several. An image with a side below 28 px is enlarged and says so ("upscaled"); the published protocol drops its
    question instead (`small: drop`), which then is rejected as image_too_small and missing from the denominator.

    Rejects: no_options, gold_held_back, duplicate_id, file_unreadable, image_too_small (where dropped).
    Raises: MissingInput where a benchmark has no question there.
    """
    policy = Policy(long_side_px=long_side_px, small="reject" if small == "drop" else small)
    for benchmark in benchmarks:
        corpus = path.of(benchmark)
        ctx.store.remember_corpus(corpus.digest, corpus.path)
        work = partial(_made_ready, ctx.store.root, corpus.path, policy)
        found = False
        for row in ctx.map(work, _shards(_read(benchmark, corpus))):
            if isinstance(row, Reject):
                ctx.reject(row.id, row.reason, row.detail)
            else:
                found = True
                yield row
        if not found:
            mend = "Name the sets that are there with questions.benchmarks=[…]"
            raise MissingInput(f"No question of {benchmark.name}", where=str(corpus.path), mend=mend)


def _read(benchmark: Benchmark, corpus: Corpus) -> Iterator[Question | Reject]:
    for index, row in enumerate(read_questions(Source(benchmark.name, corpus, benchmark.split, benchmark))):
        if isinstance(row, Reject) and row.reason not in LEFT_OUT:
            yield Question(
                question_id=row.id,
                dataset=benchmark.name,
                index=index,
                question="",
                options=(),
                answer="",
                split=benchmark.split,
                fault=row.reason,
            )
        else:
            yield row


def _shards(rows: Iterable[Question | Reject]) -> Iterator[list[Question | Reject]]:
    remaining = iter(rows)
    while shard := list(islice(remaining, SHARD)):
        yield shard


def _made_ready(root: Path, folder: Path, policy: Policy, shard: list[Question | Reject]) -> list[Question | Reject]:
    """One shard, in whichever process."""
    images = Images(folder)
    store = ImageStore(Store(root).images)
    return [_with_images(row, images, store, policy) if isinstance(row, Question) else row for row in shard]


def _with_images(question: Question, images: Images, store: ImageStore, policy: Policy) -> Question | Reject:
    try:
        made = tuple(
            stored(image, images.read(image.member), store, long_side_px=policy.long_side_px, small=policy.small)
            for image in question.images
        )
    except InputError as error:
        if error.reason == "image_too_small" and policy.small == "reject":
            return Reject(id=question.question_id, reason=error.reason, detail=error.detail)
        return question.model_copy(update={"fault": error.reason})
    return question.model_copy(update={"images": made})
