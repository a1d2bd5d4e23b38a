"""The zero-shot classifier, run for real with a tiny encoder saved here."""

import asyncio
import json
from pathlib import Path

import pytest

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.engines import openclip
from medvlsynther.engines.base import Endpoint, Engine, Request
from medvlsynther.errors import EngineRefused, ReplyError
from medvlsynther.records import ImageRef
from tests.audit.drawn import png, scene
from tests.tools.encoders import clip_folder

KINDS = ("computerized tomography", "ultrasound", "light microscopy", "plots and charts")
PICTURES = {f"{seed:064x}": png(scene(seed)) for seed in range(6)}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("clip"))


def engine(folder: Path) -> Engine:
    return openclip.connect(Model.load("biomedclip"), Endpoint(served_as=f"local-dir:{folder}"), PICTURES.__getitem__)


def request(*shown: str, prompt: str = "classify", kinds: tuple[str, ...] = KINDS) -> Request:
    images = tuple(ImageRef(name="i.png", sha256=sha256) for sha256 in shown)
    return Request(id="f1", prompt=Prompt.load(prompt), slots={"categories": list(kinds)}, images=images)


def kind(asked: Engine, *shown: str, kinds: tuple[str, ...] = KINDS) -> str:
    reply = asyncio.run(asked.generate(request(*shown, kinds=kinds), Sampling()))
    return str(json.loads(reply.text)["category"])


def test_each_figure_gets_a_kind_of_the_list_and_always_the_same(clip: Path) -> None:
    one, other = engine(clip), engine(clip)
    asyncio.run(one.probe())
    found = [kind(one, sha256) for sha256 in PICTURES]
    assert set(found) <= set(KINDS)
    assert found == [kind(other, sha256) for sha256 in PICTURES]


def test_neither_the_order_of_kinds_nor_of_images_decides(clip: Path) -> None:
    asked, shown = engine(clip), list(PICTURES)
    assert kind(asked, *shown) == kind(asked, *reversed(shown))
    assert kind(asked, shown[0]) == kind(asked, shown[0], kinds=KINDS[::-1])
    assert kind(asked, shown[0], kinds=KINDS[1:2]) == KINDS[1]


def test_what_an_encoder_cannot_do_is_refused(clip: Path) -> None:
    with pytest.raises(ReplyError, match="unsupported_task"):
        asyncio.run(engine(clip).generate(request(next(iter(PICTURES)), prompt="exam"), Sampling()))
    with pytest.raises(ReplyError, match="image_missing"):
        kind(engine(clip))


def test_a_folder_without_weights_is_refused(clip: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(EngineRefused):
            asyncio.run(engine(folder).probe())
    (tmp_path / "open_clip_config.json").write_bytes((clip / "open_clip_config.json").read_bytes())
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(b"torn")
    with pytest.raises(EngineRefused):
        asyncio.run(engine(tmp_path).probe())
