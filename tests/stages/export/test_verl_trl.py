"""Rows for trainers: explicit types, a placeholder an image where the trainer wants one and none where it does not."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from medvlsynther.cards import Prompt
from medvlsynther.errors import MissingInput
from medvlsynther.export.processor import ModelFolder, Tokens
from medvlsynther.fingerprint import fingerprint
from medvlsynther.records import Trial
from tests.export.material import Material, encoded, item, picture

VERL = {
    "data_source": "string",
    "prompt": "list<element: struct<role: string, content: string>>",
    "images": "list<element: struct<bytes: binary, path: string>>",
    "ability": "string",
    "reward_model": "struct<style: string, ground_truth: string>",
}


@pytest.fixture
def material(tmp_path: Path) -> Material:
    material = Material(tmp_path)
    for count in (0, 1, 6):
        figure = material.figure(count, [picture(10 * count + n) for n in range(count)])
        material.items.append(item(figure, reasoning="It is bright."))
    return material


def read(root: Path, part: str = "train") -> pa.Table:
    return pq.read_table(root / f"step/dataset/data/{part}-00000-of-00001.parquet")


def test_verl_rows_have_the_schema_that_the_loader_reads(material: Material, tmp_path: Path) -> None:
    material.run("export.verl", name="cases")
    table = read(tmp_path)
    assert {name: str(table.schema.field(name).type) for name in VERL} == VERL
    for row, wanted in zip(table.to_pylist(), material.items, strict=True):
        text = row["prompt"][-1]["content"]
        assert text.startswith("<image>" * len(row["images"]))
        assert text.count("<image>") == len(row["images"])
        assert row["reward_model"]["ground_truth"] == row["extra_info"]["answer"] == wanted.key
        assert json.loads(row["extra_info"]["options"])[row["extra_info"]["answer_label"]] == wanted.key
        assert (row["extra_info"]["split"], row["extra_info"]["n_prompt_tokens"]) == ("train", None)


def test_verl_images_are_rgb_within_the_bound(tmp_path: Path) -> None:
    material = Material(tmp_path)
    big, grey = picture(1, 300, 200), encoded(Image.new("L", (40, 30)))
    material.items = [item(material.figure(0, [big, grey]))]
    material.run("export.verl", max_pixels=10_000)
    images = [Image.open(BytesIO(image["bytes"])) for image in read(tmp_path).to_pylist()[0]["images"]]
    assert [(image.mode, image.size) for image in images] == [("RGB", (122, 81)), ("RGB", (40, 30))]


class CountingFolder(ModelFolder):
    """A processor of four tokens an image and one a word."""

    def counter(self) -> Any:
        return lambda words, images: Tokens(4 * len(images), 4 * len(images) + len(words.user.split()))


def test_prompts_over_the_limit_are_refused_by_the_processors_count(material: Material, tmp_path: Path) -> None:
    folder = CountingFolder(path="x", digest="y")
    sizes = [len(q.images) for q in material.run("export.verl", processor=folder, max_prompt_tokens=40)]
    assert sizes == [0, 1]
    assert [r.reason for r in material.rejects] == ["prompt_too_long"]
    assert [row["extra_info"]["n_image_tokens"] for row in read(tmp_path).to_pylist()] == [0, 4]


def test_a_processor_is_known_by_its_files_and_not_by_its_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokenizer.json").write_text("{}")
    one, two = (ModelFolder.model_validate(str(tmp_path / name)) for name in ("a", "b"))
    assert fingerprint(one) == fingerprint(two)
    (tmp_path / "b" / "tokenizer.json").write_text("{ }")
    assert fingerprint(one) != fingerprint(ModelFolder.at(str(tmp_path / "b")))
    with pytest.raises(MissingInput):
        ModelFolder.at(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("kind", ["sft", "grpo"])
def test_trl_prompts_hold_no_placeholder_and_rows_without_images_stand_apart(
    kind: str, material: Material, tmp_path: Path
) -> None:
    material.run("export.trl", kind=kind)
    pictured, plain = read(tmp_path).to_pylist(), read(tmp_path, "train_text").to_pylist()
    assert [len(row["images"]) for row in pictured] == [1, 6]
    assert [len(row["images"]) for row in plain] == [0]
    for row in pictured + plain:
        assert "<image>" not in row["prompt"][-1]["content"]
        assert ("completion" in row) == (kind == "sft")


def test_trl_completions_hold_thoughts_and_letter_and_items_without_are_refused(
    material: Material, tmp_path: Path
) -> None:
    material.items[2] = material.items[2].model_copy(update={"reasoning": None})
    material.run("export.trl", kind="sft")
    (row,) = read(tmp_path).to_pylist()
    wanted = f"<think>It is bright.</think>\n<answer>{material.items[1].answer}</answer>"
    assert row["completion"] == [{"role": "assistant", "content": wanted}]
    assert [r.reason for r in material.rejects] == ["no_thoughts"]


@pytest.mark.parametrize("stage", ["export.verl", "export.trl"])
def test_the_released_instruction_keeps_its_backslash(stage: str, material: Material, tmp_path: Path) -> None:
    kind = {"kind": "grpo"} if stage == "export.trl" else {}
    material.run(stage, instruction=Prompt.load("released"), **kind)
    for row in read(tmp_path).to_pylist():
        assert [message["role"] for message in row["prompt"]] == ["user"]
        assert r"the answer.\nWrite" in row["prompt"][0]["content"]


@pytest.mark.parametrize(("stage", "settings"), [("export.verl", {}), ("export.trl", {"kind": "grpo"})])
def test_easy_first_orders_every_table_by_pass_rate(stage: str, settings: dict[str, Any], tmp_path: Path) -> None:
    material = Material(tmp_path).fill(articles=4, images=(1,))
    rates = (2, 7, None, 7, 8, 2, 0, 1)
    material.items = [
        item.model_copy(update={"trials": () if right is None else (seen(right),)})
        for item, right in zip(material.items, rates, strict=True)
    ]
    questions = material.run(stage, order="easy_first", **settings)
    wanted = [material.items[place].item_id for place in (4, 1, 3, 0, 5, 7, 6, 2)]
    assert [question.question_id for question in questions] == wanted
    assert [question.index for question in questions] == list(range(8))
    rows = [row.get("extra_info", row) for row in read(tmp_path).to_pylist()]
    assert [row["item_id"] for row in rows] == wanted
    assert [question.question_id for question in material.run(stage, "given", **settings)] == sorted(wanted)


def seen(right: int) -> Trial:
    """What a model made of eight tries, one of them lost."""
    return Trial(view="image", model="m", asked=9, right=right, unknown=1)
