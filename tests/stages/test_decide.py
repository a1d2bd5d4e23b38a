"""Decisions come back: rejected items leave with the reason, edited ones replace their originals, nothing is lost."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from medvlsynther.errors import MissingInput
from medvlsynther.fingerprint import fingerprint
from medvlsynther.records import Item, Overlap
from medvlsynther.review.log import Logs, Reviews
from medvlsynther.rules.reviews import Entry, pair_id, wording
from tests.stages.harness import Outcome, item, run_stage

ITEMS = [item(number) for number in range(1, 6)]


def said(number: int, word: str, **more: object) -> Entry:
    about = ITEMS[number]
    plain = {"kind": "decision", "item_id": about.item_id, "decision": word, "seen": wording(about)}
    return Entry.model_validate(plain | more)


def decide(folder: Path, *entries: Entry, overlaps: list[Overlap] | None = None, **settings: Any) -> Outcome:
    logs = Logs(folder / "reviews")
    for entry in entries:
        logs.add("ada", entry)
    reviews = Reviews.model_validate(str(folder / "reviews"))
    return run_stage("decide", folder, {"items": ITEMS, "overlaps": overlaps}, reviews=reviews, **settings)


def test_each_decision_has_its_effect(tmp_path: Path) -> None:
    edit = {"question": "Better?", "options": ("x", "y"), "key": "B"}
    found = decide(
        tmp_path, said(0, "accept"), said(1, "reject", tags=("wrong_key",)), said(2, "edit", **edit), said(3, "unsure")
    )
    assert found.rejects == {ITEMS[1].item_id: "review_wrong_key"}
    names = [row.item_id for row in found.rows]
    assert names == [ITEMS[0].item_id, "PMC3.1/f1#2", ITEMS[3].item_id, ITEMS[4].item_id]
    changed: Item = found.rows[1]
    assert (changed.parent, changed.question, changed.key) == (ITEMS[2].item_id, "Better?", "y")
    counts = orjson.loads((found.folder / "reviews.json").read_bytes())
    assert counts == {"edited": 1, "kept": 1, "not_decided": 2, "rejected": 1}


def test_a_decision_about_other_words_counts_as_none(tmp_path: Path) -> None:
    found = decide(tmp_path, said(0, "reject", seen="0" * 16))
    assert len(found.rows) == 5
    assert orjson.loads((found.folder / "reviews.json").read_bytes())["decided_in_other_words"] == 1


def test_only_what_was_reviewed_stays_where_that_is_asked(tmp_path: Path) -> None:
    found = decide(tmp_path, said(0, "accept"), only_reviewed=True)
    assert [row.item_id for row in found.rows] == [ITEMS[0].item_id]
    assert set(found.rejects.values()) == {"not_reviewed"}


def test_an_image_that_reviewers_found_elsewhere_leaves(tmp_path: Path) -> None:
    pair = Overlap(
        train_set="ours",
        train_id=ITEMS[0].item_id,
        test_set="bench",
        test_id="b",
        layer="perceptual",
        measure="phash",
        score=0.9,
        train_image=0,
        test_image=0,
    )
    found = decide(tmp_path, Entry(kind="pair", item_id=pair_id(pair), same="same"), overlaps=[pair])
    assert found.rejects == {ITEMS[0].item_id: "review_same_image"}


def test_what_was_said_is_identity_and_how_long_it_took_is_not(tmp_path: Path) -> None:
    names = []
    for folder, seconds, word in (("a", 1.0, "accept"), ("b", 9.0, "accept"), ("c", 1.0, "reject")):
        logs = Logs(tmp_path / folder)
        logs.add("ada", Entry(kind="answer", item_id=ITEMS[0].item_id, letter="A", seconds=seconds, at=seconds))
        logs.add("ada", said(0, word))
        names.append(fingerprint(Reviews.model_validate(str(tmp_path / folder))))
    assert names[0] == names[1] != names[2]


def test_a_folder_without_reviews_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        Reviews.model_validate(str(tmp_path / "nothing"))
