"""What vLLM in this process is told, and what its replies mean: without vLLM."""

import asyncio
import importlib.util
import json
import math
import os
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines import _vllm_inside, vllm
from medvlsynther.engines._vllm_core import CORES, told
from medvlsynther.engines._vllm_inside import answered, asked
from medvlsynther.engines._vllm_log import Log, told_to_a_file
from medvlsynther.engines._vllm_options import Source, options
from medvlsynther.engines.base import Endpoint, Reply
from medvlsynther.errors import MissingExtra, ReplyError
from tests.engines.conftest import SCHEMA, image, requests

CARD = Model(description="d", repo="org/model", family="simulated", revision="abc", context_tokens=4096, max_images=3)
LABELS = ("yes", "no")
TOKENS = {"yes": (1, 2), "no": (3,)}


@dataclass
class StandInLogprob:
    """Stands in for vLLM's `Logprob`."""

    logprob: float


@dataclass
class StandInCompletion:
    """Stands in for vLLM's `CompletionOutput`."""

    text: str = "A reply"
    token_ids: tuple[int, ...] = (5, 6, 7)
    finish_reason: str | None = "stop"
    logprobs: list[dict[int, StandInLogprob]] | None = None


@dataclass
class StandInOutput:
    """Stands in for vLLM's `RequestOutput`."""

    outputs: list[StandInCompletion] = field(default_factory=lambda: [StandInCompletion()])
    prompt_token_ids: list[int] | None = field(default_factory=lambda: list(range(9)))
    num_cached_tokens: int | None = 4


def pairs(arguments: tuple[str, ...]) -> dict[str, str]:
    """Options that are followed by a value."""
    return {name: value for name, value in pairwise(arguments) if name.startswith("--")}


def test_serve_chooses_between_servers_and_this_process() -> None:
    assert isinstance(vllm.connect(CARD, Endpoint(), image), vllm._Served)
    assert isinstance(vllm.connect(CARD, Endpoint(serve=True), image), vllm._Served)
    assert isinstance(vllm.connect(CARD, Endpoint(serve=False), image), _vllm_inside._Inside)


def test_servers_and_this_process_are_told_the_same_of_a_model() -> None:
    end = Endpoint(tensor_parallel=2, options=("--dtype", "float32"), served_as="folder")
    inside, command = Source.of(CARD, end), vllm.wanted(CARD, end).command
    for arguments in (inside.options, command):
        found = pairs(arguments)
        assert found["--revision"] == "abc"
        assert found["--max-model-len"] == "4096"
        assert found["--tensor-parallel-size"] == "2"
        assert json.loads(found["--limit-mm-per-prompt"]) == {"image": 3, "video": 0}
        assert json.loads(found["--structured-outputs-config"])["backend"] == "guidance"
        assert arguments[-2:] == ("--dtype", "float32"), "what the site says comes last, and so counts"
    assert inside.repo == command[2] == "folder"


def test_replicas_are_data_parallel_in_this_process_and_servers_otherwise() -> None:
    assert pairs(Source.of(CARD, Endpoint(replicas=4)).options)["--data-parallel-size"] == "4"
    assert "--data-parallel-size" not in vllm.wanted(CARD, Endpoint(replicas=4)).command
    plain = Model(description="d", repo="org/model", family="simulated")
    assert not {"--revision", "--tensor-parallel-size"} & set(options(plain, Endpoint()))


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed here")
def test_without_the_package_the_install_line_is_named_and_nothing_hangs() -> None:
    engine = vllm.connect(CARD, Endpoint(serve=False), lambda _: png())
    with pytest.raises(MissingExtra, match=r"medvlsynther\[vllm\]"):
        asyncio.run(engine.probe())

    async def both() -> list[Any]:
        try:
            asked = [engine.generate(request, Sampling()) for request in requests(2)]
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            await engine.close()

    assert [type(error) for error in asyncio.run(both())] == [MissingExtra, MissingExtra]
    CORES.clear()


def png() -> bytes:
    buffer = BytesIO()
    Image.new("L", (8, 8), 90).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_request_is_asked_as_a_server_would_be_with_images_before_words_and_named_by_content() -> None:
    card = CARD.model_copy(
        update={"extra_body": {"chat_template_kwargs": {"enable_thinking": False}, "top_k": 20, "seed": None}}
    )
    (request,) = requests(1, pictures=2, schema=SCHEMA, sample=3)
    ask = asked(request, Sampling(temperature=0.5), card, ["first", "second"], 64)
    system, user = ask.messages
    assert system == {"role": "system", "content": "You write."}
    assert [part.get("uuid") for part in user["content"]] == ["000000", "000001", None]
    assert [part.get("image_pil") for part in user["content"]] == ["first", "second", None]
    assert user["content"][-1]["text"] == "Caption: Caption 0\n\nWrite 1."
    assert ask.params == {"temperature": 0.5, "top_p": 1.0, "max_tokens": 64, "top_k": 20}, "null takes a field away"
    assert ask.template == {"enable_thinking": False}
    assert json.loads(ask.schema or "") == SCHEMA


