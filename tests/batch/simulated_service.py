"""Simulated batch services of three kinds behind one port: files in, jobs that end when told to, results out.

    python tests/batch/simulated_service.py    prints its port, serves on the loopback interface until it is killed

POST /control {"share": 0.6, "end": true} ends all jobs with that share of their requests answered; the rest fails in
the service's own way. Replies are those of tests/simulated_server.py. GET /seen gives the key of every request.
"""

import asyncio
import json
from typing import Any

from aiohttp import web

from tests.simulated_server import reply_to, value_for

KEYS = {"authorization": "Bearer simulated", "x-api-key": "simulated", "x-goog-api-key": "simulated"}
files: dict[str, bytes] = {}
jobs: dict[str, dict[str, Any]] = {}
seen: list[str] = []
share = 1.0
end = False


@web.middleware
async def keyed(request: web.Request, handler: Any) -> web.StreamResponse:
    """Everything needs a key, in the header of its own kind of service."""
    if request.path.startswith(("/control", "/seen")) or any(request.headers.get(k) == v for k, v in KEYS.items()):
        response: web.StreamResponse = await handler(request)
        return response
    return web.json_response({"error": {"message": "no key"}}, status=401)


def made(kind: str, rows: list[tuple[str, dict[str, Any]]]) -> str:
    """A new job."""
    name = f"{kind}-{len(jobs)}"
    jobs[name] = {"kind": kind, "rows": rows}
    seen.extend(key for key, _ in rows)
    return name


def results(name: str) -> bytes:
    """What a job gives: the first share of its requests answered, in the service's own words."""
    job = jobs[name]
    lines = []
    for number, (key, body) in enumerate(job["rows"]):
        lines.append(LINES[job["kind"]](key, body, number < round(share * len(job["rows"]))))
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def openai_line(key: str, body: dict[str, Any], answered: bool) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply_to(body)}
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    reply = {"choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": usage}
    response = {"status_code": 200, "body": reply} if answered else {"status_code": 500, "body": {"error": "simulated"}}
    return {"custom_id": key, "response": response, "error": None}


def anthropic_line(key: str, body: dict[str, Any], answered: bool) -> dict[str, Any]:
    if not answered:
        return {"custom_id": key, "result": {"type": "expired"}}
    words = body["messages"][0]["content"][-1]["text"]
    schema = body["output_config"]["format"]["schema"]
    reply = {name: value_for(name, part, words) for name, part in schema["properties"].items()}
    content = [{"type": "text", "text": json.dumps(reply)}]
    usage = {"input_tokens": 100, "output_tokens": 10}
    message = {"content": content, "stop_reason": "end_turn", "usage": usage}
    return {"custom_id": key, "result": {"type": "succeeded", "message": message}}


def gemini_line(key: str, body: dict[str, Any], answered: bool) -> dict[str, Any]:
    if not answered:
        return {"key": key, "error": {"code": 13, "message": "simulated"}}
    words = body["contents"][0]["parts"][-1]["text"]
    schema = body["generationConfig"]["responseJsonSchema"]
    reply = {name: value_for(name, part, words) for name, part in schema["properties"].items()}
    candidate = {"content": {"parts": [{"text": json.dumps(reply)}]}, "finishReason": "STOP"}
    return {"key": key, "response": {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 100}}}


LINES = {"openai": openai_line, "anthropic": anthropic_line, "gemini": gemini_line}


def rows_of(data: bytes, name: str, body: str) -> list[tuple[str, dict[str, Any]]]:
    return [(line[name], line[body]) for line in map(json.loads, data.splitlines())]


async def openai_file(request: web.Request) -> web.Response:
    form = await request.post()
    file: Any = form["file"]
    assert form["purpose"] == "batch"
    name = f"file-{len(files)}"
    files[name] = file.file.read()
    return web.json_response({"id": name})


async def openai_batch(request: web.Request) -> web.Response:
    wish = await request.json()
    return web.json_response({"id": made("openai", rows_of(files[wish["input_file_id"]], "custom_id", "body"))})


async def openai_state(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if not end:
        return web.json_response({"id": name, "status": "in_progress", "output_file_id": None})
    files[f"out-{name}"] = results(name)
    status = "completed" if share == 1.0 else "expired"
    return web.json_response({"id": name, "status": status, "output_file_id": f"out-{name}", "error_file_id": None})


async def openai_content(request: web.Request) -> web.Response:
    return web.Response(body=files[request.match_info["name"]])


async def anthropic_batch(request: web.Request) -> web.Response:
    rows = [(each["custom_id"], each["params"]) for each in (await request.json())["requests"]]
    return web.json_response({"id": made("anthropic", rows)})


async def anthropic_state(request: web.Request) -> web.Response:
    return web.json_response({"processing_status": "ended" if end else "in_progress"})


async def anthropic_results(request: web.Request) -> web.Response:
    return web.Response(body=results(request.match_info["name"]))


async def gemini_upload(request: web.Request) -> web.Response:
    assert request.headers["X-Goog-Upload-Command"] == "start"
    return web.json_response({}, headers={"X-Goog-Upload-URL": f"http://{request.host}/upload/place"})


async def gemini_place(request: web.Request) -> web.Response:
    assert request.headers["X-Goog-Upload-Command"] == "upload, finalize"
    name = f"files/{len(files)}"
    files[name] = await request.read()
    return web.json_response({"file": {"name": name}})


async def gemini_batch(request: web.Request) -> web.Response:
    file = (await request.json())["batch"]["inputConfig"]["fileName"]
    return web.json_response({"name": f"batches/{made('gemini', rows_of(files[file], 'key', 'request'))}"})


async def gemini_state(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if not end:
        return web.json_response({"metadata": {"state": "BATCH_STATE_RUNNING"}})
    output = {"responsesFile": f"files/{name}"}
    return web.json_response({"metadata": {"state": "BATCH_STATE_SUCCEEDED", "output": output}})


async def gemini_download(request: web.Request) -> web.Response:
    assert request.query["alt"] == "media"
    return web.Response(body=results(request.match_info["name"].removesuffix(":download")))


async def control(request: web.Request) -> web.Response:
    globals().update(await request.json())
    return web.json_response({})


async def tell(_: web.Request) -> web.Response:
    return web.json_response(seen)


async def serve() -> None:
    app = web.Application(client_max_size=1 << 28, middlewares=[keyed])
    app.router.add_routes(
        [
            web.post("/control", control),
            web.get("/seen", tell),
            web.post("/openai/v1/files", openai_file),
            web.get("/openai/v1/files/{name}/content", openai_content),
            web.post("/openai/v1/batches", openai_batch),
            web.get("/openai/v1/batches/{name}", openai_state),
            web.post("/anthropic/v1/messages/batches", anthropic_batch),
            web.get("/anthropic/v1/messages/batches/{name}", anthropic_state),
            web.get("/anthropic/v1/messages/batches/{name}/results", anthropic_results),
            web.post("/upload/v1beta/files", gemini_upload),
            web.post("/upload/place", gemini_place),
            web.post("/v1beta/models/{model}", gemini_batch),
            web.get("/v1beta/batches/{name}", gemini_state),
            web.get("/download/v1beta/files/{name}", gemini_download),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
