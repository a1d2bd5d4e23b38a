"""Servers as children: they are started with the right options, shared, and gone with all that they started."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines import _children, _fleet, vllm
from medvlsynther.engines.base import Endpoint, Engine, Reply
from medvlsynther.errors import EngineRefused, MissingExtra
from tests.conftest import ROOT
from tests.engines.conftest import image, requests

STAND_IN = (sys.executable, str(ROOT / "tests" / "engines" / "simulated_vllm.py"), "serve")
CARD = Model(description="d", repo="org/model", family="simulated")


@pytest.fixture(autouse=True)
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SIMULATED_PIDS", str(tmp_path / "pids"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(_children, "LOOK_S", 0.05)
    monkeypatch.setattr(vllm, "LOOK_S", 0.05)
    yield tmp_path / "pids"
    vllm.SERVERS.clear()


def connect(**settings: Any) -> Engine:
    return vllm.connect(CARD, Endpoint(command=STAND_IN, **settings), image)


def answers(engine: Engine, count: int = 4) -> list[Any]:
    async def gather() -> list[Any]:
        try:
            asked = [engine.generate(request, Sampling()) for request in requests(count)]
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            await engine.close()

    return asyncio.run(gather())


def started(pids: Path) -> list[int]:
    return [int(pid) for line in pids.read_text().splitlines() for pid in line.split()] if pids.exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_server_is_started_once_serves_two_steps_and_goes_with_all_that_it_started(pids: Path) -> None:
    for _ in range(2):
        assert all(isinstance(answer, Reply) for answer in answers(connect()))
    assert len(started(pids)) == 2
    assert all(map(alive, started(pids)))
    vllm.SERVERS.clear()
    assert not any(map(alive, started(pids)))


@pytest.mark.slow
def test_replicas_share_the_gpus_and_another_model_takes_their_place(
    pids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    answers(connect(replicas=2, tensor_parallel=2))
    first = started(pids)
    assert len(first) == 4
    environments = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in first[::2]]
    seen = {name for names in environments for name in names if name.startswith(b"CUDA_VISIBLE_DEVICES=")}
    assert seen == {b"CUDA_VISIBLE_DEVICES=4,5", b"CUDA_VISIBLE_DEVICES=6,7"}, "whichever of the two wrote first"
    answers(connect())
    assert not any(map(alive, first))
    assert all(map(alive, started(pids)[4:]))


@pytest.mark.slow
def test_a_server_that_ends_says_why(pids: Path) -> None:
    for answer in answers(connect(options=("--simulate", "crash"))):
        assert isinstance(answer, EngineRefused)
        assert "CUDA out of memory" in str(answer)
    (answer,) = answers(connect(options=("--no-such-option",)), 1)
    assert "--no-such-option" in str(answer)


@pytest.mark.slow
def test_a_server_that_died_between_two_steps_is_started_anew(pids: Path) -> None:
    answers(connect())
    (server, _) = started(pids)
    os.kill(server, signal.SIGKILL)
    while alive(server):
        time.sleep(0.01)
    assert all(isinstance(answer, Reply) for answer in answers(connect()))
    assert len(started(pids)) == 4


@pytest.mark.slow
def test_a_server_that_dies_in_the_middle_of_a_step_is_started_anew_and_nothing_is_lost(pids: Path) -> None:
    found = answers(connect(options=("--simulate", "fall"), concurrency=2), 12)
    assert all(isinstance(answer, Reply) for answer in found), found
    servers = started(pids)
    assert len(servers) == 4
    assert not any(map(alive, servers[:2])), "what the dead server had started lives on"
    assert all(map(alive, servers[2:]))


@pytest.mark.slow
def test_a_dead_server_that_another_step_still_holds_is_started_anew_before_it_is_asked(pids: Path) -> None:
    async def both() -> list[Reply]:
        first, second = connect(), connect()
        try:
            one = await first.generate(next(requests(1)), Sampling())
            (server, _) = started(pids)
            os.kill(server, signal.SIGKILL)
            return [one, await second.generate(next(requests(1)), Sampling())]
        finally:
            await first.close()
            await second.close()

    assert all(isinstance(answer, Reply) for answer in asyncio.run(both()))
    assert len(started(pids)) == 4


@pytest.mark.slow
def test_a_server_that_dies_again_and_again_is_given_up(pids: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fleet, "GONE_S", 3.0)
    found = answers(connect(options=("--simulate", "fall-always"), attempts=100), 2)
    assert all(isinstance(answer, EngineRefused) for answer in found), found
    assert len(started(pids)) == 2 * (1 + _children.MOST_FALLS)
    assert not any(map(alive, started(pids)))


@pytest.mark.slow
def test_a_start_that_nobody_waits_for_any_more_is_given_up(pids: Path) -> None:
    async def interrupted() -> None:
        engine = connect(options=("--simulate", "silent"))
        waiting = asyncio.create_task(engine.generate(next(requests(1)), Sampling()))
        await asyncio.sleep(1.0)
        waiting.cancel()
        await engine.close()

    asyncio.run(interrupted())
    assert not vllm.SERVERS._things


def test_a_missing_command_names_the_extra() -> None:
    engine = vllm.connect(CARD, Endpoint(command=("no-such-command-anywhere", "serve")), image)
    with pytest.raises(MissingExtra):
        asyncio.run(engine.probe())
    assert isinstance(answers(engine, 1)[0], MissingExtra)


def test_too_many_replicas_for_the_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    (answer,) = answers(connect(replicas=2), 1)
    assert isinstance(answer, EngineRefused)
    assert "replicas" in str(answer)
