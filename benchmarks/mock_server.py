"""A mock model server: OpenAI's protocol, fixed latency and capacity, faults on demand; no model.

    python benchmarks/mock_server.py [--port 0] [--latency-s 0.2] [--capacity 0] [--owner mock]

It listens on the loopback interface only, prints one JSON line with its port, and serves until it is killed. Replies
are a fixed text, or the smallest value that the request's JSON schema allows; `usage` says how long the prompt was.

POST /control takes a JSON object and changes what it does from then on:

    latency_s, capacity, retry_after_s, enforce (schemas), reject_schemas, owner, names, reply (text), drip_s,
    words (each with its logprob, told where logprobs are asked for; null: they are refused)
    plan: ["ok", "429", "500", "reset", …] faults in order of arrival; cycle: true repeats them for ever
    forget: true drops all images held by name

GET /stats gives counts: requests, answered, turned_away, probes, schemas, most_at_once, bytes, max_tokens (the last),
repeats (prompts answered twice).
Faults: any HTTP status, timeout, reset, reset_body, garbage, empty_choices, truncated_json, html, array, drip, length,
filtered, close (answers, then closes the kept-alive connection), error_200, null_content, echo_key.
"""

import argparse
import asyncio
import contextlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_LIMIT = re.compile(rb'"max_tokens":(\d+)')
_TAIL = 6000
"""The words of a request stand after its images: by its last bytes it is known again."""
_STATUS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 422: "Unprocessable Entity",
    429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


