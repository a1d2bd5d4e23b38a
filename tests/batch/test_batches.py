"""Batches fill the ledger: partial results are taken, only what is missing is sent again, and nothing twice."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from medvlsynther.cli import app
from tests.conftest import ROOT
from tests.simulated_server import reply_to

FIGURES = 12
RECIPE = ("quickstart", "--set", f"curate.total={FIGURES}", "--set", "explain=null", "--set", "label.model=lexical")
PATHS = {"openai": "openai/v1", "anthropic": "anthropic/v1", "gemini": "v1beta"}
SITE = """\
models:
  lexical: {{engine: openai, server: {kind}, base_url: "http://127.0.0.1:{port}/{path}", served_as: simulated,
            key_env: SIMULATED_KEY}}
"""


@dataclass
class Service:
    """A simulated service process."""

    port: int

    def control(self, **wishes: Any) -> None:
        self._fetch("control", json.dumps(wishes).encode())

    def seen(self) -> list[str]:
        found: list[str] = self._fetch("seen", None)
        return found

    def _fetch(self, path: str, body: bytes | None) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", body, timeout=30) as reply:
            return json.load(reply)


@pytest.fixture
def service() -> Iterator[Service]:
    command = [sys.executable, str(ROOT / "tests" / "batch" / "simulated_service.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield Service(int(process.stdout.readline()))
        finally:
            process.kill()


def batch(work: Path, *arguments: str) -> str:
    """What the command prints; run in this process, where it need not be started a dozen times."""
    environment = {"SIMULATED_KEY": "simulated", "COLUMNS": "200"}
    with contextlib.chdir(work):
        done = CliRunner().invoke(app, ["batch", *arguments], env=environment)
    if done.exception is not None:
        raise done.exception
    return done.output


def kept(work: Path) -> list[str]:
    lines = [line for path in work.glob("store/replies/*/*.jsonl") for line in path.read_bytes().splitlines()]
    return [json.loads(line)["key"] for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("kind", PATHS)
def test_a_recipe_goes_through_a_service_and_pays_for_no_request_twice(
    kind: str, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "medvlsynther.yaml").write_text(SITE.format(kind=kind, port=service.port, path=PATHS[kind]))
    assert f" {FIGURES} " in batch(tmp_path, "submit", *RECIPE)
    batch(tmp_path, "submit", *RECIPE)
    assert len(service.seen()) == FIGURES, "what a batch holds was written again"
    assert not kept(tmp_path)
    batch(tmp_path, "poll")
    batch(tmp_path, "collect")
    assert not kept(tmp_path)

    service.control(share=0.5, end=True)
    assert "request_failed" in batch(tmp_path, "collect")
    half = kept(tmp_path)
    assert len(half) == FIGURES // 2
    service.control(share=1.0, end=False)
    batch(tmp_path, "submit", *RECIPE)
    again = service.seen()[FIGURES:]
    assert len(again) == len(set(again))
    assert set(again) >= set(service.seen()[:FIGURES]) - set(half), "what failed was not sent again"
    assert not set(again) & set(half), "what was answered was sent again"

    service.control(end=True)
    for _ in range(4):
        batch(tmp_path, "collect")
        if "Nothing is missing" in batch(tmp_path, "submit", *RECIPE):
            break
    assert list(tmp_path.glob("store/steps/export.hf-*/step.json"))
    assert len(kept(tmp_path)) == len(set(kept(tmp_path)))
    assert len(service.seen()) == len(kept(tmp_path)) + FIGURES // 2, "an answered request was sent again"


@pytest.mark.slow
def test_files_for_a_batch_by_hand(tmp_path: Path) -> None:
    (tmp_path / "medvlsynther.yaml").write_text("models:\n  lexical: {engine: openai}\n")
    batch(tmp_path, "submit", *RECIPE)
    (folder,) = (path.parent for path in tmp_path.glob("store/batches/*/batch.json"))
    lines = [json.loads(line) for line in (folder / "requests.jsonl").read_bytes().splitlines()]
    assert {line["url"] for line in lines} == {"/v1/chat/completions"}
    assert all("base64," in json.dumps(line["body"]) for line in lines)

    def answered(line: dict[str, Any]) -> bytes:
        message = {"role": "assistant", "content": reply_to(line["body"])}
        body = {"choices": [{"message": message, "finish_reason": "stop"}]}
        return json.dumps({"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}}).encode()

    torn = b'{"custom_id": "half a li'
    foreign = json.dumps({"custom_id": "0" * 16, "response": {"status_code": 200, "body": {}}}).encode()
    results = [*map(answered, lines[:5]), foreign, b"[]", torn]
    (folder / "results.jsonl").write_bytes(b"\n".join(results))
    told = batch(tmp_path, "collect")
    assert "garbled_line 2" in told
    assert "unknown_key 1" in told
    assert len(kept(tmp_path)) == 5
    (folder / "results.jsonl").write_bytes(b"\n".join(map(answered, lines)) + b"\n")
    batch(tmp_path, "collect")
    assert sorted(kept(tmp_path)) == sorted(line["custom_id"] for line in lines)
    assert not (folder / "requests.jsonl").exists()


def test_a_wrong_key_is_named_and_nothing_is_lost(service: Service, tmp_path: Path) -> None:
    site = SITE.format(kind="openai", port=service.port, path=PATHS["openai"]).replace("SIMULATED_KEY", "OTHER_KEY")
    (tmp_path / "medvlsynther.yaml").write_text(site)
    command = [sys.executable, "-m", "medvlsynther", "batch", "submit", *RECIPE]
    environment = {**os.environ, "OTHER_KEY": "wrong-secret"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "rejects the key" in done.stderr
    assert "wrong-secret" not in done.stderr + done.stdout
    assert "written" in (next(tmp_path.glob("store/batches/*/batch.json"))).read_text()
