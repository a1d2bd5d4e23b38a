"""A tiny model with random weights behind the OpenAI protocol: schemas are enforced, faults come on demand.

    python tests/tiny_server.py FOLDER [--faults 429,500,reset,…]

It prints its port and serves on the loopback interface until it is killed. A `grammar` of plain words is a closed
choice, whose chances are told as logprobs. Of every five requests one meets the next fault of the list, round and
round: an HTTP status, `reset`, `garbage`, `empty` or `cut` (half of the reply's JSON). GET /counts says how often each
thing happened.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import math
from collections import Counter
from itertools import cycle
from typing import Any

from aiohttp import web

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.engines import transformers
from medvlsynther.engines.base import Endpoint, Reply, ReplyError, Request
from medvlsynther.records import ImageRef

PROMPT = Prompt(description="as asked", task="answer", system="{{ system }}", request="{{ text }}")


class Server:
    """One model, its images, and the faults that are due."""

    def __init__(self, folder: str, faults: list[str]) -> None:
        self.images: dict[str, bytes] = {}
        card = Model(description="tiny", repo=folder, family="tiny")
        self.engine = transformers.connect(card, Endpoint(device="cpu"), self.images.__getitem__)
        self.faults = cycle([word for fault in faults for word in (fault, "", "", "", "")]) if faults else cycle([""])
        self.faulty = bool(faults)
        self.counts: Counter[str] = Counter()

    async def complete(self, web_request: web.Request) -> web.StreamResponse:
        """One chat completion, or a fault."""
        body = await web_request.json()
        probe = "Greet me" in str(body["messages"][-1]["content"])
        fault = "" if probe else next(self.faults)
        self.counts[fault or ("probe" if probe else "answered")] += 1
        if fault == "reset":
            assert web_request.transport
            web_request.transport.abort()
            return web.Response()
        if fault.isdigit():
            return web.json_response({"error": {"message": "simulated fault"}}, status=int(fault))
        if fault == "garbage":
            return web.Response(text="<html>no JSON</html>", content_type="text/html")
        if fault == "empty":
            return web.json_response({"choices": []})
        answer = web.json_response(await self.answer(body))
        if fault == "cut" and answer.body:
            return web.Response(body=bytes(answer.body)[: len(answer.body) // 2], content_type="application/json")  # type: ignore[arg-type]
        return answer

    async def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """The model's reply in the protocol's words."""
        sampling = Sampling(
            temperature=body["temperature"],
            top_p=body["top_p"],
            max_tokens=body["max_tokens"],
            seed=body.get("seed"),
            extend=False,
        )
        reply: Reply | ReplyError
        try:
            reply = await self.engine.generate(self.request(body), sampling)
        except ReplyError as error:
            reply = error
        if isinstance(reply, ReplyError):
            # Nothing to say. Clients that try often, for faults that pass, are told so in a way that ends their tries.
            text, finish = (reply.detail, "length") if self.faulty else ("", "stop")
            message, usage = {"role": "assistant", "content": text}, {}
        else:
            details = {"cached_tokens": reply.usage.cached_tokens}
            tokens = (reply.usage.prompt_tokens, reply.usage.reply_tokens)
            usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "prompt_tokens_details": details}
            message, finish = {"role": "assistant", "content": reply.text}, reply.finish
        choice = {"index": 0, "message": message, "finish_reason": finish}
        if isinstance(reply, Reply) and reply.chances:
            told = [{"token": label, "logprob": math.log(max(p, 1e-30))} for label, p in reply.chances.items()]
            choice["logprobs"] = {"content": [{"token": reply.text, "top_logprobs": told}]}
        return {"choices": [choice], "usage": usage}

    def request(self, body: dict[str, Any]) -> Request:
        """What the body asks for."""
        *first, user = body["messages"]
        content = user["content"]
        parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        slots = {"system": first[0]["content"] if first else "", "text": ""}
        images = []
        for part in parts:
            if part["type"] == "text":
                slots["text"] += part["text"]
            else:
                data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
                name = hashlib.sha256(data).hexdigest()
                self.images[name] = data
                images.append(ImageRef(name=name, sha256=name))
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        ways = body.get("grammar", "").removeprefix("root ::= ")
        labels = tuple(map(json.loads, ways.split(" | "))) if ways else ()
        return Request("asked", PROMPT, slots, images=tuple(images), schema=schema, labels=labels)

    async def models(self, _: web.Request) -> web.Response:
        """One model."""
        return web.json_response({"data": [{"id": "tiny", "object": "model"}]})

    async def tell(self, _: web.Request) -> web.Response:
        """What happened."""
        return web.json_response(self.counts)


async def serve(server: Server) -> None:
    """Serve until killed."""
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/chat/completions", server.complete)
    app.router.add_get("/v1/models", server.models)
    app.router.add_get("/counts", server.tell)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--faults", default="")
    arguments = parser.parse_args()
    asyncio.run(serve(Server(arguments.folder, arguments.faults.split(",") if arguments.faults else [])))
