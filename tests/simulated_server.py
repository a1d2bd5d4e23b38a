"""A simulated model behind the OpenAI protocol: no model, plausible replies made from the request's own words.

    python tests/simulated_server.py    prints its port, serves on the loopback interface until it is killed

It writes one item a figure, passes every mark, and answers labels with the first name allowed. Each reply costs 100
prompt and 10 reply tokens.
"""

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

DISTRACTORS = ("Ultrasound", "Mammography", "Fluoroscopy", "Scintigraphy", "Radiography", "Angiography")
asked: list[str] = []


@contextmanager
def serving() -> Iterator[int]:
    """The port of a server in a process of its own."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def words_of(body: dict[str, Any]) -> str:
    """All text of the user's turn."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "\n".join(p["text"] for p in content if p["type"] == "text")


def reply_to(body: dict[str, Any]) -> str:
    """A reply that fits the request's schema."""
    words = words_of(body)
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema is None:
        return "<think>A simulated thought.</think><answer>A</answer>"
    asked.append("write" if "question" in schema["properties"] else "judge")
    return json.dumps({name: value_for(name, part, words) for name, part in schema["properties"].items()})


def value_for(name: str, schema: dict[str, Any], words: str) -> Any:
    """The value of one field."""
    if name == "question":
        return f"Which technique produced the image shown? ({hashlib.sha256(words.encode()).hexdigest()[:6]})"
    if name == "options":
        return dict(zip(schema["properties"], DISTRACTORS, strict=False))
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {field: value_for(field, part, words) for field, part in schema["properties"].items()}
    return {"boolean": True, "string": "simulated"}.get(schema["type"], 0)


async def complete(request: web.Request) -> web.Response:
    body = await request.json()
    await asyncio.sleep(0.02)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply_to(body)}}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return web.json_response({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage})


async def models(request: web.Request) -> web.Response:
    del request
    return web.json_response({"object": "list", "data": [{"id": "simulated", "object": "model"}]})


async def order(request: web.Request) -> web.Response:
    del request
    return web.json_response(asked)


async def serve() -> None:
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/order", order)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
