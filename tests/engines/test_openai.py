"""The engine for model servers, against a real mock server process: every fault, and what becomes of the rows."""

import asyncio
import json
import logging
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from medvlsynther.cards import Sampling
from medvlsynther.engines import _asking, _limiter, openai
from medvlsynther.engines.base import Endpoint, Engine, Failure, Reply, Request
from medvlsynther.errors import BadSetting, EngineRefused, InputError, UnknownName
from medvlsynther.store.ledger import Ledger
from tests.engines.conftest import MODEL, SCHEMA, MockServer, connect, image, requests, start_mock


def ask(engine: Engine, rows: Iterable[Request], sampling: Sampling | None = None) -> list[Reply | Failure]:
    return list(_asking.ask(engine, None, MODEL, rows, sampling or Sampling()))


def reasons(answers: Iterable[Reply | Failure]) -> Counter[str]:
    return Counter(answer.reason if isinstance(answer, Failure) else "answered" for answer in answers)


def permits_out(server: MockServer) -> int:
    return _limiter.shared(server.url, "org/mock", 1).in_flight


def test_replies_come_back_with_what_they_cost(mock: MockServer) -> None:
    engine = connect(mock)
    answers = ask(engine, requests(20))
    assert [answer.request.id for answer in answers] == [f"row{n}" for n in range(20)]
    for answer in answers:
        assert isinstance(answer, Reply)
        assert (answer.text, answer.finish, answer.attempts) == ("A mock reply.", "stop", 1)
        assert answer.usage.prompt_tokens > 0
        assert answer.usage.reply_tokens == 4
        assert answer.latency_s > 0
    assert mock.stats()["requests"] == 20
    assert not [thread for thread in threading.enumerate() if thread.name == "asking"]


RECOVERED = ["500", "503", "408", "reset", "reset_body", "garbage", "empty_choices", "null_content"]
RECOVERED += ["truncated_json", "html", "array", "error_200", "close", "429"]


@pytest.mark.parametrize("fault", RECOVERED)
def test_a_fault_that_passes_costs_no_row(mock: MockServer, fault: str) -> None:
    mock.control(plan=["ok", fault, "ok"] * 10, retry_after_s=0.001)
    answers = ask(connect(mock), requests(30))
    assert reasons(answers) == {"answered": 30}
    assert mock.stats()["at_once"] == 0


@pytest.mark.parametrize(
    ("fault", "reason", "tries"),
    [
        ("500", "server_error", 3),
        ("reset", "connection_lost", 4),
        ("reset_body", "connection_lost", 4),
        ("garbage", "garbled_reply", 3),
        ("html", "garbled_reply", 3),
        ("array", "garbled_reply", 3),
        ("truncated_json", "garbled_reply", 3),
        ("empty_choices", "empty_reply", 3),
        ("null_content", "empty_reply", 3),
        ("error_200", "server_error", 3),
        ("400", "bad_request", 1),
        ("422", "bad_request", 1),
        ("filtered", "content_filter", 1),
    ],
)
def test_a_fault_that_stays_ends_the_row_with_its_reason(mock: MockServer, fault: str, reason: str, tries: int) -> None:
    mock.control(plan=[fault], cycle=True)
    answers = ask(connect(mock, attempts=3), requests(5))
    assert reasons(answers) == {reason: 5}
    assert mock.stats()["requests"] == 5 * tries


@pytest.mark.parametrize("fault", ["timeout", "drip"])
def test_a_server_that_is_too_slow_times_out(mock: MockServer, fault: str) -> None:
    mock.control(plan=[fault] * 2)
    answers = ask(connect(mock, timeout_s=0.5, attempts=1), requests(4))
    assert reasons(answers) == {"timed_out": 2, "answered": 2}


def test_a_slow_drip_is_waited_for_while_there_is_time(mock: MockServer) -> None:
    mock.control(plan=["drip"], drip_s=0.001)
    assert reasons(ask(connect(mock), requests(2))) == {"answered": 2}


def test_a_429_never_uses_up_a_try(mock: MockServer) -> None:
    mock.control(plan=["429"] * 60, retry_after_s=0.001)
    answers = ask(connect(mock, attempts=1), requests(20))
    assert reasons(answers) == {"answered": 20}
    assert sum(answer.attempts for answer in answers if isinstance(answer, Reply)) == 80


