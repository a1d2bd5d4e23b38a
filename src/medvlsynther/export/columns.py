"""The columns of a data set: the published ones, and behind them the evidence that each item rests on.

Source: names, order and types of the first ten columns as in the published parquet files; theirs hold no evidence.
"""

from typing import Any

import orjson

from medvlsynther.export.rows import Row
from medvlsynther.fingerprint import text_hash
from medvlsynther.records import Item, Label, LintNote, Mark, Record, Trial, Verdict


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
    parent: str | None
    """Item that this one repairs, where it is a repair."""
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
        misc=_misc(row),
        item_id=item.item_id,
        parent=item.parent,
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


def _misc(row: Row) -> str:
    figure, article = row.figure, row.figure.article
    second = row.verdict.second if row.verdict else None
    rest = {
        "journal": article.journal,
        "year": article.year,
        "article_type": article.article_type,
        "context_quality": figure.context_quality,
        "image_notes": [list(image.notes) for image in figure.images],
        "second_opinion": second.model_dump() if second else None,
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
