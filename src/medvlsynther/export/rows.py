"""The row of a data set: the published columns, and behind them the evidence that each item rests on.

Source: names, order and types of the first ten columns as in the published parquet files; theirs hold no evidence.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
import pyarrow.parquet as pq

from medvlsynther.errors import BadSetting, InputError, MissingInput
from medvlsynther.export.guards import check_image, check_item
from medvlsynther.fingerprint import draw, text_hash
from medvlsynther.records import Figure, Item, Label, LintNote, Mark, Question, Record, Trial, Verdict
from medvlsynther.store.table import Table, along

TRAIN, VALIDATION = "train", "validation"

Reader = Callable[[str], bytes]
"""Gives the stored bytes of an image by its SHA-256."""

R = TypeVar("R", Verdict, Label)
T = TypeVar("T")

Refuse = Callable[[str, str, str], None]
"""Counts an input that ends here: id, reason, detail."""


@dataclass(frozen=True)
class Tables:
    """What an exporter reads, all in the same relative order."""

    items: Table[Item]
    figures: Table[Figure]
    verdicts: Table[Verdict] | None = None
    labels: Table[Label] | None = None


@dataclass(frozen=True)
class Row:
    """One item with all that is known about it, and the bytes of its images."""

    index: int
    """Position in the data set, both splits counted together, from 0."""
    split: str
    """"train" or "validation"."""
    item: Item
    figure: Figure
    verdict: Verdict | None
    label: Label | None
    images: tuple[bytes, ...]
    """Encoded images, in the figure's order."""

    def question(self, dataset: str) -> Question:
        """The row as the tables of evaluation and training know it."""
        item = self.item
        return Question(
            question_id=item.item_id,
            dataset=dataset,
            index=self.index,
            question=item.question,
            options=item.options,
            answer=item.answer,
            images=self.figure.images,
            split=self.split,
        )


def served(
    tables: Tables, read: Reader, refuse: Refuse, make: Callable[[Row], T], *, split: float, seed: int
) -> Iterator[tuple[Row, T]]:
    """Every item that can be served with what `make` turns it into, in order; the others are refused with a reason.

    `make` refuses a row by raising InputError. `split` is the share of validation, drawn by article, so that no
    article stands on both sides.

    Raises: BadSetting for a share outside 0..1; MissingInput where the tables do not fit together.
    """
    if not 0.0 <= split < 1.0:
        raise BadSetting(f"split is {split}", mend="Give the share of validation, from 0 to below 1")
    index = 0
    drawn = along(tables.items, tables.figures, "figure_id")
    judged, labelled = _about(tables.items, tables.verdicts), _about(tables.items, tables.labels)
    for (item, figure), verdict, label in zip(drawn, judged, labelled, strict=True):
        try:
            check_item(item, figure)
            images = tuple(_image_bytes(figure, read))
            row = Row(index, side(figure, split, seed), item, figure, verdict, label, images)
            made = make(row)
        except InputError as error:
            refuse(item.item_id, error.reason, error.detail)
            continue
        yield row, made
        index += 1


def _about(items: Table[Item], told: Table[R] | None) -> Iterator[R | None]:
    """For each item what a table tells about it, None where it is silent: an imported item may not have been judged.

    Both are in the same relative order; only the ids of `told` are held in memory.

    Raises: MissingInput where they are not.
    """
    known = set() if told is None else set(pq.read_table(told.path, columns=["item_id"])["item_id"].to_pylist())
    rest = iter(told or ())
    for item in items:
        if item.item_id not in known:
            yield None
            continue
        partner = next((row for row in rest if row.item_id == item.item_id), None)
        if partner is None:
            raise MissingInput(f"{item.item_id!r} stands at another place", mend="Tables must keep their order")
        yield partner


def _image_bytes(figure: Figure, read: Reader) -> Iterator[bytes]:
    for image in figure.images:
        if image.sha256 is None:
            raise InputError("image_not_prepared", image.name)
        data = read(image.sha256)
        check_image(image, data)
        yield data


