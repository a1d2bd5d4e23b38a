"""The joint evaluation set (MedVLThinker-Eval) and every data set exported by this package: parquet, images inside.

Source: the schema of UCSC-VLAA/MedVLThinker-Eval; `options` is a JSON object written as text.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from medvlsynther.questions.entry import Entry, Finder, Row, clean, gold, image, read_options
from medvlsynther.questions.images import cell
from medvlsynther.records import ImageRef
from medvlsynther.rules.overlap.identity import article_keys, figure_keys

SUFFIXES = (".parquet",)


def entry(row: Row, _: Finder) -> Entry:
    """One row.

    Raises: InputError (options_unreadable, option_letters, option_empty, text_too_long).
    """
    key = gold(read_options(row.values.get("options")), clean(row.text("answer")), row.text("answer_label"))
    images = tuple(_images(row))
    pmcid, doi = row.text("pmcid"), row.text("doi")
    return Entry(
        id=row.text("item_id") or row.text("dataset_index"),
        question=clean(row.text("question")),
        options=key.options,
        answer=key.answer,
        letter=key.letter,
        images=images,
        keys=(*article_keys(pmcid, doi), *_ids(row)),
        image_keys=tuple(_image_keys(row, pmcid, number, ref) for number, ref in enumerate(images)),
        faults=key.faults,
    )


def _images(row: Row) -> Iterator[ImageRef]:
    column = "images" if "images" in row.values else "image"
    value = row.values.get(column)
    given: Sequence[Any] = value if isinstance(value, list) else [value] if value is not None else []
    for place, one in enumerate(given):
        path = one.get("path") if isinstance(one, dict) else None
        yield image(str(path or f"image{place + 1}"), cell(row.file, row.number, column, place))


def _image_keys(row: Row, pmcid: str, number: int, ref: ImageRef) -> tuple[str, ...]:
    names = _listed(row, "image_names")
    keys = figure_keys(pmcid, row.text("figure_label"), names[number] if number < len(names) else "")
    hashes = [
        column[number] for name in ("image_sha256", "image_source_sha256") if number < len(column := _listed(row, name))
    ]
    return (*keys, *figure_keys("", "", ref.name), *(f"sha256:{value}" for value in hashes if value))


def _listed(row: Row, column: str) -> list[str]:
    value = row.values.get(column)
    return [str(part or "") for part in value] if isinstance(value, list) else []


def _ids(row: Row) -> Iterator[str]:
    """Ids that the row has in its set of origin."""
    dataset = row.text("dataset_name")
    try:
        misc = orjson.loads(row.text("misc") or "{}")
    except orjson.JSONDecodeError:
        misc = {}
    if isinstance(misc, dict) and isinstance(misc.get("id"), str) and misc["id"]:
        yield f"item:{dataset.lower()}/{misc['id']}"
    if row.text("item_id"):
        yield f"item:{row.text('item_id')}"