@dataclass
class Mock:
    """What the server does, and what it has seen."""

    latency_s: float = 0.2
    """From the head of a request to its reply."""
    capacity: int = 0
    """Most requests at once; more are turned away with 429. 0: any number."""
    retry_after_s: float | None = 1.0
    enforce: bool = True
    reject_schemas: bool = False
    owner: str = "mock"
    names: list[str] = field(default_factory=lambda: ["mock"])
    reply: str = "A mock reply."
    drip_s: float = 0.5
    words: dict[str, float] | None = field(default_factory=dict)
    plan: list[str] = field(default_factory=list)
    cycle: bool = False
    at_once: int = 0
    most_at_once: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    held: set[str] = field(default_factory=set)
    answered: Counter[int] = field(default_factory=Counter)

    def control(self, wishes: dict[str, Any]) -> None:
        """Change what the server does."""
        if wishes.pop("forget", False):
            self.held.clear()
        for name, value in wishes.items():
            setattr(self, name, value)

    def fault(self) -> str:
        """What happens to the next request."""
        if not self.plan:
            return "ok"
        fault = self.plan.pop(0)
        if self.cycle:
            self.plan.append(fault)
        return fault

    def stats(self) -> dict[str, Any]:
        """All counts."""
        repeats = sum(count - 1 for count in self.answered.values())
        return {**self.counts, "most_at_once": self.most_at_once, "at_once": self.at_once, "repeats": repeats}


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests come one after the other."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self.chunks: list[bytes] = []
        self.size = 0
        self.need = 0
        self.head = b""
        self.began_s = 0.0
        self.transport: Any = None
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way back."""
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """The client hung up: what it asked for is no longer wanted."""
        if self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        """Collect until a request is whole; bodies are joined once."""
        self.chunks.append(data)
        self.size += len(data)
        if not self.head:
            joined = b"".join(self.chunks)
            head, end, body = joined.partition(b"\r\n\r\n")
            if not end:
                return
            self.began_s = asyncio.get_running_loop().time()
            length = _LENGTH.search(head)
            self.head, self.need = head, int(length[1]) if length else 0
            self.chunks, self.size = [body], len(body)
        if self.size >= self.need:
            head, body = self.head, b"".join(self.chunks)
            self.head, self.chunks, self.size = b"", [], 0
            self.task = asyncio.get_running_loop().create_task(self.serve(head, body))

    async def serve(self, head: bytes, body: bytes) -> None:
        """Answer one request."""
        path = head.split(b" ", 2)[1].decode()
        if path == "/stats":
            self.send(200, self.mock.stats())
        elif path == "/control":
            self.mock.control(orjson.loads(body))
            self.send(200, {})
        elif path.endswith("/models"):
            self.send(200, {"data": [{"id": name, "owned_by": self.mock.owner} for name in self.mock.names]})
        else:
            await self.complete(head, body)

    async def complete(self, head: bytes, body: bytes) -> None:
        """A chat completion, or the fault that is due."""
        mock = self.mock
        mock.counts["bytes"] += len(body)
        # A probe is no request of the client's own: it neither meets faults nor counts as one.
        if probe := (len(body) < 1500 and b"Greet me" in body):
            mock.counts["probes"] += 1
        else:
            mock.counts["requests"] += 1
        fault = "ok" if probe else mock.fault()
        if fault == "429" or (mock.capacity and mock.at_once >= mock.capacity):
            mock.counts["turned_away"] += 1
            headers = {} if mock.retry_after_s is None else {"Retry-After": f"{mock.retry_after_s:g}"}
            self.send(429, {"error": {"message": "mock: too many requests"}}, headers)
            return
        mock.at_once += 1
        mock.most_at_once = max(mock.most_at_once, mock.at_once)
        try:
            await asyncio.sleep(max(0.0, self.began_s + mock.latency_s - asyncio.get_running_loop().time()))
            if fault == "echo_key":
                self.send(400, {"error": {"message": f"mock: bad key? {head.decode()}"}})
            else:
                await self.finish(fault, body, probe)
        finally:
            mock.at_once -= 1

    async def finish(self, fault: str, body: bytes, probe: bool) -> None:
        """Send the reply, or spoil it."""
        if fault.isdigit():
            self.send(int(fault), {"error": {"message": f"mock: injected {fault}"}})
        elif fault == "timeout":
            await asyncio.sleep(3600)
        elif fault in ("reset", "reset_body"):
            if fault == "reset_body":
                self.transport.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"choices": [')
            self.transport.abort()
        elif fault in _SPOILED:
            kind, text = _SPOILED[fault]
            self.raw(200, text, kind)
        else:
            await self.answer(fault, body, probe)

    async def answer(self, fault: str, body: bytes, probe: bool) -> None:
        """A good reply; some faults are in its manner only."""
        mock = self.mock
        asked: dict[str, Any] = {}
        if b'"schema"' in body or b'"uuid"' in body or b'"logprobs"' in body:
            asked = orjson.loads(body)
        unknown = self.hold(asked)
        if "response_format" in asked and mock.reject_schemas:
            self.send(400, {"error": {"message": "mock: response_format is not supported"}})
            return
        if "logprobs" in asked and mock.words is None:
            self.send(400, {"error": {"message": "mock: logprobs are not supported"}})
            return
        if unknown is not None:
            self.send(400, {"error": {"message": f"Cache miss for image at index {unknown} but data is not provided."}})
            return
        if not probe:
            mock.counts["answered"] += 1
            mock.counts["schemas"] += "response_format" in asked
            if (limit := _LIMIT.search(body[-_TAIL:])) is not None:
                mock.counts["max_tokens"] = int(limit[1])
            mock.answered[hash(body[-_TAIL:])] += 1
        reply = payload(mock, asked, len(body), fault)
        if fault == "drip":
            await self.drip(orjson.dumps(reply))
        else:
            self.send(200, reply)
        if fault == "close":
            self.transport.close()

    def hold(self, asked: dict[str, Any]) -> int | None:
        """Keep images by name; gives the position of one that is neither sent nor kept."""
        content = asked["messages"][-1]["content"] if asked else ""
        images = [part for part in content if part["type"] == "image_url"] if isinstance(content, list) else []
        for number, part in enumerate(images):
            if part["image_url"] is None and part["uuid"] not in self.mock.held:
                return number
            if "uuid" in part:
                self.mock.held.add(part["uuid"])
        return None

    async def drip(self, text: bytes) -> None:
        """Send a reply in single bytes."""
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text)
        )
        for at in range(len(text)):
            self.transport.write(text[at : at + 1])
            await asyncio.sleep(self.mock.drip_s)

    def send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        """Send JSON."""
        self.raw(status, orjson.dumps(value), "application/json", headers)

    def raw(self, status: int, text: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        """Send bytes."""
        lines = [f"HTTP/1.1 {status} {_STATUS.get(status, 'Status')}", f"Content-Type: {kind}"]
        lines += [f"Content-Length: {len(text)}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + text)


_SPOILED = {
    "garbage": ("application/json", b"\x00\xff\xfe not json {{{"),
    "truncated_json": ("application/json", b'{"choices": [{"message": {"content": "half'),
    "html": ("text/html", b"<html><body>Bad gateway</body></html>"),
    "array": ("application/json", b"[1, 2, 3]"),
    "empty_choices": ("application/json", b'{"choices": [], "usage": {}}'),
    "null_content": ("application/json", b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}'),
    "error_200": ("application/json", b'{"error": {"message": "upstream failed"}}'),
}


def payload(mock: Mock, asked: dict[str, Any], size: int, fault: str) -> dict[str, Any]:
    """A chat completion."""
    schema = asked.get("response_format", {}).get("json_schema", {}).get("schema")
    text = json.dumps(smallest(schema)) if schema and mock.enforce else mock.reply
    finish = {"length": "length", "filtered": "content_filter"}.get(fault, "stop")
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    if asked.get("logprobs") and mock.words:
        told = [{"token": word, "logprob": chance} for word, chance in mock.words.items()]
        choice["logprobs"] = {"content": [{"token": " ", "logprob": 0.0}, {**told[0], "top_logprobs": told}]}
    prompt, reply = size // 400 + 1, len(text) // 4 + 1
    return {
        "id": "mock",
        "object": "chat.completion",
        "model": "mock",
        "choices": [choice],
        "usage": {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply},
    }


def smallest(schema: dict[str, Any]) -> Any:
    """The smallest value that a schema of the portable subset allows."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return smallest(schema["anyOf"][0])
    kind = schema.get("type")
    if kind == "object":
        return {name: smallest(value) for name, value in schema.get("properties", {}).items()}
    return {"array": [], "string": "mock", "integer": 0, "number": 0.0, "boolean": True}.get(str(kind))


async def serve(mock: Mock, port: int) -> None:
    """Listen until killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(mock), "127.0.0.1", port)
    print(json.dumps({"mock": True, "port": server.sockets[0].getsockname()[1]}), flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-s", type=float, default=0.2)
    parser.add_argument("--capacity", type=int, default=0)
    parser.add_argument("--owner", default="mock")
    given = parser.parse_args()
    mock = Mock(latency_s=given.latency_s, capacity=given.capacity, owner=given.owner)
    with contextlib.suppress(ImportError):  # without it the mock is slower, no more
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(mock, given.port))


if __name__ == "__main__":
    main()