def test_sustained_overload_loses_nothing_and_wastes_little(mock: MockServer) -> None:
    mock.control(capacity=4, latency_s=0.05, retry_after_s=0.02)
    answers = ask(connect(mock, concurrency=16), requests(100))
    assert reasons(answers) == {"answered": 100}
    stats = mock.stats()
    assert stats["requests"] <= 1.5 * 100
    assert stats["answered"] == 100


@pytest.mark.slow
def test_ten_thousand_requests_with_mixed_faults_leak_no_permit(mock: MockServer) -> None:
    plan = ["ok"] * 8 + ["429", "500", "reset", "ok", "garbage", "empty_choices", "ok", "reset_body", "close", "400"]
    mock.control(plan=plan, cycle=True, latency_s=0.0, retry_after_s=0.001)
    answers = ask(connect(mock, concurrency=32, attempts=8, images=lambda sha256: b"x"), requests(10_000))
    counts = reasons(answers)
    assert counts["answered"] + counts["bad_request"] == 10_000
    assert permits_out(mock) == 0
    stats = mock.stats()
    assert stats["at_once"] == 0
    assert stats["repeats"] == 0
    mock.control(plan=[], latency_s=0.05)
    before = mock.stats()["requests"]
    assert reasons(ask(connect(mock, concurrency=32), requests(500))) == {"answered": 500}
    assert mock.stats()["requests"] == before + 500


def test_nothing_but_failures_stops_the_run(mock: MockServer) -> None:
    mock.control(plan=["500"], cycle=True)
    with pytest.raises(EngineRefused, match=r"64 requests in a row failed, the last: server_error \(HTTP 500"):
        ask(connect(mock, attempts=1), requests(1000))


def test_no_more_than_the_concurrency_is_in_flight(mock: MockServer) -> None:
    mock.control(latency_s=0.01)
    ask(connect(mock, concurrency=5), requests(60))
    assert mock.stats()["most_at_once"] == 5


def test_two_servers_share_the_work(mock_pair: tuple[MockServer, MockServer]) -> None:
    one, two = mock_pair
    one.control(latency_s=0.01)
    two.control(latency_s=0.01)
    assert reasons(ask(connect(one, two), requests(100))) == {"answered": 100}
    assert min(one.stats()["answered"], two.stats()["answered"]) >= 25


def test_when_one_of_two_servers_dies_the_other_takes_over(mock_pair: tuple[MockServer, MockServer]) -> None:
    one, two = mock_pair
    answers = _asking.ask(connect(one, two), None, MODEL, requests(200), Sampling())
    taken = [next(answers) for _ in range(20)]
    one.stop()
    assert reasons([*taken, *answers]) == {"answered": 200}


def test_a_dead_server_beside_a_live_one_is_no_obstacle(mock_pair: tuple[MockServer, MockServer]) -> None:
    one, two = mock_pair
    one.stop()
    assert reasons(ask(connect(one, two), requests(20))) == {"answered": 20}


def test_a_server_that_is_not_there_is_told_at_once(mock: MockServer) -> None:
    mock.stop()
    with pytest.raises(EngineRefused, match=rf"127.0.0.1:{mock.port}/v1: .*refused.*Start the server"):
        ask(connect(mock), requests(5))


