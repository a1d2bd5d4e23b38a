"""What the page is told of an item: nothing that gives the key away before the reviewer answered."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from medvlsynther.records import LETTERS, Figure, Item, LintNote, Mark, Verdict
from medvlsynther.review.shelf import Shelf, Shown
from medvlsynther.rules.highlight import linted, spans
from medvlsynther.rules.reviews import Entry, pair_id, wording
from medvlsynther.store.images import ImageStore

LONGEST = 100_000
"""Characters of one text that travel to the page."""

_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")


def text(value: str, notes: Iterable[LintNote] = ()) -> dict[str, Any]:
    """A text with the parts that lint notes are about."""
    shown = value[:LONGEST]
    return {"text": shown, "spans": [list(span) for span in spans(shown, notes)], "cut": len(value) > LONGEST}


def blind(place: int, item: Item, figure: Figure | None, images: ImageStore) -> dict[str, Any]:
    """Image, stem and options: all that is shown before an answer."""
    return {
        "place": place,
        "item_id": item.item_id,
        "question": text(item.question),
        "options": [text(option) for option in item.options],
        "letters": LETTERS[: len(item.options)],
        "images": [
            {
                "sha256": image.sha256 or "",
                "name": image.name,
                "missing": not image.sha256 or image.sha256 not in images,
                "width": image.width_px,
                "height": image.height_px,
            }
            for image in (figure.images if figure else ())
        ],
        "synthetic": bool(figure and figure.synthetic),
    }


def whole(shelf: Shelf, place: int, shown: Shown) -> dict[str, Any]:
    """What appears once the reviewer answered."""
    item, figure, notes, entry = shown.item, shown.figure, shown.notes, shelf.entries[place]
    return {
        "answer": item.answer,
        "key": item.key[:LONGEST],
        "seen": wording(item),
        "question": text(item.question, notes),
        "options": [text(option, notes) for option in item.options],
        "caption": text(figure.caption, notes) if figure else None,
        "mentions": [text(mention, notes) for mention in figure.mentions] if figure else [],
        "label": figure.label if figure else "",
        "article": _article(figure) if figure else None,
        "notes": [note.model_dump() for note in notes],
        "rubric": _rubric(shelf, shown.verdict, notes),
        "about": [part for part in (*entry.kind, figure.category if figure else "") if part],
        "reject": entry.reject,
        "writer": item.origin.model,
        "trials": [trial.model_dump() for trial in item.trials],
        "parent": item.parent,
    }


def _article(figure: Figure) -> dict[str, Any]:
    article = figure.article
    link = ""
    if article.pmcid and re.fullmatch(r"PMC\d+", article.pmcid):
        link = f"https://pmc.ncbi.nlm.nih.gov/articles/{article.pmcid}/"
    elif article.doi and re.fullmatch(r"10\.\d{4,9}/[\w.()/:;-]+", article.doi):
        link = f"https://doi.org/{article.doi}"
    return {
        "id": article.article_id,
        "title": article.title[:LONGEST],
        "journal": article.journal or "",
        "year": article.year,
        "licence": article.licence.code,
        "standing": article.licence.standing,
        "attribution": article.licence.attribution,
        "link": link,
    }


def _rubric(shelf: Shelf, verdict: Verdict | None, notes: Sequence[LintNote]) -> dict[str, Any] | None:
    if verdict is None:
        return None
    second = verdict.second
    return {
        "name": verdict.rubric,
        "score": verdict.score,
        "passed": verdict.passed,
        "by": verdict.origin.model,
        "second": {"model": second.model, "passed": second.passed, "failed": list(second.failed)} if second else None,
        "marks": [_mark(shelf, mark, notes) for mark in verdict.marks],
    }


def _mark(shelf: Shelf, mark: Mark, notes: Sequence[LintNote]) -> dict[str, Any]:
    known = shelf.criteria.get(mark.criterion)
    found = linted(mark.criterion, notes)
    return {
        "criterion": mark.criterion,
        "title": known.title if known else mark.criterion,
        "text": known.text if known else "",
        "category": known.category if known else "",
        "weight": mark.weight,
        "passed": mark.passed,
        "by": mark.by,
        "note": mark.note,
        "lint": None if found is None else [f"{note.rule} {note.detail}" for note in found],
    }


def state(answer: Entry | None, decision: Entry | None) -> dict[str, Any]:
    """What the reviewer did with an item so far."""
    return {
        "answer": answer.letter if answer else None,
        "correct": answer.correct if answer else None,
        "decision": decision.model_dump(exclude={"kind", "item_id", "at"}) if decision else None,
    }


def difference(old: str, new: str) -> list[list[str]]:
    """What changed between two texts, word by word: ["=" or "-" or "+", words]."""
    before, after = _TOKENS.findall(old), _TOKENS.findall(new)
    if len(before) + len(after) > 4000:
        return [["-", old], ["+", new]] if old != new else [["=", old]]
    parts: list[list[str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append(["=", "".join(before[a:b])])
            continue
        parts += [[sign, "".join(words)] for sign, words in (("-", before[a:b]), ("+", after[c:d])) if words]
    return parts


def pair_view(shelf: Shelf, place: int, images: ImageStore) -> dict[str, Any]:
    """Two images side by side, and what the audit says of them."""
    pair = shelf.pairs[place]
    left, right = shelf.pair_images(pair)
    return {
        "place": place,
        "id": pair_id(pair),
        "left": {"set": pair.train_set, "id": pair.train_id, "sha256": left if left and left in images else ""},
        "right": {"set": pair.test_set, "id": pair.test_id, "sha256": right if right and right in images else ""},
        "kind": pair.kind or pair.layer,
        "measure": pair.measure,
        "score": pair.score,
        "evidence": pair.evidence,
    }
