"""What an audit says of a recipe's own items: the gate, the judge, and hashes that cost no decoding."""

from pathlib import Path
from typing import Any

import pytest

from medvlsynther.audit.gather import Compared, own_items
from medvlsynther.audit.sets import Exhibit
from medvlsynther.engines.base import Request
from medvlsynther.errors import BadSetting, ReplyError
from medvlsynther.records import ImageRef, Overlap
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store
from medvlsynther.store.pixels import prepare
from tests.audit.drawn import png, scene
from tests.stages.audit.test_audit import write_set
from tests.stages.harness import Outcome, Tables, figure, item, model, run_stage


def overlap(number: int, kind: str | None, **changes: object) -> Overlap:
    given: dict[str, Any] = {
        "train_set": "train", "train_id": item(number).item_id, "test_set": "slake", "test_id": "slake/7",
        "layer": "joint", "measure": "class", "score": None, "evidence": "bytes/sha256=1", "kind": kind,
    }  # fmt: skip
    return Overlap(**(given | changes))


def test_flagged_items_leave_with_reason_and_pair(tmp_path: Path) -> None:
    items = [item(number) for number in range(1, 6)]
    overlaps = [
        overlap(1, "template_only"),
        overlap(2, "same_image_other_fact"),
        overlap(2, "identical_item"),
        overlap(3, "same_article"),
        overlap(4, "identical_item", test_set="train"),
    ]
    found = run_stage("decontaminate", tmp_path, {"items": items, "overlaps": overlaps})
    assert found.rejects == {items[1].item_id: "overlap_identical_item"}
    assert [row.item_id for row in found.rows] == [items[n].item_id for n in (0, 2, 3, 4)]


def test_the_classes_that_speak_against_an_item_can_be_chosen(tmp_path: Path) -> None:
    tables: Tables = {
        "items": [item(1), item(2)],
        "overlaps": [overlap(1, "same_article"), overlap(2, "identical_item")],
    }
    found = run_stage("decontaminate", tmp_path, tables, classes=("same_article",))
    assert list(found.rejects) == [item(1).item_id]


def test_a_gate_without_judged_pairs_is_refused(tmp_path: Path) -> None:
    tables: Tables = {"items": [item(1)], "overlaps": [overlap(1, None, layer="bytes")]}
    with pytest.raises(BadSetting, match=r"audit\.joint"):
        run_stage("decontaminate", tmp_path, tables)


# ---------------------------------------------------------------------------------------------------- own items


def prepared(folder: Path, seed: int) -> ImageRef:
    """An image of the store, as the `images` stage leaves it."""
    store = Store(folder / "store")
    made = prepare(png(scene(seed)), long_side_px=384, min_side_px=28)
    return ImageRef(
        name="a.png",
        sha256=ImageStore(store.images).put(made.data),
        source_sha256=made.source_sha256,
        phash=made.phash,
        dhash=made.dhash,
    )


@pytest.mark.parametrize("decode_own", [True, False])
def test_own_items_are_compared_with_or_without_decoding(tmp_path: Path, decode_own: bool) -> None:
    figures = [figure(number, images=(prepared(tmp_path, number),)) for number in range(1, 4)]
    items = [item(number) for number in range(1, 4)]
    turned = png(scene(2).resize((250, 220)).rotate(90, expand=True))
    write_set(tmp_path / "sets" / "test.parquet", [{"images": [turned]}, {"images": [png(scene(70))]}])
    against = (Compared.model_validate({"path": str(tmp_path / "sets"), "name": "bench"}),)
    read = run_stage(
        "audit.read", tmp_path, {"items": items, "figures": figures}, against=against, decode_own=decode_own
    )
    found = run_stage("audit.images", tmp_path, {"exhibits": read.rows, "overlaps": None})
    assert [(row.train_id, row.test_id, row.layer) for row in found.rows] == [
        (items[1].item_id, "bench/0", "perceptual")
    ]
    kinds = {kind for row in read.rows if row.role == "train" for image in row.images for kind in image.parts}
    assert ("c" in kinds) == decode_own


def test_an_image_that_was_never_prepared_is_not_checked_rather_than_clean() -> None:
    bare = figure(1, images=(ImageRef(name="a.png"),))
    (exhibit,) = own_items([(item(1), bare)], "train", False)
    assert exhibit.images[0].fault == "image_not_prepared"


def test_without_a_train_set_there_is_nothing_to_audit(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="no train set"):
        run_stage("audit.read", tmp_path, {"items": None, "figures": None}, against=())


# -------------------------------------------------------------------------------------------------------- judge


def judge(folder: Path, answer: object, **settings: object) -> Outcome:
    exhibits = [
        Exhibit(set_name=name, role=role, item_id=f"{name}/{n}", stem=f"Question {n}?", options=("a", "b"), key="a")
        for name, role in (("train", "train"), ("test", "test"))
        for n in range(3)
    ]
    overlaps = [
        overlap(0, None, train_id=f"train/{n}", test_set="test", test_id=f"test/{n}", layer="text", measure=measure)
        for n, measure in enumerate(("near:stem", "minhash:item", "exact:item"))
    ]
    tables = {"exhibits": exhibits, "overlaps": overlaps}
    return run_stage("audit.rephrase", folder, tables, answer, model=model(), **settings)  # type: ignore[arg-type]


def verdicts(found: Outcome) -> dict[str, float | None]:
    return {row.train_id: row.score for row in found.rows if row.layer == "rephrase"}


def test_the_judge_is_asked_about_pairs_that_are_not_certain(tmp_path: Path) -> None:
    def answer(request: Request) -> str:
        return f"<answer>{'A' if 'train/0' in request.id else 'B'}</answer>"

    assert verdicts(judge(tmp_path, answer)) == {"train/0": 1.0, "train/1": 0.0}


def test_a_failed_or_unreadable_call_is_unknown_and_counted(tmp_path: Path) -> None:
    def answer(request: Request) -> str:
        if "train/0" in request.id:
            raise ReplyError("refused", "no")
        return "I cannot say."

    found = judge(tmp_path, answer)
    assert verdicts(found) == {"train/0": None, "train/1": None}
    assert sorted(found.rejects.values()) == ["judge_unread", "refused"]


def test_pairs_beyond_the_limit_are_unknown_and_counted(tmp_path: Path) -> None:
    found = judge(tmp_path, lambda _: "<answer>B</answer>", most=1)
    assert verdicts(found) == {"train/0": 0.0, "train/1": None}
    assert list(found.rejects.values()) == ["judge_limit"]
