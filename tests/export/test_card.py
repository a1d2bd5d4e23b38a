"""The card and its machine-readable counterpart tell what is in the data set, how it came to be, and by whom."""

import json
from pathlib import Path
from typing import Any

import mlcroissant
import orjson
import pytest
import yaml

from medvlsynther.export.card import header
from medvlsynther.export.census import Census, band
from medvlsynther.export.funnel import behind
from medvlsynther.records import Item, Overlap, Trial
from medvlsynther.rules.probes import Probe
from medvlsynther.store.layout import DONE
from medvlsynther.store.table import Table
from tests.export.material import WRITER, Material, article, item, picture


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return Material(tmp_path).fill()


def card(material: Material) -> str:
    return (material.root / "step/dataset/README.md").read_text()


@pytest.mark.filterwarnings("ignore")  # its own dependencies deprecate each other
def test_croissant_validates_and_its_records_read_back(material: Material, tmp_path: Path) -> None:
    material.run("export.hf", split=0.5)
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "step/dataset/croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    metadata = json.loads((tmp_path / "step/dataset/croissant.json").read_text())
    assert {"rai:dataCollection", "rai:dataBiases", "rai:personalSensitiveInformation"} <= set(metadata)
    rows = [row for part in ("train", "validation") for row in dataset.records(part)]
    assert len(rows) == len(material.items)
    images = rows[0].get("train/images") or rows[0]["validation/images"]
    assert images[0].size == (48, 40)


def test_the_lexical_writer_and_drawn_figures_are_named(material: Material) -> None:
    lexical = WRITER.model_copy(update={"model": "lexical"})
    material.figures = [figure.model_copy(update={"synthetic": True}) for figure in material.figures]
    material.items = [i.model_copy(update={"origin": lexical}) for i in material.items]
    material.run("export.hf")
    text = card(material)
    assert "12 of 12 questions were written by the lexical engine" in text
    assert "12 of 12 questions are about synthetic figures" in text
    assert {"lexical", "drawn-figures"} <= set(yaml.safe_load(text.split("---")[1])["tags"])


def test_a_data_set_by_models_about_real_figures_says_neither(material: Material) -> None:
    material.run("export.hf")
    assert "lexical" not in card(material)
    assert "synthetic figures" not in card(material)


def test_counts_marks_and_trials_stand_on_the_card(material: Material) -> None:
    trial = Trial(view="stem", model="blind-7b", asked=4, right=1)
    material.items = [i.model_copy(update={"trials": (trial,)}) for i in material.items]
    material.run("export.hf")
    text = card(material)
    assert "| stem | blind-7b | 48 | 25.0 % | 0 |" in text
    assert "| stem_concision | 0 | 12 | 0 | 12 |" in text
    assert "| CC-BY-4.0 | 3 | 3 | 6 |" in text
    assert f"| models/writer-9b | `{'b' * 64}` |" in text


def test_the_funnel_tells_every_step_behind_the_tables_once(material: Material, tmp_path: Path) -> None:
    store = material.store
    steps = {
        "collect-1": ({}, {"not_open": 3}, {}),
        "generate-2": (
            {"figures": "collect-1"},
            {"no_json": 2},
            {"writer-9b": {"prompt_tokens": 70, "reply_tokens": 9}},
        ),
        "verify-3": ({"items": "generate-2"}, {}, {"judge-72b": {"prompt_tokens": 5, "reply_tokens": 1}}),
        "filter-4": ({"items": "generate-2", "verdicts": "verify-3"}, {"low_score": 1}, {}),
        "other-5": ({"figures": "collect-1"}, {}, {}),
    }
    for step_id, (inputs, rejects, usage) in steps.items():
        store.step(step_id).mkdir()
        told = {"id": step_id, "inputs": inputs, "rows": 9, "rejects": rejects, "usage": usage}
        (store.step(step_id) / DONE).write_bytes(orjson.dumps(told))
    path = store.step("filter-4") / "items.parquet"
    path.write_bytes(material.table(Item, material.items).path.read_bytes())
    funnel = behind(store, [Table(Item, path), None])
    assert [step["id"] for step in funnel.steps] == ["collect-1", "generate-2", "verify-3", "filter-4"]
    assert funnel.usage["writer-9b"]["prompt_tokens"] == 70


def test_probes_and_overlaps_stand_on_the_card_where_they_were_looked_for(material: Material) -> None:
    probe = Probe(
        probe="P3",
        name="longest option",
        value=0.31,
        chance=0.2,
        low=0.28,
        high=0.34,
        items=12,
        gated=True,
        failed=True,
    )
    kept = material.items[0].item_id
    same = Overlap(
        train_set="cases", train_id=kept, test_set="slake", test_id="1", layer="perceptual", measure="phash", score=1.0
    )
    gone = same.model_copy(update={"train_id": "no longer here"})
    tables: dict[str, Any] = {
        "probes": material.table(Probe, [probe.model_copy(update={"at": "final"})]),
        "overlaps": material.table(Overlap, [same, same.model_copy(update={"test_id": "2"}), gone]),
    }
    material.run("export.hf", **tables)
    assert "| final | P3 | longest option | 31.0 % | 28.0 % to 34.0 % | 20.0 % | yes |" in card(material)
    assert "| slake | perceptual: phash | 1 | 2 |" in card(material)


def test_an_audit_that_found_nothing_is_told_apart_from_none(material: Material) -> None:
    material.run("export.hf", overlaps=material.table(Overlap, []))
    assert "The audit compared and found nothing" in card(material)
    material.run("export.hf", "none")
    assert "Overlap with other sets" not in (material.root / "none/dataset/README.md").read_text()


def test_a_pipe_in_a_name_does_not_break_a_table(material: Material) -> None:
    material.figures = [figure.model_copy(update={"category": "a|b\nc"}) for figure in material.figures]
    material.run("export.hf")
    assert "| a\\|b c | 12 | 100.0 % |" in card(material)


@pytest.mark.parametrize(
    ("codes", "licence"),
    [
        (["CC-BY-4.0"], "cc-by-4.0"),
        (["CC0-1.0", "CC-BY-4.0"], ["cc-by-4.0", "cc0-1.0"]),
        (["CC-BY-4.0", "CC-BY"], "other"),
        (["unknown"], "other"),
        ([], "other"),
    ],
)
def test_the_header_names_a_licence_that_the_hub_knows(codes: list[str], licence: object, tmp_path: Path) -> None:
    material, census = Material(tmp_path), Census()
    for number, code in enumerate(codes):
        source = article(number)
        source = source.model_copy(update={"licence": source.licence.model_copy(update={"code": code})})
        material.items.append(item(material.figure(number, [picture(number)], article=source)))
    assert material.run("export.hf") or not codes
    top = yaml.safe_load(card(material).split("---")[1])
    assert top["license"] == licence
    assert ("license_link" in top) == (licence == "other")
    assert header("x", census, [])["size_categories"] == ["n<1K"]


@pytest.mark.parametrize(
    ("score", "bar"), [(None, "none"), (1.0, "1.0"), (0.98, "0.9 to 1.0"), (0.0, "0.0 to 0.1"), (-0.5, "0.0 to 0.1")]
)
def test_scores_fall_into_bars(score: float | None, bar: str) -> None:
    assert band(score) == bar