def side(figure: Figure, split: float, seed: int) -> str:
    """The split that an article's items go to."""
    share = draw(seed, "split", figure.article.article_id) / 2**64
    return VALIDATION if share < split else TRAIN


class Sourced(Record):
    """Where a row comes from, in the fewest words: what formats with columns of their own carry along."""

    dataset_name: str
    """Name of the data set."""
    dataset_index: int
    """Position in the data set, all splits counted together, from 0."""
    item_id: str
    """Identity of the item: "<figure_id>#<number>"."""
    figure_id: str
    """Identity of the figure: "<article_id>/<id in the article>"."""
    article_id: str
    """Identity of the article, with its version where the source states one."""
    doi: str | None
    """DOI of the article, in lower case."""
    licence: str
    """SPDX identifier of the licence that the figure is under."""
    attribution: str
    """The line that a user of the figure has to print."""


def sourced(row: Row, dataset: str) -> Sourced:
    """Where the row comes from."""
    article = row.figure.article
    return Sourced(
        dataset_name=dataset,
        dataset_index=row.index,
        item_id=row.item.item_id,
        figure_id=row.figure.figure_id,
        article_id=article.article_id,
        doi=article.doi,
        licence=article.licence.code,
        attribution=article.licence.attribution,
    )


class Published(Record):
    """One row of a released data set, its images apart. The first columns are the published ones."""

    question: str
    """The stem."""
    options: str
    """JSON object of letter to option text, in order."""
    answer_label: str
    """Letter of the key."""
    answer: str
    """Text of the key."""
    reasoning: str | None
    """Chain of thought that ends in the key, where one was written."""
    dataset_name: str
    """Name of the data set."""
    dataset_index: int
    """Position in the data set, all splits counted together, from 0."""
    hash: str
    """First 16 hex digits of the SHA-256 of stem and key text."""
    misc: str
    """JSON object of what has no column of its own."""
    item_id: str
    """Identity of the item: "<figure_id>#<number>"."""
    figure_id: str
    """Identity of the figure: "<article_id>/<id in the article>"."""
    article_id: str
    """Identity of the article, with its version where the source states one."""
    pmcid: str | None
    """PubMed Central id without version."""
    version: int | None
    """PubMed Central version of the article."""
    doi: str | None
    """DOI of the article, in lower case."""
    title: str
    """Title of the article."""
    licence: str
    """SPDX identifier of the licence that the figure is under."""
    licence_uri: str | None
    """URI of the licence, where one is stated."""
    attribution: str
    """The line that a user of the figure has to print."""
    synthetic: bool
    """True for a drawn figure, which shows no patient."""
    figure_label: str
    """Label of the figure as printed."""
    caption: str
    """Caption of the figure."""
    mentions: tuple[str, ...]
    """Passages of the article that refer to the figure."""
    category: str | None
    """Kind of image."""
    image_names: tuple[str, ...]
    """File names of the images in the source."""
    image_sha256: tuple[str, ...]
    """SHA-256 of the bytes of each image in this row."""
    image_source_sha256: tuple[str | None, ...]
    """SHA-256 of the bytes that the source has for each image."""
    image_phash: tuple[str | None, ...]
    """64-bit perceptual hash of each image, in hex."""
    lint: tuple[LintNote, ...]
    """What the linter found and let pass."""
    trials: tuple[Trial, ...]
    """How often models reached the key without the image, and with it."""
    passed: bool | None
    """All essential criteria of the rubric met; null for an item that was not judged."""
    score: float | None
    """Score by the rubric, 0..1."""
    marks: tuple[Mark, ...]
    """One mark a criterion."""
    rubric: str | None
    """Name of the rubric."""
    rubric_hash: str | None
    """SHA-256 of the rubric's text."""
    question_type: str | None
    """What the question asks for."""
    modality: str | None
    """Imaging modality."""
    anatomy: str | None
    """Region of the body."""
    labelled_by: str | None
    """Who gave these three labels."""
    writer: str
    """Name of the model that wrote the item."""
    writer_hash: str
    """SHA-256 of that model's card."""
    writer_prompt: str
    """Name of the prompt that it was written with."""
    writer_prompt_hash: str
    """SHA-256 of that prompt's text."""
    verifier: str | None
    """Name of the model that judged the item."""
    verifier_hash: str | None
    """SHA-256 of that model's card."""
    verifier_prompt: str | None
    """Name of the prompt that it was judged with."""
    verifier_prompt_hash: str | None
    """SHA-256 of that prompt's text."""


