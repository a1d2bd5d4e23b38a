"""Replies computed in this process by tiny models with random weights: what they say is noise, their form is not."""

import asyncio
import json
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.engines import _prefixes, transformers
from medvlsynther.engines._weights import Weights
from medvlsynther.engines.base import Endpoint, Engine, Reply, ReplyError, Request
from medvlsynther.errors import BadSetting, EngineRefused
from medvlsynther.records import ImageRef
from medvlsynther.rules.mcq import item_schema
from tests.tools import tiny

tiny.require()
import tests.tools.shim.sitecustomize  # noqa: E402, F401

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")]

STATIC = "You write items for an examination, one for each figure that you are shown. " * 12
PROMPT = Prompt(description="d", task="write", system=STATIC, material="{{ caption }}", request="Write it.")
WARM = Sampling(temperature=1.0, max_tokens=400)
NAMES = {"type": "string", "enum": ["axial", "coronal", "sagittal", 'A "quoted" one']}
STRICT = {
    "type": "object",
    "properties": {
        "short": {"type": "string", "minLength": 2, "maxLength": 12},
        "view": NAMES,
        "views": {"type": "array", "items": NAMES, "minItems": 1, "maxItems": 3},
        "sure": {"type": "boolean"},
    },
    "required": ["short", "view", "views", "sure"],
    "additionalProperties": False,
}


def picture(shade: int, width: int = 84) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, 56), (shade, 90, 200 - shade)).save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = {f"{shade:02}": picture(shade, 56 + 28 * (shade % 4)) for shade in range(1, 20)}


