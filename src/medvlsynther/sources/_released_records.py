"""Published rows as this project's records: nothing is invented that a row does not say."""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from medvlsynther.errors import InputError
from medvlsynther.records import (
    LETTERS,
    ArticleRef,
    Figure,
    GivenLabel,
    ImageRef,
    Item,
    Licence,
    LintNote,
    Origin,
    Record,
    Trial,
    Verdict,
)  # fmt: skip
from medvlsynther.rules.mcq import Draft, read_item
from medvlsynther.sources._released import Entry

UNKNOWN = "unknown"
PMCID = re.compile(r"(PMC\d{1,10})(?:\.(\d{1,4}))?")
LABELS = ("image_primary_label", "image_secondary_label", "image_panel_type", "image_panel_subtype")
"""Columns of weak labels, as BIOMEDICA names them."""

R = TypeVar("R", bound=Record)

_THOUGHTS = re.compile(r"<think>(.*?)</think>", re.DOTALL)


def figure_of(entry: Entry, images: tuple[ImageRef, ...], licence: str) -> Figure:
    """The figure of a row; `licence` is what holds where the row does not say."""
    row = entry.row
    numbered = PMCID.fullmatch(entry.article_id)
    return Figure(
        figure_id=entry.figure_id,
        article=ArticleRef(
            article_id=entry.article_id,
            pmcid=numbered[1] if numbered else None,
            version=int(numbered[2]) if numbered and numbered[2] else None,
            doi=_text(row.get("doi")) or None,
            title=_text(row.get("title")) or _text(row.get("article_title")),
            licence=_licence(row, licence),
        ),
        label=_text(row.get("figure_label")),
        caption=next(iter(_texts(row.get("caption"))), ""),
        mentions=tuple(dict.fromkeys(_texts(row.get("mentions")) or _texts(row.get("context")))),
        images=images,
        labels=tuple(
            GivenLabel(name=name, source=f"biomedica.{column}")
            for column in LABELS
            for name in dict.fromkeys(_texts(row.get(column)))
        ),
        category=_text(row.get("category")) or None,
        context_quality="xml" if row.get("mentions") else "plain-text" if row.get("context") else "none",
        synthetic=row.get("synthetic") is True,
    )


def _licence(row: Mapping[str, Any], default: str) -> Licence:
    """The licence that a row states, else the default; an unknown one is quarantined."""
    stated = _text(row.get("licence"))
    code = stated or default
    return Licence(
        code=code,
        standing="quarantined" if code == UNKNOWN else "allowed",
        reasons=("stated_in_row" if stated else "stated_in_recipe" if code != UNKNOWN else "not_stated",),
        uri=_text(row.get("licence_uri")) or None,
        attribution=_text(row.get("attribution")),
    )


def item_of(entry: Entry, writer: str) -> Item:
    """The item of a row; `writer` is who wrote it where the row does not say.

    Raises: InputError (no_mcq, bad_options, answer_mismatch); ReplyError for what `read_item` refuses.
    """
    row = entry.row
    draft = _draft(row)
    origin = Origin(
        prompt=_text(row.get("writer_prompt")) or UNKNOWN,
        prompt_hash=_text(row.get("writer_prompt_hash")),
        model=_text(row.get("writer")) or writer,
        model_hash=_text(row.get("writer_hash")),
    )
    return Item(
        item_id=entry.item_id,
        figure_id=entry.figure_id,
        question=draft.question,
        options=draft.options,
        answer=draft.answer,
        reasoning=_thoughts(row.get("reasoning")),
        notes=_records(LintNote, row.get("lint")),
        trials=_records(Trial, row.get("trials")),
        parent=_text(row.get("parent")) or None,
        origin=origin,
    )


def _draft(row: Mapping[str, Any]) -> Draft:
    said = row.get("generated_vqa", row)
    if not isinstance(said, Mapping) or "error" in said or not {"question", "options"} <= set(said):
        raise InputError("no_mcq", str(said)[:200])
    options = _options(said["options"])
    label, text = said.get("answer_label"), said.get("answer")
    asked = {"question": said["question"], "options": options, "answer": label or text}
    draft = read_item(json.dumps(asked), "".join(options))
    key = options[draft.answer].strip()
    if label and isinstance(text, str) and text.strip() not in (key, draft.answer):
        raise InputError("answer_mismatch", f"{label} is {key!r}, and the answer is said to be {text.strip()!r}")
    return draft


def _options(value: Any) -> dict[str, str]:
    """Letter to text, from a mapping, a list, or either of them as JSON; letters without a text are no options.

    Raises: InputError (bad_options).
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise InputError("bad_options", value[:200]) from None
    if isinstance(value, list):
        value = dict(zip(LETTERS, value, strict=False))
    if not isinstance(value, Mapping):
        raise InputError("bad_options", str(value)[:200])
    found = {str(letter).strip().upper(): text for letter, text in value.items() if text is not None}
    if "".join(sorted(found)) != LETTERS[: len(found)] or not all(isinstance(text, str) for text in found.values()):
        raise InputError("bad_options", str(value)[:200])
    return dict(sorted(found.items()))


def _thoughts(value: Any) -> str | None:
    """Thoughts without the tags and the answer that published chains carry around them."""
    text = _text(value)
    inside = _THOUGHTS.search(text)
    return (inside[1].strip() if inside else text) or None


def _text(value: Any) -> str:
    """A value as one line of text; "" for none."""
    return str(value).strip() if value is not None else ""


def _texts(value: Any) -> list[str]:
    """All texts in a value and in the lists inside it, in order, empty ones left out."""
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [text] if (text := _text(value)) else []


def _records(kind: type[R], value: Any) -> tuple[R, ...]:
    """Nested records that an exported row carries.

    Raises: InputError (bad_evidence).
    """
    try:
        return tuple(kind.model_validate(part) for part in value or ())
    except (ValidationError, TypeError) as error:
        raise InputError("bad_evidence", str(error)) from None


def rubric_reply(row: Mapping[str, Any]) -> str | None:
    """What the verifier replied, as text for the reader of replies; None where no verifier was asked."""
    said = row.get("rubric_verification")
    return None if said is None else json.dumps(said)


def verdict_of(entry: Entry) -> Verdict | None:
    """The verdict that an exported row carries; None where it carries none, or one that cannot be read."""
    row = entry.row
    names = ("passed", "score", "rubric", "rubric_hash")
    try:
        return Verdict.model_validate(
            {
                "item_id": entry.item_id,
                "marks": row.get("marks"),
                "failed": [mark["criterion"] for mark in row.get("marks") or () if not mark["passed"]],
                "origin": {
                    "prompt": row.get("verifier_prompt"),
                    "prompt_hash": row.get("verifier_prompt_hash"),
                    "model": row.get("verifier"),
                    "model_hash": row.get("verifier_hash"),
                },
                **{name: row.get(name) for name in names},
            }
        )
    except (ValidationError, TypeError, KeyError):
        return None
