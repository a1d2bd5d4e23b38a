"""Benchmarks in: the questions of the sets that are evaluated, with their images made ready."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, model_validator

from medvlsynther.cards import Benchmark
from medvlsynther.context import Context
from medvlsynther.errors import InputError, MissingInput
from medvlsynther.questions.images import Images
from medvlsynther.questions.reading import Source, local, read_questions
from medvlsynther.records import ImageRef, Question, Record, Reject
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store
from medvlsynther.store.pixels import prepare

VERSION = 1
RECORD_WISE = False

SIX = tuple(
    Benchmark.load(name) for name in ("pmc_vqa", "mmmu_medical", "medxpertqa_mm", "pathvqa", "slake", "vqa_rad")
)
"""The sets of the published tables, in their order."""

LEAST_SIDE_PX = 28
"""Below it, vision models with patches of 14 px, merged two by two, have nothing to look at."""

LEFT_OUT = frozenset({"no_options", "gold_held_back", "duplicate_id", "file_unreadable"})
"""Faults of rows that are no question of the evaluated set; all other faults make a question that counts as wrong."""

SHARD = 32
"""Questions whose images are made ready together."""


class Folder(Record):
    """Where the sets lie: a folder, or "hub:<repo>" or "hub:<repo>@<revision>"."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    corpus: Corpus
    """Its files."""

    @model_validator(mode="before")
    @classmethod
    def _at(cls, value: Any) -> Any:
        return {"corpus": Corpus.at(local(value))} if isinstance(value, str) else value


class Policy(Record):
    """How images are made ready."""

    long_side_px: int
    """Longest side after resizing; images are never enlarged by this bound."""
    small: Literal["upscale", "drop"]
    """What becomes of a question with an image below `LEAST_SIDE_PX`."""


def run(
    ctx: Context,
    *,
    path: Folder,
    benchmarks: tuple[Benchmark, ...] = SIX,
    small: Literal["upscale", "drop"] = "upscale",
    long_side_px: int = 3584,
) -> Iterator[Question]:
    """The questions of each benchmark in order; one that cannot be asked comes with a `fault` and counts as wrong.

    `path` holds the joint evaluation set, or the authors' own files, each set in a folder named as its card where there
    are several. An image with a side below 28 px is enlarged and says so ("upscaled"); the published protocol drops its
    question instead (`small: drop`), which then is rejected as image_too_small and missing from the denominator.
    Images are bounded to what Qwen2.5-VL takes at most, 16,384 patches of 28 px.

    Rejects: no_options, gold_held_back, duplicate_id, file_unreadable, image_too_small (where dropped).
    Raises: MissingInput where a benchmark has no question there.
    """
    policy = Policy(long_side_px=long_side_px, small=small)
    for benchmark in benchmarks:
        corpus = _corpus_of(path.corpus, benchmark)
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


def _corpus_of(corpus: Corpus, benchmark: Benchmark) -> Corpus:
    own = corpus.path / benchmark.name
    return Corpus.at(own) if own.is_dir() else corpus


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
        made = tuple(_one(image, images, store, policy) for image in question.images)
    except InputError as error:
        if error.reason == "image_too_small" and policy.small == "drop":
            return Reject(id=question.question_id, reason=error.reason, detail=error.detail)
        return question.model_copy(update={"fault": error.reason})
    return question.model_copy(update={"images": made})


def _one(image: ImageRef, images: Images, store: ImageStore, policy: Policy) -> ImageRef:
    made = prepare(
        images.read(image.member),
        long_side_px=policy.long_side_px,
        min_side_px=LEAST_SIDE_PX,
        small="upscale" if policy.small == "upscale" else "reject",
    )
    return image.model_copy(
        update={
            "sha256": store.put(made.data),
            "source_sha256": made.source_sha256,
            "width_px": made.width_px,
            "height_px": made.height_px,
            "notes": made.notes,
        }
    )