@pytest.fixture(scope="module", params=["qwen2.5-vl", "qwen3-vl"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    torch.set_num_threads(1)
    return tiny.built(tmp_path_factory.mktemp("model") / "folder", request.param)


Connect = Callable[..., Engine]


@pytest.fixture
def connect(folder: Path) -> Connect:
    def to(repo: Path = folder, images: Callable[[str], bytes] = PICTURES.__getitem__, **settings: Any) -> Engine:
        card = Model(description="d", repo=str(repo), family="tiny")
        return transformers.connect(card, Endpoint(device="cpu", **settings), images)

    return to


def asked(number: int, images: Sequence[int] = (), **more: Any) -> Request:
    refs = tuple(ImageRef(name=f"{n}.png", sha256=f"{n:02}") for n in images)
    return Request(f"row{number}", PROMPT, {"caption": f"Figure {number}. " * (1 + number % 3)}, images=refs, **more)


def answers(engine: Engine, requests: Sequence[Request], sampling: Sampling = WARM) -> list[Any]:
    async def gather() -> list[Any]:
        try:
            return await asyncio.gather(*(engine.generate(r, sampling) for r in requests), return_exceptions=True)
        finally:
            await engine.close()

    return asyncio.run(gather())


def texts(replies: Sequence[Any]) -> list[str]:
    assert all(isinstance(reply, Reply) for reply in replies), replies
    return [reply.text for reply in replies]


def test_every_reply_fits_its_schema_length_bounds_and_all(connect: Connect) -> None:
    replies = answers(connect(), [asked(n, (n,), schema=STRICT) for n in range(1, 17)])
    for found in map(json.loads, texts(replies)):
        assert list(found) == ["short", "view", "views", "sure"]
        assert 2 <= len(found["short"]) <= 12
        assert {found["view"], *found["views"]} <= set(NAMES["enum"])
        assert 1 <= len(found["views"]) <= 3
        assert isinstance(found["sure"], bool)


def test_a_reply_depends_neither_on_its_batch_nor_on_the_prefix_cache(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [asked(n, (n,) * (1 + n % 2), schema=item_schema("ABC")) for n in range(1, 7)]
    together = answers(connect(batch=6), requests)
    assert all(reply.usage.cached_tokens > 100 for reply in together)
    alone = answers(connect(batch=1), requests)
    monkeypatch.setattr(_prefixes, "LEAST_TOKENS", 1 << 30)
    uncached = answers(connect(batch=6), requests)
    assert {reply.usage.cached_tokens for reply in uncached} == {0}
    assert texts(together) == texts(alone) == texts(uncached)
    assert len(set(texts(together))) > 1


def test_equal_requests_have_equal_replies_and_rollouts_differ(connect: Connect) -> None:
    requests = [asked(1, (1,), schema=item_schema("ABC"), sample=n) for n in (0, 1, 2, 0)]
    first, second, third, again = texts(answers(connect(), requests))
    assert first == again
    assert len({first, second, third}) > 1


def test_text_alone_and_texts_with_images_are_served_together(connect: Connect) -> None:
    replies = answers(connect(), [asked(n, (n,) * (n % 3), schema=STRICT) for n in range(1, 7)])
    assert [reply.usage.image_tokens > 0 for reply in replies] == [n % 3 > 0 for n in range(1, 7)]
    assert all(reply.usage.prompt_tokens > reply.usage.image_tokens for reply in replies)
    words = [asked(n, schema=STRICT) for n in (3, 6)]
    assert texts(answers(connect(), words)) == texts([replies[2], replies[5]])


def test_a_bad_row_takes_nobody_with_it(connect: Connect) -> None:
    def images(sha256: str) -> bytes:
        return b"\x89PNG broken" if sha256 == "03" else PICTURES[sha256]

    long = Request("long", PROMPT, {"caption": "word " * 40_000}, images=(ImageRef(name="x", sha256="05"),))
    requests = [*(asked(n, (n,), schema=STRICT) for n in range(1, 5)), long]
    replies = answers(connect(images=images), requests)
    assert [getattr(reply, "reason", "answered") for reply in replies] == [
        "answered", "answered", "image_unreadable", "answered", "context_overflow",
    ]  # fmt: skip


def test_a_reply_that_its_limit_cuts_is_tried_once_with_twice_the_limit(connect: Connect) -> None:
    pair = {"type": "array", "items": NAMES, "minItems": 12, "maxItems": 12}
    cut, longer = (Sampling(temperature=1.0, max_tokens=n) for n in (3, 90))
    (failed,) = answers(connect(), [asked(1, schema=pair)], cut)
    assert isinstance(failed, ReplyError)
    assert failed.reason == "truncated"
    (reply,) = answers(connect(), [asked(1, schema=pair)], longer)
    assert isinstance(reply, Reply)
    assert len(json.loads(reply.text)) == 12


def test_a_fixed_budget_keeps_what_it_cut(connect: Connect) -> None:
    (reply,) = answers(connect(), [asked(1)], Sampling(max_tokens=5, extend=False))
    assert isinstance(reply, Reply)
    assert (reply.finish, reply.usage.reply_tokens, reply.attempts) == ("length", 5, 1)


def test_labels_have_chances_that_depend_on_no_neighbour(connect: Connect) -> None:
    requests = [asked(n, (n,) * (n % 2), labels=("yes", "no", "axial")) for n in range(1, 9)]
    together = answers(connect(batch=8), requests)
    for reply in together:
        assert isinstance(reply, Reply)
        assert sum(reply.chances.values()) == pytest.approx(1.0)
        assert reply.text == max(reply.chances, key=reply.chances.__getitem__)
        assert (reply.finish, reply.usage.reply_tokens) == ("stop", 1)
    for reply, alone in zip(together, answers(connect(batch=1), requests), strict=True):
        assert reply.chances == pytest.approx(dict(alone.chances), abs=1e-4)
    mixed = answers(connect(batch=4), [requests[0], asked(1, (1,), schema=STRICT)])
    assert mixed[0].chances == pytest.approx(dict(together[0].chances), abs=1e-4)
    assert json.loads(mixed[1].text)


def test_labels_that_begin_alike_are_refused(connect: Connect) -> None:
    (error,) = answers(connect(), [asked(1, labels=("q" * 40, "q" * 41))])
    assert isinstance(error, BadSetting)


def test_greedy_replies_are_what_generate_gives(connect: Connect, folder: Path) -> None:
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    (reply,) = answers(connect(), [asked(2, (2, 5))], Sampling(max_tokens=24))
    ours = reply.text if isinstance(reply, Reply) else reply.detail.partition("…")[2]
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    text = ("Figure 2. " * 3).strip() + "\n\nWrite it."
    user = [{"type": "image"}, {"type": "image"}, {"type": "text", "text": text}]
    system = [{"type": "text", "text": STATIC.strip()}]
    turns = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    prompt = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    images = [Image.open(BytesIO(PICTURES[name])) for name in ("02", "05")]
    tensors = processor(text=[prompt], images=images, return_tensors="pt")
    with torch.inference_mode():
        ids = model.generate(**tensors, max_new_tokens=48, do_sample=False)
    theirs = processor.tokenizer.decode(ids[0, tensors["input_ids"].shape[1] :], skip_special_tokens=True).strip()
    assert ours
    assert theirs.endswith(ours)


def test_weights_stay_for_the_next_step(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(connect(), [asked(1, schema=STRICT)])
    monkeypatch.setattr(Weights, "load", None)
    assert isinstance(answers(connect(), [asked(2, schema=STRICT)])[0], Reply)


@pytest.mark.parametrize("damage", ["absent", "no_weights", "torn", "no_config"])
def test_weights_that_cannot_be_had_are_refused_with_a_mend(
    connect: Connect, folder: Path, tmp_path: Path, damage: str
) -> None:
    broken = tmp_path / "broken"
    if damage != "absent":
        broken.mkdir()
        for path in folder.iterdir():
            data = path.read_bytes()
            if path.suffix == ".safetensors":
                data = b"" if damage == "no_weights" else data[: len(data) // 2] if damage == "torn" else data
            if not (damage == "no_config" and path.name == "config.json"):
                (broken / path.name).write_bytes(data)
    (error,) = answers(connect(broken), [asked(1)])
    assert isinstance(error, EngineRefused)
    assert str(broken) in str(error)
    assert error.mend


def test_the_probe_says_whether_a_model_is_there(connect: Connect, tmp_path: Path) -> None:
    asyncio.run(connect().probe())
    with pytest.raises(EngineRefused):
        asyncio.run(connect(tmp_path / "nothing").probe())
