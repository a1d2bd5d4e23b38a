"""Kinds come from words or from a model; what is no clinical image is turned away either way."""

import json
from pathlib import Path

import pytest

from medvlsynther.cards import Model
from medvlsynther.engines import openclip
from medvlsynther.engines.base import Endpoint, Request
from medvlsynther.errors import BadSetting, MissingExtra
from tests.stages.harness import figure, model, run_stage

FIGURES = [
    figure(1, category=None),
    figure(2, category=None, caption="Flow diagram of the study."),
    figure(3, category=None, caption="Something else entirely."),
]


def test_words_decide_without_a_model(tmp_path: Path) -> None:
    found = run_stage("classify", tmp_path, {"figures": FIGURES})
    assert [row.category for row in found.rows] == ["computerized tomography"]
    assert found.rejects == {FIGURES[1].figure_id: "not_clinical", FIGURES[2].figure_id: "unknown_kind"}


def test_a_model_decides_from_a_closed_list(tmp_path: Path) -> None:
    said = {"PMC1.1/f1": "ultrasound", "PMC2.1/f1": "plots and charts", "PMC3.1/f1": "a cat"}

    def answer(request: Request) -> str:
        assert request.images
        return json.dumps({"category": said[request.id]})

    found = run_stage("classify", tmp_path, {"figures": FIGURES}, answer, model=model())
    assert [row.category for row in found.rows] == ["ultrasound"]
    assert found.rejects == {FIGURES[1].figure_id: "not_clinical", FIGURES[2].figure_id: "unknown_kind"}


def test_a_model_without_prepared_images_is_refused(tmp_path: Path) -> None:
    raw = figure(1, images=tuple(i.model_copy(update={"sha256": None}) for i in FIGURES[0].images))
    with pytest.raises(BadSetting, match="Put `images` before it"):
        run_stage("classify", tmp_path, {"figures": [raw]}, lambda _: "{}", model=model())


def test_an_encoder_is_called_by_its_whole_name_or_not_at_all() -> None:
    card = Model.load("biomedclip")
    with pytest.raises(BadSetting, match="no encoder of OpenCLIP's"):
        openclip.connect(card, Endpoint(served_as="biomedclip"), lambda _: b"")


def test_a_missing_encoder_is_an_error_and_never_a_stand_in() -> None:
    import asyncio
    import importlib.util

    engine = openclip.connect(Model.load("biomedclip"), Endpoint(), lambda _: b"")
    if importlib.util.find_spec("open_clip") is None:
        with pytest.raises(MissingExtra, match=r"medvlsynther\[openclip\]"):
            asyncio.run(engine.probe())
