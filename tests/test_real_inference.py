"""Real inference from the first stage to the last: a tiny model with random weights, in process and behind servers.

What the model says is noise; that every figure ends as an item or as a reject with a reason, whatever the servers do
on the way, is not.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.engines import openai
from medvlsynther.engines._asking import ask
from medvlsynther.engines.base import Endpoint, Reply, Request
from medvlsynther.records import ImageRef
from medvlsynther.rules.label_reads import LABELS
from medvlsynther.store.layout import DONE
from tests.conftest import ROOT
from tests.tools import tiny
from tests.tools.llama import SERVER

tiny.require()

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FIGURES = 24
AUDITED = ("audited", "--set", "collect.path=bundled:miniature", "--set", f"curate.total={FIGURES}")
ASKED = ("generate", "verify", "label")
WARM = "{temperature: 1.0, max_tokens: 600, seed: 3}"
SHORT = "{temperature: 1.0, max_tokens: 40}"
FAULTS = "500,reset,429,garbage,empty,503,cut"
IN_PROCESS = 'models: {"*": {engine: transformers, device: cpu}}\n'
SERVED = """\
models:
  "*": {{engine: openai, base_url: "http://127.0.0.1:{port}/v1", served_as: tiny, concurrency: 16, attempts: 12,
        price_prompt: 1, price_reply: 10}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.built(tmp_path_factory.mktemp("model") / "tiny", "qwen3-vl")


@pytest.fixture
def work(folder: Path, tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(tiny.CARD.format(folder=folder))
    return tmp_path


@contextmanager
def llama_served(folder: Path, work: Path) -> Iterator[int]:
    target = work / "gguf"
    convert = [sys.executable, str(ROOT / "tests" / "tools" / "llama.py"), "convert", str(folder), str(target)]
    subprocess.run(convert, check=True, env=tiny.environment(), capture_output=True)
    port = free_port()
    model = ("--model", str(target / "model.gguf"), "--mmproj", str(target / "mmproj.gguf"), "--alias", "tiny")
    shape = ("--ctx-size", "32768", "--parallel", "4", "--threads", "1", "--port", str(port))
    with subprocess.Popen([SERVER, *model, *shape], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                if process.poll() is not None or answers(port):
                    break
                time.sleep(0.1)
            yield port
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5):
            return True
    except OSError:
        return False


def run(work: Path, *recipe: str) -> list[dict[str, Any]]:
    """Manifests of all steps of a run of the command, in order."""
    sets = [f"--set={stage}.model=tiny.yaml" for stage in ASKED]
    sets += [f"--set={stage}.sampling={WARM}" for stage in (*ASKED, "repair", "verify-again")]
    sets += [f"--set=blind.sampling={SHORT}"]
    command = [sys.executable, "-m", "medvlsynther", "run", *recipe, *sets]
    done = subprocess.run(command, cwd=work, env=tiny.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    steps = json.loads((work / f"store/runs/{recipe[0]}/plan.json").read_bytes())
    return [json.loads((work / f"store/steps/{step['id']}/{DONE}").read_bytes()) for step in steps]


def check(manifests: list[dict[str, Any]], *, prefix: bool = True) -> None:
    """Replies parse, something reaches the end, and where promised the static prefix is computed once."""
    by_stage: dict[str, dict[str, Any]] = {}
    for manifest in manifests:
        by_stage.setdefault(manifest["stage"], manifest)
    # An empty text fits the schema, and is no item: nothing else may be wrong with what a grammar wrote.
    assert set(by_stage["generate"]["rejects"]) <= {"bad_schema", "truncated"}
    assert by_stage["generate"]["rows"] >= FIGURES / 4
    assert by_stage["verify"]["rows"] == by_stage["lint"]["rows"] > 0
    assert by_stage["export.hf"]["rows"] > 0
    for stage in ASKED if prefix else ():
        (usage,) = by_stage[stage]["usage"].values()
        assert usage["cached_tokens"] > usage["prompt_tokens"] / 4


VLLM = ROOT / ".venv-vllm" / "bin" / "vllm"
STARTED = """\
models:
  "*": {{engine: vllm, command: ["{vllm}", serve], concurrency: 16,
        options: [--dtype, float32, --enforce-eager, --max-num-seqs, "16", --no-enable-chunked-prefill,
                  --max-num-batched-tokens, "16384"]}}
"""
"""On a CPU, vLLM 0.32 ends over a seeded request whose prompt is computed in pieces."""


def png() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (84, 56), (40, 90, 160)).save(buffer, "PNG")
    return buffer.getvalue()


PICTURE = png()


@contextmanager
def served(folder: Path, *options: str) -> Iterator[int]:
    command = [sys.executable, str(ROOT / "tests" / "tiny_server.py"), str(folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=tiny.environment()) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def counts(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/counts", timeout=30) as reply:
        found: dict[str, int] = json.load(reply)
        return found


def replies(work: Path) -> Iterator[dict[str, Any]]:
    """All that the ledger kept."""
    for segment in work.glob("store/replies/*/*.jsonl"):
        for line in segment.read_bytes().splitlines():
            yield json.loads(line)["reply"]


def test_audited_in_process(work: Path) -> None:
    (work / "medvlsynther.yaml").write_text(IN_PROCESS)
    check(run(work, *AUDITED))


def test_audited_behind_a_faulty_server_loses_nothing_and_pays_once(work: Path, folder: Path) -> None:
    with served(folder, "--faults", FAULTS) as port:
        (work / "medvlsynther.yaml").write_text(SERVED.format(port=port))
        check(run(work, *AUDITED))
        seen = counts(port)
        assert all(seen[fault] for fault in FAULTS.split(","))
        kept = len(list(replies(work)))
        assert kept <= seen["answered"] <= 1.2 * kept, "an answered request was sent again"
        run(work, *AUDITED)
        assert counts(port) == seen


@pytest.mark.skipif(not SERVER.is_file(), reason="llama.cpp's server is not built: make test-llama")
def test_audited_behind_llama_cpp(work: Path, folder: Path) -> None:
    """An implementation that shares no code with ours enforces the same schemas."""
    with (work / "tiny.yaml").open("a") as card:
        card.write("extra_body: {top_k: 0, min_p: 0.0}\n")
    with llama_served(folder, work) as port:
        (work / "medvlsynther.yaml").write_text(SERVED.format(port=port))
        check(run(work, *AUDITED), prefix=False)


@pytest.mark.skipif(not SERVER.is_file(), reason="llama.cpp's server is not built: make test-llama")
def test_labels_and_their_chances_behind_llama_cpp(work: Path, folder: Path) -> None:
    """A model that knows nothing is held to the labels, and each has a chance."""
    with llama_served(folder, work) as port:
        replies = labelled(f"http://127.0.0.1:{port}/v1", "llamacpp", "tiny")
    for reply in replies:
        assert reply.text in LABELS
        assert reply.chances[reply.text] > 0
        assert sum(reply.chances.values()) == pytest.approx(1.0)
    assert len({reply.chances["yes"] for reply in replies}) > 1


def labelled(url: str, kind: str, name: str) -> list[Reply]:
    """Closed choices about images, in order."""
    card = Model(description="tiny", repo=name, family="tiny")
    engine = openai.connect(card, Endpoint(base_url=url, server=kind, served_as=name), lambda _: PICTURE)
    prompt = Prompt(description="d", task="judge", system="Reply yes or no.", request="Is figure {{ n }} sharp?")
    refs = (ImageRef(name="a.png", sha256="0" * 64),)
    requests = [Request(f"{n}", prompt, {"n": n}, images=refs, labels=LABELS) for n in range(6)]
    found = list(ask(engine, None, card, requests, Sampling()))
    assert all(isinstance(reply, Reply) for reply in found), found
    return [reply for reply in found if isinstance(reply, Reply)]


@pytest.mark.skipif(not VLLM.is_file(), reason="vLLM's CPU build is not installed: make test-vllm")
def test_audited_behind_a_vllm_that_is_started_for_it(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_NO_USAGE_STATS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with (work / "tiny.yaml").open("a") as card:
        card.write("context_tokens: 8192\n")
    (work / "medvlsynther.yaml").write_text(STARTED.format(vllm=VLLM))
    # Marks of a model that knows nothing are noise, and other noise than with other kernels: any score will do.
    check(run(work, *AUDITED, "--set", "filter.min_score=0"))