def test_words_alone_are_a_plain_text_and_rollouts_have_seeds_of_their_own() -> None:
    seeds = []
    for sample in range(3):
        (request,) = requests(1, pictures=0, labels=LABELS, sample=sample)
        ask = asked(request, Sampling(seed=7), CARD, [], 8)
        assert ask.messages[-1]["content"] == "Caption: Caption 0\n\nWrite 1."
        assert (ask.schema, ask.labels) == (None, LABELS)
        seeds.append(ask.params["seed"])
    assert seeds == [7, 8, 9]
    (request,) = requests(1, pictures=0)
    assert "seed" not in asked(request, Sampling(seed=None), CARD, [], 8).params


def test_a_finished_request_keeps_its_tokens_apart() -> None:
    found = told(StandInOutput(), 2, {})
    assert (found.prompt_tokens, found.cached_tokens, found.image_tokens, found.reply_tokens) == (9, 4, 2, 3)
    assert (found.text, found.finish, found.chances) == ("A reply", "stop", {})
    bare = told(StandInOutput(prompt_token_ids=None, num_cached_tokens=None), 0, {})
    assert (bare.prompt_tokens, bare.cached_tokens) == (0, 0)


@pytest.mark.parametrize("reason", ["abort", "error", None])
def test_a_reply_that_vllm_itself_ended_is_none(reason: str | None) -> None:
    with pytest.raises(ReplyError, match="server_error"):
        told(StandInOutput([StandInCompletion(finish_reason=reason)]), 0, {})


@given(st.lists(st.floats(-50.0, 0.0), min_size=3, max_size=3))
def test_chances_of_labels_add_up_whatever_else_was_likely(logprobs: list[float]) -> None:
    first = {token: StandInLogprob(value) for token, value in zip((1, 2, 3), logprobs, strict=True)}
    first[9] = StandInLogprob(-0.1)
    chances = told(StandInOutput([StandInCompletion(logprobs=[first, {}])]), 0, TOKENS).chances
    assert sum(chances.values()) == pytest.approx(1.0)
    yes, no = sum(map(math.exp, logprobs[:2])), math.exp(logprobs[2])
    assert chances["yes"] == pytest.approx(yes / (yes + no))


def test_labels_that_were_not_told_of_have_no_chance() -> None:
    unlikely = {token: StandInLogprob(-math.inf) for token in (1, 2, 3)}
    told_places: list[Any] = [None, [], [{}], [unlikely]]
    for places in told_places:
        assert told(StandInOutput([StandInCompletion(logprobs=places)]), 0, TOKENS).chances == {}


def test_thoughts_leave_the_text_and_an_empty_text_is_no_reply() -> None:
    (request,) = requests(1)
    thought = told(StandInOutput([StandInCompletion("<think>hm</think>\nyes")]), 0, {})
    reply = answered(request, thought, attempts=2, seconds=0.5)
    assert isinstance(reply, Reply)
    assert (reply.text, reply.reasoning, reply.attempts, reply.request) == ("yes", "hm", 2, request)
    with pytest.raises(ReplyError, match="empty_reply"):
        answered(request, told(StandInOutput([StandInCompletion("  ")]), 0, {}), attempts=1, seconds=0.0)


def test_the_log_gives_the_last_faults_and_no_pointers_to_others(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("ERROR ValueError: of another engine\n")
    log = Log(path, path.stat().st_size)
    assert log.fault() == ""
    with path.open("a") as file:
        file.write("WARNING odd\nERROR EngineCore failed to start.\n  File x\npkg.SafetensorError: torn \x80\n")
        file.write("RuntimeError: Engine core initialization failed. See root cause above.\n")
    assert log.fault() == "pkg.SafetensorError: torn \x80"
    with path.open("a") as file:
        file.write("KeyError: later\nOSError: last\n")
    assert log.fault() == "KeyError: later; OSError: last"
    path.write_text("ERROR Worker proc TP1 died unexpectedly (exit code: -9), shutting down\n")
    assert "exit code: -9" in Log(path, 0).fault()
    assert Log(tmp_path / "none", 0).fault() == ""


def test_the_environment_is_as_it_was_and_what_it_says_itself_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_NO_USAGE_STATS", raising=False)
    monkeypatch.setenv("VLLM_WORKER_MULTIPROC_METHOD", "fork")
    before = dict(os.environ)
    with told_to_a_file():
        assert os.environ["VLLM_NO_USAGE_STATS"] == "1"
        assert os.environ["VLLM_WORKER_MULTIPROC_METHOD"] == "fork"
        assert json.loads(Path(os.environ["VLLM_LOGGING_CONFIG_PATH"]).read_bytes())["version"] == 1
    assert dict(os.environ) == before
