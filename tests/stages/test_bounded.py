"""Stages that remember on disk decide as they would in memory, in any order that tables may have, and leave nothing."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from medvlsynther.fingerprint import draw
from medvlsynther.records import Item, Label, Overlap
from medvlsynther.rules.dedupe import find_duplicates, keys_of
from medvlsynther.stages import probe as probe_stage
from tests.stages.harness import Tables, figure, item, run_stage

STEMS = (
    "Which organ is shown?",
    "Which organs is shown?",
    "A fisherman with painless progressive swelling underwent plain radiography: which periosteal reaction surrounds "
    "the metaphyseal lesion?",
)


def scene(seed: int, count: int = 60) -> tuple[list[Any], list[Item]]:
    """Figures of few articles, some with near or equal images, and one or two items about each."""
    chance = random.Random(seed)
    hashes = [chance.getrandbits(64) for _ in range(8)]
    figures, items = [], []
    for number in range(count):
        base = figure(number)
        flips = sum(1 << bit for bit in chance.sample(range(64), chance.choice([0, 0, 2, 4, 9])))
        image = base.images[0].model_copy(
            update={
                "sha256": f"{chance.choice([number, number, 7]):064x}",
                "phash": chance.choice([None, f"{chance.choice(hashes) ^ flips:016x}"]),
            }
        )
        article = base.article.model_copy(update={"article_id": f"PMC{chance.randrange(20)}.1"})
        figures.append(base.model_copy(update={"images": (image,), "article": article}))
        for turn in range(chance.choice([0, 1, 1, 2])):
            question = chance.choice([*STEMS, f"What is case {number}?"])
            items.append(
                item(number, item_id=f"PMC{number}.1/f1#{turn}", question=question, answer=chance.choice("ABC"))
            )
    return figures, items


@pytest.mark.parametrize("seed", range(12))
def test_dedupe_drops_what_memory_would_drop(tmp_path: Path, seed: int) -> None:
    figures, items = scene(seed)
    known = {one.figure_id: one for one in figures}
    cap = (None, 2)[seed % 2]
    found = run_stage("dedupe", tmp_path, {"items": items, "figures": figures}, per_article=cap)
    expected = find_duplicates([keys_of(one, known[one.figure_id]) for one in items], article_cap=cap)
    assert found.rejects == {one.item_id: one.reason for one in expected}
    assert [one.item_id for one in found.rows] == [one.item_id for one in items if one.item_id not in found.rejects]
    assert not any(found.folder.iterdir())


@pytest.mark.parametrize("by", ["letter", "modality"])
def test_a_subset_is_drawn_by_rank_within_each_group(tmp_path: Path, by: str) -> None:
    items = [item(number, answer="ABCDE"[number % 3]) for number in range(90)]
    labels = [
        Label(item_id=one.item_id, question_type="x", modality=("ct", "mri")[n % 2], anatomy="y", by="z")
        for n, one in enumerate(items)
        if n % 3
    ]
    groups = {one.item_id: one.answer for one in items}
    if by == "modality":
        groups = {one.item_id: "other" for one in items} | {one.item_id: one.modality for one in labels}
    found = run_stage("subset", tmp_path, {"items": items, "labels": labels[::-1]}, size=30, by=by)
    quota = Counter(groups[one.item_id] for one in found.rows)
    assert max(quota.values()) - min(quota.values()) <= 1
    wanted = {
        member
        for group, count in quota.items()
        for member in sorted((m for m in groups if groups[m] == group), key=lambda m: draw(42, "subset", m))[:count]
    }
    assert [one.item_id for one in found.rows] == [one.item_id for one in items if one.item_id in wanted]
    assert set(found.rejects.values()) == {"not_in_subset"}
    assert len(found.rows) + len(found.rejects) == len(items)


def test_the_published_rotation_counts_before_it_deals(tmp_path: Path) -> None:
    items = [item(number, answer="C") for number in range(13)]
    found = run_stage("rebalance", tmp_path, {"items": items}, method="released")
    assert Counter(one.answer for one in found.rows) == {"A": 3, "B": 3, "C": 3, "D": 2, "E": 2}
    assert [one.key for one in found.rows] == [one.key for one in items]


def test_of_several_pairs_the_worst_takes_an_item_out(tmp_path: Path) -> None:
    items = [item(number) for number in range(3)]

    def pair(number: int, kind: str, test_id: str) -> Overlap:
        return Overlap(
            train_set="train", train_id=items[number].item_id, test_set="slake", test_id=test_id, layer="joint",
            measure="class", score=None, evidence="why", kind=kind,
        )  # fmt: skip

    overlaps = [
        pair(2, "template_only", "q0"),
        pair(1, "same_image_other_fact", "q1"),
        pair(1, "identical_item", "q2"),
        pair(1, "identical_item", "q3"),
    ]
    found = run_stage("decontaminate", tmp_path, {"items": items, "overlaps": overlaps})
    assert found.rejects == {items[1].item_id: "overlap_identical_item"}
    assert [one.item_id for one in found.rows] == [items[0].item_id, items[2].item_id]


def test_a_large_set_is_probed_by_a_sample_and_its_order_by_all_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = [figure(number) for number in range(300)]
    items = [item(number, answer="ABCDE"[number % 5]) for number in range(300)]
    labels = [Label(item_id=one.item_id, question_type="x", modality="ct", anatomy="y", by="z") for one in items]
    tables: Tables = {"items": items, "figures": figures, "labels": labels, "earlier": None}
    whole = run_stage("probe", tmp_path, tables).rows
    assert {one.items for one in whole} == {300}
    monkeypatch.setattr(probe_stage, "MOST_ITEMS", 100)
    monkeypatch.setattr("medvlsynther.rules.probes.sample.Sample.__init__.__defaults__", (100,))
    drawn = run_stage("probe", tmp_path, tables).rows
    assert {one.items for one in drawn} == {100}
    assert [one.probe for one in drawn] == [one.probe for one in whole]
    order = next(one for one in drawn if one.probe == "P2")
    assert order.value > 0.99
    assert {m.name: m.value for m in order.measures}["period"] == 5