def test_a_server_that_goes_for_good_stops_the_run_and_rejects_nobody(
    mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medvlsynther.engines._fleet.GONE_S", 0.1)
    with Ledger(tmp_path) as ledger:
        answers = _asking.ask(connect(mock), ledger, MODEL, requests(500), Sampling())
        taken = [next(answers) for _ in range(20)]
        mock.stop()
        with pytest.raises(EngineRefused, match="Start the server"):
            taken.extend(answers)
        assert reasons(taken) == {"answered": len(taken)}
        assert len(ledger) >= len(taken)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("401", r"rejects the key \(HTTP 401\).*environment variable MOCK_KEY"),
        ("403", r"rejects the key \(HTTP 403\).*environment variable MOCK_KEY"),
        ("404", r"No model 'org/mock'.*Set served_as to one of: mock"),
        ("402", r"HTTP 402.*Add credit"),
        ("302", r"HTTP 302.*Mend the site file"),
    ],
)
def test_a_refusal_stops_the_run_and_says_the_mend(
    mock: MockServer, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    monkeypatch.setenv("MOCK_KEY", "sk-secret")
    mock.control(plan=[fault], cycle=True)
    with pytest.raises(EngineRefused, match=words) as caught:
        ask(connect(mock, key_env="MOCK_KEY"), requests(5))
    assert "sk-secret" not in str(caught.value)
    assert f"127.0.0.1:{mock.port}" in str(caught.value)


def test_a_key_that_the_server_repeats_is_not_repeated(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_KEY", "sk-secret")
    mock.control(plan=["echo_key"], cycle=True)
    (failure,) = ask(connect(mock, key_env="MOCK_KEY"), requests(1))
    assert isinstance(failure, Failure)
    assert failure.reason == "bad_request"
    assert "[key]" in failure.detail
    assert "sk-secret" not in failure.detail


@pytest.mark.parametrize("value", [None, "", "two\nlines", "schlüssel"])
def test_a_key_that_is_missing_or_impossible_is_told_by_its_variable(
    mock: MockServer, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("MOCK_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MOCK_KEY", value)
    with pytest.raises(EngineRefused, match="MOCK_KEY holds no key"):
        ask(connect(mock, key_env="MOCK_KEY"), requests(1))


def test_a_truncated_reply_is_asked_once_more_with_twice_the_room(mock: MockServer) -> None:
    mock.control(plan=["length", "ok"])
    (reply,) = ask(connect(mock), requests(1), Sampling(max_tokens=100))
    assert isinstance(reply, Reply)
    assert reply.attempts == 2
    assert mock.stats()["max_tokens"] == 200


def test_a_reply_that_stays_truncated_fails_after_two(mock: MockServer) -> None:
    mock.control(plan=["length"], cycle=True)
    assert reasons(ask(connect(mock), requests(3))) == {"truncated": 3}
    assert mock.stats()["requests"] == 6


def test_an_image_travels_once_where_the_server_keeps_it_by_name(mock: MockServer) -> None:
    mock.control(owner="vllm", names=["org/mock"])
    big = bytes(100_000)
    engine = connect(mock, images=lambda sha256: big, concurrency=1)
    rows = [Request(f"{n}", r.prompt, {"caption": f"{n}", "n": 1}, r.images) for r in requests(1) for n in range(10)]
    assert reasons(ask(engine, rows)) == {"answered": 10}
    assert 130_000 < mock.stats()["bytes"] < 160_000


def test_an_image_that_the_server_dropped_travels_again(mock: MockServer) -> None:
    mock.control(owner="vllm", names=["org/mock"])
    engine = connect(mock, concurrency=1)
    rows = [Request(f"{n}", r.prompt, {"caption": f"{n}", "n": 1}, r.images) for r in requests(1) for n in range(6)]
    answers = _asking.ask(engine, None, MODEL, rows, Sampling())
    taken = [next(answers)]
    mock.control(forget=True)
    assert reasons([*taken, *answers]) == {"answered": 6}


def test_a_model_that_is_not_listed_where_all_are_is_refused_before_anything_is_paid(mock: MockServer) -> None:
    mock.control(owner="vllm", names=["other/model"])
    with pytest.raises(EngineRefused, match="Set served_as to one of: other/model"):
        ask(connect(mock), requests(1))
    assert mock.stats()["requests"] == 0


def test_probing_asks_nothing_that_is_paid_for(mock: MockServer) -> None:
    async def probe(engine: Engine) -> None:
        try:
            await engine.probe()
        finally:
            await engine.close()

    engine = connect(mock)
    asyncio.run(probe(engine))
    assert mock.stats()["requests"] == mock.stats()["probes"] == 0
    assert reasons(ask(engine, requests(3))) == {"answered": 3}
    mock.stop()
    with pytest.raises(EngineRefused, match="Start the server"):
        asyncio.run(probe(engine))


def test_a_schema_is_sent_and_its_enforcement_checked_once(mock: MockServer, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        answers = ask(connect(mock), requests(3, schema=SCHEMA))
        assert [json.loads(answer.text) for answer in answers if isinstance(answer, Reply)] == [{"text": "mock"}] * 3
    assert mock.stats()["probes"] == 1
    assert caplog.records == []


def test_a_server_that_ignores_schemas_is_told_of_and_asked_all_the_same(
    mock: MockServer, caplog: pytest.LogCaptureFixture
) -> None:
    mock.control(enforce=False)
    with caplog.at_level(logging.WARNING):
        assert reasons(ask(connect(mock), requests(3, schema=SCHEMA))) == {"answered": 3}
    assert "does not enforce reply schemas" in caplog.text
    assert mock.stats()["schemas"] == 3


def test_a_server_that_rejects_schemas_is_asked_without(mock: MockServer) -> None:
    mock.control(reject_schemas=True)
    assert reasons(ask(connect(mock), requests(3, schema=SCHEMA))) == {"answered": 3}


def test_an_image_is_read_no_sooner_than_it_can_be_sent(mock: MockServer) -> None:
    read = 0

    def counted(sha256: str) -> bytes:
        nonlocal read
        read += 1
        assert read - mock.stats()["requests"] <= 3
        return image(sha256)

    assert reasons(ask(connect(mock, images=counted, concurrency=3), requests(40))) == {"answered": 40}


def test_many_large_images_travel_whole(mock: MockServer) -> None:
    big = bytes(2_000_000)
    assert reasons(ask(connect(mock, images=lambda sha256: big), requests(3, pictures=6))) == {"answered": 3}
    assert mock.stats()["bytes"] > 3 * 6 * 2_660_000


def missing(sha256: str) -> bytes:
    raise InputError("image_missing", f"No image {sha256}")


def gone(sha256: str) -> bytes:
    raise FileNotFoundError(sha256)


@pytest.mark.parametrize("images", [missing, gone])
def test_a_missing_image_ends_its_row_only(mock: MockServer, images: Any) -> None:
    rows = [*requests(2), *requests(2, pictures=0)]
    assert reasons(ask(connect(mock, images=images), rows)) == {"image_missing": 2, "answered": 2}
    assert permits_out(mock) == 0


def test_closing_in_the_middle_gives_all_permits_back(mock: MockServer) -> None:
    mock.control(latency_s=0.05)
    answers = _asking.ask(connect(mock), None, MODEL, requests(1000), Sampling())
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert permits_out(mock) == 0
    assert reasons(ask(connect(mock), requests(10))) == {"answered": 10}


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://a/v1", "", "http://", "http://a:99999999/v1"])
def test_an_impossible_url_is_told(url: str) -> None:
    with pytest.raises(BadSetting, match="base_url"):
        openai.connect(MODEL, Endpoint(base_url=url), image)


@pytest.mark.parametrize(
    "setting",
    [{"concurrency": 0}, {"attempts": 0}, {"timeout_s": 0}, {"requests_per_minute": 0}, {"tokens_per_minute": -1}],
)
def test_settings_with_which_nothing_could_be_asked_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="greater than"):
        Endpoint(base_url="http://a/v1", **setting)


def test_no_url_and_an_unknown_kind_of_server_are_told() -> None:
    with pytest.raises(BadSetting, match="No base_url"):
        openai.connect(MODEL, Endpoint(), image)
    with pytest.raises(UnknownName, match="Did you mean 'vllm'"):
        openai.connect(MODEL, Endpoint(base_url="http://a/v1", server="vlm"), image)


@pytest.mark.slow
def test_a_killed_run_asks_again_only_what_was_in_flight(mock: MockServer, tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from medvlsynther.cards import Sampling
from medvlsynther.engines import _asking, openai
from medvlsynther.engines.base import Endpoint
from medvlsynther.store.ledger import Ledger
from tests.engines.conftest import MODEL, image, requests
engine = openai.connect(MODEL, Endpoint(base_url={mock.url!r}, concurrency=8), image)
with Ledger(Path({str(tmp_path)!r})) as ledger:
    for answer in _asking.ask(engine, ledger, MODEL, requests(400), Sampling()):
        print(answer.request.id, flush=True)
"""
    for seen_before_the_kill in (100, 50, 30):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(seen_before_the_kill):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    with Ledger(tmp_path) as ledger:
        assert {entry["id"] for _, entry in ledger.items()} == {f"row{n}" for n in range(400)}
        assert {entry["text"] for _, entry in ledger.items()} == {"A mock reply."}
    assert mock.stats()["repeats"] <= 3 * 8


def test_another_kind_of_server_may_be_named(tmp_path: Path) -> None:
    server = start_mock()
    try:
        assert reasons(ask(connect(server, server="llamacpp"), requests(2))) == {"answered": 2}
    finally:
        server.stop()
