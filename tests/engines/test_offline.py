"""Ray Data LLM: the real configuration, and the stream of rows, with a stand-in where vLLM would be."""

import pickle
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from medvlsynther.cards import Sampling
from medvlsynther.engines import _asking, _offline, ray
from medvlsynther.engines._offline import OFFLINE, asked, prepared, told
from medvlsynther.engines._replicas import Wish
from medvlsynther.engines.base import Endpoint, Reply, ReplyError, Request
from medvlsynther.executors.cluster import Wanted
from medvlsynther.records import ImageRef
from medvlsynther.store.images import ImageStore
from tests.engines.test_ray import MODEL, PROMPT, SCHEMA, requests, texts

pytestmark = pytest.mark.slow


@pytest.fixture
def images(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    OFFLINE.clear()


def test_the_real_configuration_takes_what_a_site_says(images: ImageStore) -> None:
    end = Endpoint(engine="ray", replicas=3, tensor_parallel=2, concurrency=96, served_as="folder/of/weights")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own classes use an older form of pydantic's
        config = _offline.config(Wish.of(MODEL, end, images.read))
    assert (config.model_source, config.concurrency, config.batch_size) == ("folder/of/weights", (3, 3), 1)
    assert config.engine_kwargs["tensor_parallel_size"] == 2
    assert config.engine_kwargs["structured_outputs_config"]["backend"] == "guidance"
    assert config.max_concurrent_batches == 32
    assert config.should_continue_on_error


def test_a_row_holds_messages_images_and_the_schema(images: ImageStore) -> None:
    digest = images.put(b"\x89PNG\r\n\x1a\n")
    request = Request("r", PROMPT, {"caption": "x"}, (ImageRef(name="a.png", sha256=digest),), schema=SCHEMA, sample=2)
    row = asked(7, request, Sampling(seed=40))
    found = prepared(str(Path.cwd()), pickle.dumps(images.read), row)
    system, user = found["messages"]
    assert (system["role"], user["role"]) == ("system", "user")
    assert user["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert user["content"][1]["text"] == "Ask about x."
    assert found["sampling_params"]["seed"] == 42
    assert "question" in found["sampling_params"]["structured_outputs"]["json"]
    missing = asked(8, Request("r", PROMPT, {"caption": "x"}, (ImageRef(name="a.png", sha256="0" * 64),)), Sampling())
    assert prepared(str(Path.cwd()), pickle.dumps(images.read), missing)[_offline.ERROR].startswith("image_missing")


def test_replies_are_told_apart() -> None:
    request, sampling = Request("r", PROMPT, {"caption": "x"}), Sampling(max_tokens=5)
    row = {"number": 1, "text": "<think>so</think>yes", "prompt_tokens": 9, "reply_tokens": 4}
    reply = told(row, request, sampling)
    assert isinstance(reply, Reply)
    assert (reply.text, reply.reasoning, reply.usage.reply_tokens) == ("yes", "so", 4)
    for changed, reason in (
        (row | {"reply_tokens": 5}, "truncated"),
        (row | {"text": ""}, "empty_reply"),
        ({_offline.ERROR: "ValueError: too long", "number": 1}, "server_error"),
    ):
        fault = told(changed, request, sampling)
        assert isinstance(fault, ReplyError)
        assert fault.reason == reason


def stand_in(wish: Wish) -> Any:
    """What a processor does, without a model: failed and empty rows pass by."""

    def answer(row: dict[str, Any]) -> dict[str, Any]:
        made = prepared(wish.home, wish.images, row)
        if _offline.ERROR in made:
            return {"number": row["number"], _offline.ERROR: made[_offline.ERROR]}
        text = made["messages"][-1]["content"][-1]["text"]
        return {"number": row["number"], "text": text, "prompt_tokens": 9, "reply_tokens": 4, _offline.ERROR: ""}

    return lambda table: table.map(answer)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray Data's own
def test_the_last_request_is_answered_while_more_may_come(
    images: ImageStore, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_offline, "processor", stand_in)
    engine = ray.connect(MODEL, Endpoint(cluster=wanted, concurrency=4), images.read)
    ask = partial(_asking.ask, engine, None, MODEL, sampling=Sampling())
    missing = Request("none", PROMPT, {"caption": "x"}, (ImageRef(name="a.png", sha256="0" * 64),))
    assert texts(ask(requests=requests(30, images))) == [f"Ask about case {n}." for n in range(30)]
    assert texts(ask(requests=[missing])) == ["image_missing"]
    assert len(OFFLINE._things) == 1, "the second asking found what the first had started"
