"""The wire forms: what is written is what each protocol's documentation asks for; whatever comes back is survived."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.engines._protocols import (
    IMAGE_MARK,
    Answer,
    Picture,
    Question,
    media_type,
    portable,
)
from medvlsynther.engines._servers import KINDS
from medvlsynther.engines._wires import wire
from medvlsynther.engines.base import Rendered, Usage
from medvlsynther.errors import ReplyError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
SCHEMA = {
    "type": "object",
    "properties": {"minLength": {"type": "string", "minLength": 3, "maxLength": 9}, "n": {"enum": [1, 2]}},
    "required": ["minLength"],
    "additionalProperties": False,
    "anyOf": [{"type": "object", "maxProperties": 3}],
}


def question(**changes: Any) -> Question:
    given = {
        "model": "m",
        "words": Rendered("rules", "caption", "task"),
        "pictures": (Picture("a" * 64, "image/png"), Picture("b" * 64, "image/jpeg")),
        "schema": orjson.dumps(SCHEMA),
        "form": None,
        "max_tokens": 50,
        "temperature": 0.5,
        "top_p": 1.0,
        "seed": 7,
        "extra": {},
    }
    return Question(**{**given, **changes})


def written(kind: str, **changes: Any) -> dict[str, Any]:
    known = KINDS[kind]
    body = wire(known.protocol).body(question(form=known.forms[0], **changes), known)
    found: dict[str, Any] = json.loads(orjson.dumps(body))
    return found


def read(protocol: str, payload: Any) -> Answer:
    return wire(protocol).read(payload)


def test_chat_completions_put_the_static_text_first_and_the_task_last() -> None:
    body = written("vllm")
    system, user = body["messages"]
    assert system == {"role": "system", "content": "rules"}
    first, second, text = user["content"]
    assert first["image_url"] == {"url": f"data:image/png;base64,{IMAGE_MARK}"}
    assert (first["uuid"], second["uuid"]) == ("a" * 64, "b" * 64)
    assert text == {"type": "text", "text": "caption\n\ntask"}
    assert (body["max_tokens"], body["temperature"], body["top_p"], body["seed"]) == (50, 0.5, 1.0, 7)
    assert body["response_format"]["json_schema"]["strict"] is True


def test_without_images_the_content_is_plain_text() -> None:
    body = written("llamacpp", pictures=(), words=Rendered("", "", "task"))
    assert body["messages"] == [{"role": "user", "content": "task"}]


def test_an_image_that_is_held_travels_as_its_name() -> None:
    body = written("vllm", pictures=(Picture("a" * 64, "", held=True),))
    assert body["messages"][1]["content"][0] == {"type": "image_url", "image_url": None, "uuid": "a" * 64}


def test_each_kind_gets_only_what_it_takes() -> None:
    extra = {"chat_template_kwargs": {"enable_thinking": False}, "top_k": 20, "temperature": None}
    assert written("vllm", extra=extra)["chat_template_kwargs"] == {"enable_thinking": False}
    openai = written("openai", extra=extra)
    assert "chat_template_kwargs" not in openai
    assert "temperature" not in openai
    assert (openai["max_completion_tokens"], openai["top_k"]) == (50, 20)
    assert "max_tokens" not in openai
    assert "uuid" not in openai["messages"][1]["content"][0]
    assert "seed" not in written("anthropic")


def test_messages_mark_the_static_text_for_the_cache() -> None:
    body = written("anthropic")
    assert body["system"] == [{"type": "text", "text": "rules", "cache_control": {"type": "ephemeral"}}]
    (message,) = body["messages"]
    assert message["content"][1]["source"] == {"type": "base64", "media_type": "image/jpeg", "data": IMAGE_MARK}
    assert message["content"][2]["text"] == "caption\n\ntask"
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert "top_p" not in body
    assert written("anthropic", top_p=0.9)["top_p"] == 0.9


def test_generate_content_has_its_own_names() -> None:
    body = written("gemini")
    assert body["systemInstruction"] == {"parts": [{"text": "rules"}]}
    assert body["contents"][0]["parts"][0] == {"inlineData": {"mimeType": "image/png", "data": IMAGE_MARK}}
    config = body["generationConfig"]
    assert (config["maxOutputTokens"], config["seed"], config["responseMimeType"]) == (50, 7, "application/json")
    assert config["responseJsonSchema"]["required"] == ["minLength"]


def test_keys_go_into_headers() -> None:
    assert wire("openai").headers("k") == {"Authorization": "Bearer k"}
    assert wire("openai").headers(None) == {}
    assert wire("anthropic").headers("k")["x-api-key"] == "k"
    assert wire("gemini").headers("k") == {"x-goog-api-key": "k"}


def test_schemas_lose_their_bounds_and_nothing_else() -> None:
    assert orjson.loads(orjson.dumps(portable(orjson.dumps(SCHEMA)))) == {
        "type": "object",
        "properties": {"minLength": {"type": "string"}, "n": {"enum": [1, 2]}},
        "required": ["minLength"],
        "additionalProperties": False,
        "anyOf": [{"type": "object"}],
    }


def test_a_chat_completion_is_read_whole() -> None:
    payload = {
        "choices": [{"message": {"content": " text ", "reasoning": "why"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 60, "multimodal_tokens": {"image": 30}},
        },
    }
    assert read("openai", payload) == Answer("text", "why", "stop", Usage(100, 60, 30, 7))


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        ("<think>why</think>\n{}", "{}", "why"),
        ("why, without an opening</think>{}", "{}", "why, without an opening"),
        ("<|begin_of_box|>B<|end_of_box|>", "B", ""),
        ("I think > 5", "I think > 5", ""),
        ([{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}], "in parts", ""),
    ],
)
def test_thoughts_are_kept_apart_from_the_text(content: object, text: str, reasoning: str) -> None:
    answer = read("openai", {"choices": [{"message": {"content": content}}]})
    assert (answer.text, answer.reasoning) == (text, reasoning)


def test_thoughts_that_never_end_are_no_text() -> None:
    payload = {"choices": [{"message": {"content": "<think>and then"}, "finish_reason": "length"}]}
    assert read("openai", payload) == Answer("", "and then", "length", Usage())


def test_reasoning_content_is_understood() -> None:
    payload = {"choices": [{"message": {"content": "B", "reasoning_content": "why"}}]}
    assert read("openai", payload).reasoning == "why"


def test_a_message_is_read_whole() -> None:
    payload = {
        "content": [{"type": "thinking", "thinking": "why"}, {"type": "text", "text": "B"}],
        "stop_reason": "max_tokens",
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 20,
            "cache_creation_input_tokens": 5,
            "output_tokens": 3,
        },
    }
    assert read("anthropic", payload) == Answer("B", "why", "length", Usage(35, 20, 0, 3))


def test_generated_content_is_read_whole() -> None:
    payload = {
        "candidates": [
            {"content": {"parts": [{"text": "why", "thought": True}, {"text": "B"}]}, "finishReason": "STOP"}
        ],
        "usageMetadata": {
            "promptTokenCount": 50,
            "cachedContentTokenCount": 20,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 4,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}, {"modality": "IMAGE", "tokenCount": 40}],
        },
    }
    assert read("gemini", payload) == Answer("B", "why", "stop", Usage(50, 20, 40, 7))


def test_a_blocked_prompt_is_filtered_not_empty() -> None:
    assert read("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}).finish == "content_filter"
    assert read("anthropic", {"content": [], "stop_reason": "refusal"}).finish == "content_filter"


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "gemini"])
@settings(max_examples=100, deadline=None)
@given(JSON)
def test_any_json_is_read_or_refused(protocol: str, payload: Any) -> None:
    for wrapped in (payload, {"choices": payload}, {"content": payload}, {"candidates": payload, "usage": payload}):
        try:
            answer = read(protocol, wrapped)
        except ReplyError:
            continue
        assert isinstance(answer.text, str)
        assert min(answer.usage.prompt_tokens, answer.usage.reply_tokens) >= 0


@pytest.mark.parametrize(
    ("start", "expected"),
    [(b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF89a", "gif"), (b"RIFF1234WEBP", "webp"), (b"", "png")],
)
def test_the_media_type_follows_the_bytes(start: bytes, expected: str) -> None:
    assert media_type(start) == f"image/{expected}"
