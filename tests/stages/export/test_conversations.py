"""Conversation formats hold what their readers expect: roles, placeholders, images that are there."""

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.export.material import Material, item, picture


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return Material(tmp_path).fill(3, images=(1, 2, 0))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_sharegpt_images_are_files_and_match_their_placeholders(material: Material, tmp_path: Path) -> None:
    material.run("export.sharegpt", name="cases")
    dataset = tmp_path / "step/dataset"
    for line, wanted in zip(lines(dataset / "train.jsonl"), material.items, strict=True):
        assert [message["role"] for message in line["messages"]] == ["system", "user", "assistant"]
        assert line["messages"][1]["content"].count("<image>") == len(line["images"])
        assert line["messages"][2]["content"] == f"<answer>{wanted.answer}</answer>"
        for path in line["images"]:
            Image.open(dataset / path).verify()
    listed = json.loads((dataset / "dataset_info.json").read_text())
    assert {name: (dataset / entry["file_name"]).is_file() for name, entry in listed.items()} == {"cases_train": True}


def test_chat_lines_hold_messages_alone_with_images_inside(material: Material, tmp_path: Path) -> None:
    material.run("export.chat")
    for line, wanted in zip(lines(tmp_path / "step/dataset/train.jsonl"), material.items, strict=True):
        assert list(line) == ["messages"]
        *images, text = line["messages"][1]["content"]
        assert wanted.question in text["text"]
        for part in images:
            head, data = part["image_url"]["url"].split(",")
            assert head == "data:image/png;base64"
            Image.open(BytesIO(base64.b64decode(data))).verify()


def test_lines_and_their_evidence_stay_together_when_items_are_refused(material: Material, tmp_path: Path) -> None:
    material.items.insert(1, item(material.figures[0], 9, options=("same", "Same", "other"), answer="A"))
    material.verdicts = material.labels = None
    material.run("export.inspect", split=0.5)
    dataset = tmp_path / "step/dataset"
    seen = []
    for part in ("train", "validation"):
        for line, evidence in zip(lines(dataset / f"{part}.jsonl"), lines(dataset / "evidence" / f"{part}.jsonl")):
            assert line["id"] == evidence["item_id"]
            assert line["target"] == evidence["answer_label"]
            seen.append(line["id"])
    assert sorted(seen) == sorted(i.item_id for i in material.items if i.options[0] != "same")


def test_the_task_files_are_python_that_compiles(material: Material, tmp_path: Path) -> None:
    material.run("export.inspect", "a")
    material.run("export.lmms", "b")
    for path in (tmp_path / "a/dataset/task.py", tmp_path / "b/dataset/utils.py"):
        compile(path.read_text(), str(path), "exec")


def test_lmms_functions_ask_and_grade(material: Material, tmp_path: Path) -> None:
    material.run("export.lmms", name="cases")
    dataset = tmp_path / "step/dataset"
    card = (dataset / "cases.yaml").read_text()
    space: dict[str, Any] = {}
    exec(compile((dataset / "utils.py").read_text(), "utils.py", "exec"), space)
    for function in ("doc_to_visual", "doc_to_text", "doc_to_messages", "process_results"):
        assert f"{function}: !function utils.{function}\n" in card
        assert callable(space[function])
    doc = {
        "images": [Image.open(BytesIO(picture(1)))],
        "system": "Think.",
        "prompt": "What?\nA. x\nB. y",
        "options": '{"A":"x","B":"y"}',
        "answer_label": "B",
    }
    assert space["doc_to_text"](doc) == "Think.\n\nWhat?\nA. x\nB. y"
    assert [message["role"] for message in space["doc_to_messages"](doc)] == ["system", "user"]
    assert space["process_results"](doc, ["<answer>B</answer>"]) == {"accuracy": 1.0}
    assert space["process_results"](doc, ["I cannot tell."]) == {"accuracy": 0.0}
