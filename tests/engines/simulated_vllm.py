"""Stands in for `vllm serve`: takes its options, starts a process of its own, and serves simulated replies.

python tests/engines/simulated_vllm.py serve MODEL --port PORT [--simulate crash|silent|fall|fall-always] …
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time

from aiohttp import web

from tests.simulated_server import complete


async def answer(request: web.Request) -> web.Response:
    """A reply; with `--simulate fall`, the first server ends in the middle of its third request instead."""
    if os.environ.get("SIMULATED_FALL"):
        fallen = os.environ["SIMULATED_PIDS"] + ".asked"
        with open(fallen, "a+", encoding="utf-8") as file:  # noqa: PTH123 - one byte
            file.write("x")
            if file.tell() == 3 or os.environ["SIMULATED_FALL"] == "always":
                os.kill(os.getpid(), signal.SIGKILL)
    return await complete(request)


async def models(_: web.Request) -> web.Response:
    about = {"id": os.environ["SIMULATED_NAME"], "owned_by": "vllm", "gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}
    return web.json_response({"data": [about]})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--served-model-name", required=True)
    parser.add_argument("--max-model-len", type=int, required=True)
    parser.add_argument("--structured-outputs-config", type=json.loads, required=True)
    parser.add_argument("--limit-mm-per-prompt", type=json.loads, required=True)
    parser.add_argument("--enable-prompt-tokens-details", action="store_true", required=True)
    parser.add_argument("--tensor-parallel-size", type=int, default=1)
    parser.add_argument("--simulate", default="")
    arguments = parser.parse_args()
    if arguments.simulate == "crash":
        sys.exit("simulated: CUDA out of memory")
    if arguments.simulate == "silent":
        time.sleep(600)
    os.environ["SIMULATED_FALL"] = {"fall": "once", "fall-always": "always"}.get(arguments.simulate, "")
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(os.environ["SIMULATED_PIDS"], "a", encoding="utf-8") as file:  # noqa: PTH123 - appends
        file.write(f"{os.getpid()} {worker.pid}\n")
    os.environ["SIMULATED_NAME"] = arguments.served_model_name
    app = web.Application(client_max_size=1 << 26)
    app.router.add_get("/v1/models", models)
    app.router.add_post("/v1/chat/completions", answer)
    web.run_app(app, host=arguments.host, port=arguments.port, print=lambda *_: None, loop=asyncio.new_event_loop())


if __name__ == "__main__":
    main()
