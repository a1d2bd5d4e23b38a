"""vLLM in this process, computing a tiny model with random weights: what it says is noise, its form is not."""

import asyncio
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="vLLM has an environment of its own: make test-vllm")

from PIL import Image

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.engines import vllm
from medvlsynther.engines._vllm_core import CORES, Core
from medvlsynther.engines.base import Endpoint, Engine, Reply, ReplyError, Request
from medvlsynther.errors import BadSetting, EngineRefused
from medvlsynther.records import ImageRef
from medvlsynther.rules.label_reads import LABELS
from tests.tools import tiny

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONTEXT = 2048
ON_A_CPU = (
    *("--dtype", "float32", "--enforce-eager", "--max-num-seqs", "16"),
    *("--no-enable-chunked-prefill", "--max-num-batched-tokens", "16384"),
)
STATIC = "You write items for an examination, one for each figure that you are shown. " * 12
PROMPT = Prompt(description="d", task="write", system=STATIC, material="{{ caption }}", request="Write it.")
WARM = Sampling(temperature=1.0, max_tokens=400)
SOME = Sampling(temperature=0.7, max_tokens=60, extend=False)
NAMES = {"type": "string", "enum": ["axial", "coronal", "sagittal", 'A "quoted" one']}
STRICT = {
    "type": "object",
    "properties": {
        "short": {"type": "string", "minLength": 2, "maxLength": 12},
        "views": {"type": "array", "items": NAMES, "minItems": 1, "maxItems": 3},
        "sure": {"type": "boolean"},
    },
    "required": ["short", "views", "sure"],
    "additionalProperties": False,
}
"""A schema with length bounds, which few grammar backends keep."""


