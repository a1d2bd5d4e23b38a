"""One request over HTTP: bodies are spliced exactly, waits are read from every header that servers send."""

import base64
import time
from email.utils import formatdate
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from medvlsynther.engines._http import _wait_s, judged, spliced
from medvlsynther.engines._protocols import IMAGE_MARK


def wait_s(**headers: str) -> float | None:
    return _wait_s(CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}))


@given(st.lists(st.binary(max_size=200), max_size=4), st.text())
def test_a_spliced_body_is_the_body_with_the_images_in_it(images: list[bytes], text: str) -> None:
    parts: list[Any] = [{"image": f"data:{IMAGE_MARK}"} for _ in images]
    body = {"text": text.encode("utf-8", "replace").decode(), "parts": parts}
    pieces = spliced(body, images)
    sent = pieces.decode()
    assert pieces.size == len(sent.encode())
    expected = [{"image": f"data:{base64.b64encode(image).decode()}"} for image in images]
    assert orjson.loads(sent) == {**body, "parts": expected}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "6m0s"}, 360.0),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "20ms"}, 0.02),
        ({"x_ratelimit_remaining_tokens": "5", "x_ratelimit_reset_tokens": "1h"}, None),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({"Retry_After": "nan"}, None),
        ({}, None),
    ],
)
def test_waits_are_read_from_headers(headers: dict[str, str], expected: float | None) -> None:
    assert wait_s(**headers) == (None if expected is None else pytest.approx(expected))


def test_waits_may_be_dates() -> None:
    assert wait_s(Retry_After=formatdate(time.time() + 100, usegmt=True)) == pytest.approx(100, abs=3)
    assert wait_s(Retry_After=formatdate(0, usegmt=True)) == 0.0
    reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 50))
    waited = wait_s(anthropic_ratelimit_requests_remaining="0", anthropic_ratelimit_requests_reset=reset)
    assert waited == pytest.approx(50, abs=3)


@given(st.text())
def test_any_header_is_survived(value: str) -> None:
    found = wait_s(Retry_After=value)
    assert found is None or found >= 0.0


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (200, b'{"choices": []}', "answered"),
        (200, b"[]", "garbled_reply"),
        (200, b"", "garbled_reply"),
        (200, b'{"choices": [{"message": {"content": "\\ud800"}}]}', "garbled_reply"),
        (200, b'{"error": {"message": "upstream"}}', "server_error"),
        (301, b"", "refused"),
        (400, b'{"error": {"message": "This model\'s maximum context length is 8192"}}', "context_overflow"),
        (400, b'{"error": {"message": "At most 3 image(s)"}}', "bad_request"),
        (400, b'{"error": "Cache miss for image at index 0"}', "image_unknown"),
        (401, b"", "refused"),
        (404, b'{"detail": "Not Found"}', "refused"),
        (413, b"", "bad_request"),
        (429, b'{"error": {"message": "slow down"}}', "turned_away"),
        (429, b'{"error": {"code": "insufficient_quota"}}', "refused"),
        (500, b"\xff\xfe", "server_error"),
        (504, b"", "timed_out"),
        (529, b'{"error": {"type": "overloaded_error"}}', "turned_away"),
    ],
)
def test_a_status_and_a_body_have_one_meaning(status: int, body: bytes, word: str) -> None:
    outcome = judged(status, CIMultiDict(), body)
    assert outcome.word == word
    assert len(outcome.detail) < 400


@given(st.integers(100, 599), st.binary(max_size=300))
def test_any_answer_has_a_meaning(status: int, body: bytes) -> None:
    assert judged(status, CIMultiDict(), body).word