DESCRIBED = {
    "images": "The images, encoded.",
    **{name: info.description or "" for name, info in Published.model_fields.items()},
}
"""Every column of a released data set, described."""


def published(row: Row, dataset: str) -> Published:
    """The row's columns, images apart."""
    item, figure, article = row.item, row.figure, row.figure.article
    return Published(
        question=item.question,
        options=options_json(item),
        answer_label=item.answer,
        answer=item.key,
        reasoning=item.reasoning,
        dataset_name=dataset,
        dataset_index=row.index,
        hash=row_hash(item),
        misc=_misc(figure),
        item_id=item.item_id,
        figure_id=figure.figure_id,
        article_id=article.article_id,
        pmcid=article.pmcid,
        version=article.version,
        doi=article.doi,
        title=article.title,
        licence=article.licence.code,
        licence_uri=article.licence.uri,
        attribution=article.licence.attribution,
        synthetic=figure.synthetic,
        figure_label=figure.label,
        caption=figure.caption,
        mentions=figure.mentions,
        category=figure.category,
        image_names=tuple(image.name for image in figure.images),
        image_sha256=tuple(image.sha256 or "" for image in figure.images),
        image_source_sha256=tuple(image.source_sha256 for image in figure.images),
        image_phash=tuple(image.phash for image in figure.images),
        lint=item.notes,
        trials=item.trials,
        writer=item.origin.model,
        writer_hash=item.origin.model_hash,
        writer_prompt=item.origin.prompt,
        writer_prompt_hash=item.origin.prompt_hash,
        **_judged(row.verdict),
        **_labelled(row.label),
    )


def options_json(item: Item) -> str:
    """The options as the published column writes them: a JSON object in a string."""
    return orjson.dumps(item.lettered).decode()


def row_hash(item: Item) -> str:
    """The published `hash`: a name for the pair of stem and key text, whatever the order of the options."""
    return text_hash(item.question + item.key)[:16]


def _misc(figure: Figure) -> str:
    article = figure.article
    rest = {
        "journal": article.journal,
        "year": article.year,
        "article_type": article.article_type,
        "context_quality": figure.context_quality,
        "image_notes": [list(image.notes) for image in figure.images],
    }
    return orjson.dumps(rest).decode()


def _judged(verdict: Verdict | None) -> dict[str, Any]:
    names = ("passed", "score", "rubric", "rubric_hash")
    if verdict is None:
        origin = dict.fromkeys(("verifier", "verifier_hash", "verifier_prompt", "verifier_prompt_hash"))
        return {"marks": (), **dict.fromkeys(names), **origin}
    made = verdict.origin
    return {
        "marks": verdict.marks,
        **{name: getattr(verdict, name) for name in names},
        "verifier": made.model,
        "verifier_hash": made.model_hash,
        "verifier_prompt": made.prompt,
        "verifier_prompt_hash": made.prompt_hash,
    }


def _labelled(label: Label | None) -> dict[str, Any]:
    if label is None:
        return dict.fromkeys(("question_type", "modality", "anatomy", "labelled_by"))
    return {
        "question_type": label.question_type,
        "modality": label.modality,
        "anatomy": label.anatomy,
        "labelled_by": label.by,
    }