def picture(shade: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (56 + 28 * (shade % 4), 56), (shade, 90, 200 - shade)).save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = {f"{shade:02}": picture(shade) for shade in range(1, 20)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.built(tmp_path_factory.mktemp("model") / "folder", "qwen3-vl")


@pytest.fixture(scope="module", autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    CORES.clear()
    assert not multiprocessing.active_children()


Connect = Callable[..., Engine]


@pytest.fixture
def connect(folder: Path) -> Connect:
    def to(
        *options: str, repo: Path = folder, images: Callable[[str], bytes] = PICTURES.__getitem__, **card: Any
    ) -> Engine:
        model = Model(description="d", repo=str(repo), family="tiny", context_tokens=CONTEXT, **card)
        return vllm.connect(model, Endpoint(serve=False, options=(*ON_A_CPU, *options)), images)

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


def test_every_reply_fits_its_schema_length_bounds_and_all_with_images_and_without(connect: Connect) -> None:
    replies = answers(connect(), [asked(n, (n,) * (n % 3), schema=STRICT, sample=n) for n in range(1, 13)])
    assert all(isinstance(reply, Reply) for reply in replies), replies
    for found in (json.loads(reply.text) for reply in replies):
        assert list(found) == ["short", "views", "sure"]
        assert 2 <= len(found["short"]) <= 12
        assert 1 <= len(found["views"]) <= 3
        assert set(found["views"]) <= set(NAMES["enum"])
    assert len({reply.text for reply in replies}) > 1
    assert [reply.usage.image_tokens > 0 for reply in replies] == [n % 3 > 0 for n in range(1, 13)]
    assert all(reply.usage.prompt_tokens > reply.usage.image_tokens for reply in replies)


def test_the_static_text_is_computed_once(connect: Connect) -> None:
    answers(connect(), [asked(1, (1,), schema=STRICT)])
    replies = answers(connect(), [asked(n, (n,), schema=STRICT) for n in range(2, 6)])
    assert all(reply.usage.cached_tokens > reply.usage.prompt_tokens / 4 for reply in replies)


def test_equal_requests_have_equal_replies_and_rollouts_differ(connect: Connect) -> None:
    first, second, third, again = answers(connect(), [asked(1, (1,), schema=STRICT, sample=n) for n in (0, 1, 2, 0)])
    assert first.text == again.text
    assert len({first.text, second.text, third.text}) > 1


def test_labels_have_chances_though_the_likeliest_words_are_others(connect: Connect) -> None:
    replies = answers(connect(), [asked(n, (n,), labels=LABELS) for n in range(1, 7)], Sampling())
    for reply in replies:
        assert reply.text in LABELS
        assert set(reply.chances) == set(LABELS)
        assert min(reply.chances.values()) > 0
        assert sum(reply.chances.values()) == pytest.approx(1.0)
    assert len({reply.chances["yes"] for reply in replies}) > 1


def test_a_bad_row_takes_nobody_with_it(connect: Connect) -> None:
    def images(sha256: str) -> bytes:
        if sha256 == "04":
            raise OSError("gone")
        return b"\x89PNG broken" if sha256 == "03" else PICTURES[sha256]

    long = Request("long", PROMPT, {"caption": "word " * 2 * CONTEXT}, images=(ImageRef(name="x", sha256="05"),))
    odd = asked(6, (6,), schema={"type": "no such type"})
    crowd = asked(7, range(7, 17), schema=STRICT)
    requests = [*(asked(n, (n,), schema=STRICT) for n in range(1, 5)), long, odd, crowd, asked(8, (8,), schema=STRICT)]
    replies = answers(connect(images=images), requests)
    assert [getattr(reply, "reason", "answered") for reply in replies] == [
        "answered", "answered", "image_unreadable", "image_missing", "context_overflow", "bad_request", "bad_request",
        "answered",
    ], replies  # fmt: skip


def test_a_reply_that_its_limit_cuts_is_tried_once_with_twice_the_limit(connect: Connect) -> None:
    pair = {"type": "array", "items": NAMES, "minItems": 12, "maxItems": 12}
    cut, longer = (Sampling(temperature=1.0, max_tokens=n) for n in (3, 90))
    (failed,) = answers(connect(), [asked(1, schema=pair)], cut)
    assert isinstance(failed, ReplyError)
    assert failed.reason == "truncated"
    (reply,) = answers(connect(), [asked(1, schema=pair)], longer)
    assert len(json.loads(reply.text)) == 12


def test_a_fixed_budget_keeps_what_it_cut(connect: Connect) -> None:
    (reply,) = answers(connect(), [asked(1)], Sampling(max_tokens=5, extend=False))
    assert (reply.finish, reply.usage.reply_tokens, reply.attempts) == ("length", 5, 1)


def test_fields_of_the_card_are_obeyed_and_unknown_ones_refused(connect: Connect) -> None:
    (one, two), (other, _) = (
        answers(connect(extra_body=body), [asked(1), asked(2)], Sampling(temperature=2.0, max_tokens=8, extend=False))
        for body in ({"top_k": 1}, {})
    )
    (greedy,) = answers(connect(), [asked(1)], Sampling(max_tokens=8, extend=False))
    assert one.text == greedy.text != other.text
    assert two.usage.reply_tokens
    (error,) = answers(connect(extra_body={"no_such_field": 1}), [asked(1)])
    assert isinstance(error, BadSetting)
    assert "no_such_field" in str(error)


def test_the_engine_stays_for_the_next_step(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(connect(), [asked(1, schema=STRICT)])
    monkeypatch.setattr(Core, "_start", None)
    assert isinstance(answers(connect(), [asked(2, schema=STRICT)])[0], Reply)


@pytest.mark.parametrize(
    "options", [["--no-such-option"], ["--help"], ["--enable-prompt-tokens-details"], ["--seed", "x"]]
)
def test_options_that_are_none_of_the_engines_are_refused_by_name(connect: Connect, options: list[str]) -> None:
    (error,) = answers(connect(*options), [asked(1)])
    assert isinstance(error, BadSetting)
    assert options[0] in str(error)
    with pytest.raises(BadSetting):
        asyncio.run(connect(*options).probe())


def test_the_probe_says_whether_a_model_is_there(connect: Connect, tmp_path: Path) -> None:
    asyncio.run(connect().probe())
    with pytest.raises(EngineRefused):
        asyncio.run(connect(repo=tmp_path / "nothing").probe())


def test_a_model_that_is_not_there_is_refused(connect: Connect, tmp_path: Path) -> None:
    (error,) = answers(connect(repo=tmp_path / "nothing"), [asked(1)])
    assert isinstance(error, EngineRefused)
    assert str(tmp_path / "nothing") in str(error)


def cores() -> list[Any]:
    return [child for child in multiprocessing.active_children() if child.name.startswith("EngineCore")]


def test_an_engine_that_cannot_start_says_why(connect: Connect, folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    for error in answers(connect(repo=broken), [asked(1), asked(2)]):
        assert isinstance(error, EngineRefused)
        assert "SafetensorError" in str(error)
    assert not cores()


def test_an_engine_that_dies_ends_everything_that_waits_and_the_next_step_has_a_new_one(connect: Connect) -> None:
    async def killed() -> list[Any]:
        engine = connect(extra_body={"ignore_eos": True})
        try:
            await engine.generate(asked(1), Sampling(max_tokens=1, extend=False))
            endless = Sampling(temperature=1.0, max_tokens=1500, extend=False)
            waiting = [asyncio.create_task(engine.generate(asked(n), endless)) for n in range(8)]
            await asyncio.sleep(0.5)
            cores()[0].kill()
            return await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            await engine.close()

    found = asyncio.run(killed())
    assert all(isinstance(error, EngineRefused) for error in found), found
    assert "engine core exited unexpectedly" in str(found[0])
    assert isinstance(answers(connect(), [asked(1, schema=STRICT)])[0], Reply)


def test_a_start_that_nobody_waits_for_any_more_is_given_up(connect: Connect) -> None:
    async def interrupted() -> None:
        engine = connect("--seed", "5")
        waiting = asyncio.create_task(engine.generate(asked(1), WARM))
        while not cores() and not waiting.done():
            await asyncio.sleep(0.05)
        waiting.cancel()
        await engine.close()

    CORES.clear()
    asyncio.run(interrupted())
    CORES.clear()
    assert not cores()


def test_replies_are_those_of_a_server_word_for_word(connect: Connect, folder: Path) -> None:
    card = Model(description="d", repo=str(folder), family="tiny", context_tokens=CONTEXT, extra_body={"top_k": 50})
    shape = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "view": NAMES},
        "required": ["text", "view"],
        "additionalProperties": False,
    }
    requests = [asked(n, (n,) * (n % 3), schema=shape, sample=n) for n in range(1, 7)]
    requests += [asked(n, (n,), labels=LABELS) for n in range(1, 4)]
    command = (str(Path(sys.executable).parent / "vllm"), "serve")
    try:
        ends = (Endpoint(options=ON_A_CPU, command=command, serve=serve) for serve in (True, False))
        # One after another: what a request is computed with changes its last digits, and so which of two near words is.
        served, inside = (
            [answers(vllm.connect(card, end, PICTURES.__getitem__), [request], SOME)[0] for request in requests]
            for end in ends
        )
    finally:
        vllm.SERVERS.clear()
    assert all(isinstance(reply, Reply) for reply in [*served, *inside]), (served, inside)
    assert [reply.text for reply in inside] == [reply.text for reply in served]
    assert [reply.finish for reply in inside] == [reply.finish for reply in served]
    for ours, theirs in zip(inside, served, strict=True):
        assert ours.usage.prompt_tokens == theirs.usage.prompt_tokens
        assert ours.usage.reply_tokens == theirs.usage.reply_tokens


SITE = """\
models:
  "*": {{engine: vllm, serve: false, concurrency: 16, options: {options}}}
"""


@pytest.fixture
def command(folder: Path, tmp_path: Path) -> list[str]:
    """A whole recipe, to be run in `tmp_path`."""
    CORES.clear()
    (tmp_path / "tiny.yaml").write_text(tiny.CARD.format(folder=folder) + "context_tokens: 8192\n")
    (tmp_path / "medvlsynther.yaml").write_text(SITE.format(options=json.dumps(ON_A_CPU)))
    sets = ["collect.path=bundled:miniature", "curate.total=8", "filter.min_score=0"]
    sets += [f"{stage}.model=tiny.yaml" for stage in ("generate", "verify", "label")]
    sets += [
        f"{stage}.sampling={{temperature: 1.0, max_tokens: 400}}"
        for stage in ("generate", "verify", "label", "repair", "verify-again", "blind")
    ]
    return [sys.executable, "-m", "medvlsynther", "run", "audited", *(f"--set={each}" for each in sets)]


def processes(folder: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if link.readlink() == folder:
                found.append(int(link.parent.name))
    return found


def test_a_recipe_runs_by_the_command_and_leaves_nothing_behind(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(command, cwd=tmp_path, env=tiny.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "store" / "steps").iterdir())
    assert not processes(tmp_path)


def test_an_interrupt_while_it_starts_ends_the_command_without_a_traceback(command: list[str], tmp_path: Path) -> None:
    with subprocess.Popen(
        command, cwd=tmp_path, env=tiny.environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        while not any(core_like(process) for process in processes(tmp_path)) and run.poll() is None:
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate()
    assert run.returncode == 130, said
    assert "Traceback" not in said
    assert not processes(tmp_path)


def core_like(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"VLLM::")
    return False
