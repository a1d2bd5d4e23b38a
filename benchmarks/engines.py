"""What asking a model costs: time, memory and requests, against the mock server of this folder.

    make bench-engines                      all figures, each from a process of its own
    python benchmarks/engines.py --quick    a tenth of the requests
    python benchmarks/engines.py --peers    the same work by other packages too (`peers.py`), each from a virtual
                                            environment of its own under .cache, made where it is missing

Every request carries its own image of 117 kB and a prompt of about 4 kB; a reply takes 200 ms and is kept in a ledger.
CPU is that of the asking process alone, whole: start-up, rendering, images, HTTP and ledger; with one core free for it
and one for the mock server, wall times are what they claim to be, otherwise they are lower bounds.
"""

import argparse
import asyncio
import base64
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from peers import CAPTION, PEERS, REQUIREMENTS, RULES

ROOT = Path(__file__).resolve().parents[1]
LATENCY_S = 0.2
IMAGE_BYTES = 117_000
IMAGES = 50
"""Files that the images are read from, by turns; each request names one of its own."""
PEER_S = 900
"""Longest time for another package's work."""


# -------------------------------------------------------------------------------------- the asking processes


def usage() -> dict[str, float]:
    """CPU seconds and peak memory of this process."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_s": spent.ru_utime + spent.ru_stime, "peak_mb": spent.ru_maxrss / 1024}


def ask_ours(work: Path, urls: list[str], rows: int, concurrency: int, chained: bool) -> dict[str, float]:
    """Ask with this project's engine; with `chained`, the second server checks what the first one wrote."""
    from medvlsynther.cards import Model, Prompt, Sampling
    from medvlsynther.engines import openai
    from medvlsynther.engines._asking import ask
    from medvlsynther.engines.base import Endpoint, Request
    from medvlsynther.executors.base import calm_collector
    from medvlsynther.records import ImageRef
    from medvlsynther.store.ledger import Ledger, ledger_folder

    prompt = Prompt(description="", task="write", system=RULES, material="{{ caption }}", request="Write one question.")

    def image(sha256: str) -> bytes:
        return (work / f"{int(sha256) % IMAGES}.png").read_bytes()

    def requests() -> Iterator[Request]:
        for number in range(rows):
            refs = (ImageRef(name="", sha256=f"{number:064}"),)
            yield Request(f"{number}", prompt, {"caption": f"Figure {number}. {CAPTION}"}, images=refs)

    def asked(name: str, url: str, coming: Iterator[Request]) -> Iterator[Request]:
        model = Model(description="", repo=name, family="mock")
        engine = openai.connect(model, Endpoint(base_url=url, concurrency=concurrency), image)
        with Ledger(ledger_folder(work / "replies", model)) as ledger:
            for answer in ask(engine, ledger, model, coming, Sampling()):
                yield answer.request

    calm_collector()  # as the command does
    started_s = time.perf_counter()
    coming = asked("writer", urls[0], requests())
    if chained:
        coming = asked("checker", urls[1], coming)
    return {"rows": sum(1 for _ in coming), "wall_s": time.perf_counter() - started_s}


def ask_bare(work: Path, url: str, rows: int, concurrency: int) -> dict[str, float]:
    """Send one ready request over and over and keep nothing: as fast as any client of this library can be."""
    import aiohttp

    picture = base64.b64encode((work / "0.png").read_bytes()).decode()
    content = [
        {"type": "text", "text": f"{RULES}{CAPTION}"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
    ]
    body = json.dumps({"model": "bare", "messages": [{"role": "user", "content": content}]}).encode()
    left = iter(range(rows))

    async def worker(client: aiohttp.ClientSession) -> None:
        for _ in left:
            async with client.post(f"{url}/chat/completions", data=body) as reply:
                await reply.read()

    async def all_of_them() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            await asyncio.gather(*[worker(client) for _ in range(concurrency)])

    started_s = time.perf_counter()
    asyncio.run(all_of_them())
    return {"rows": rows, "wall_s": time.perf_counter() - started_s}


# -------------------------------------------------------------------------------------- running them


@contextmanager
def mock(*, capacity: int = 0, latency_s: float = LATENCY_S) -> Iterator[str]:
    """A mock server process; gives its root URL."""
    options = ["--latency-s", f"{latency_s}", "--capacity", f"{capacity}"]
    command = [sys.executable, str(ROOT / "benchmarks" / "mock_server.py"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def stats(server: str) -> dict[str, int]:
    """What a mock server has seen."""
    with urllib.request.urlopen(f"{server}/stats", timeout=30) as answer:
        found: dict[str, int] = json.load(answer)
    return {"requests": 0, "answered": 0, "turned_away": 0, **found}


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder with the images in it."""
    with tempfile.TemporaryDirectory() as name:
        for number in range(IMAGES):
            (Path(name) / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(IMAGE_BYTES - 8))
        yield Path(name)


def command(who: str, work: Path, servers: list[str], rows: int, concurrency: int) -> list[str]:
    """The command line of an asking process."""
    urls = [f"{server}/v1" for server in servers]
    return [sys.executable, str(Path(__file__)), "--as", who, str(work), str(rows), str(concurrency), *urls]


def run(work: Path, servers: list[str], rows: int, concurrency: int, *, who: str = "ours") -> dict[str, float]:
    """One asking process: rows, seconds it asked (`wall_s`), seconds it lived (`whole_s`), CPU and peak memory."""
    started_s = time.perf_counter()
    line = command(who, work, servers, rows, concurrency)
    result = subprocess.run(line, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(result.stdout)
    return {**found, "whole_s": time.perf_counter() - started_s}


def killed_half_way(work: Path, server: str, rows: int, concurrency: int) -> int:
    """Kill a process half way, run it again; gives how many answered requests were asked twice."""
    with subprocess.Popen(command("ours", work, [server], rows, concurrency)) as process:
        while stats(server)["answered"] < rows // 2:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    run(work, [server], rows, concurrency)
    return stats(server)["repeats"]


# -------------------------------------------------------------------------------------- the table


def figures(rows: int) -> Iterator[tuple[str, str, str]]:
    """What is measured, the target and the figure."""
    for concurrency, least, many in ((64, "95 %", 4 * rows), (128, "85 %", rows), (128, "85 %", 10 * rows)):
        with workplace() as work, mock() as server:
            found = run(work, [server], many, concurrency)
            about = f"{concurrency} in flight, {many:,} requests"
            yield f"CPU per request, {about}", "≤ 1.0 ms", f"{1000 * found['cpu_s'] / many:.2f} ms"
            yield f"throughput of the limit, {about}", f"≥ {least}", throughput(found, concurrency)
            yield f"peak memory, {about}", "≤ 120 MB", f"{found['peak_mb']:.0f} MB"
            if many == rows:
                again = run(work, [server], rows, concurrency)
                yield f"second run, all {rows:,} replies kept", "≤ 1.5 s", f"{again['whole_s']:.2f} s"
        with workplace() as work, mock() as server:
            bare = run(work, [server], many, concurrency, who="bare")
            yield "throughput of a bare client, the same bytes again and again", "", throughput(bare, concurrency)
    with workplace() as work, mock() as server:
        yield "asked again after SIGKILL half way", "≤ 64", f"{killed_half_way(work, server, rows, 64)}"
    with workplace() as work, mock(capacity=16) as server:
        run(work, [server], rows, 64)
        seen = stats(server)
        yield "rows lost, 4 times overload", "0", f"{rows - seen['answered']}"
        yield "requests a row, 4 times overload", "≤ 1.5", f"{seen['requests'] / rows:.2f}"
    yield two_servers(rows // 2)


def throughput(found: dict[str, float], concurrency: int) -> str:
    """Requests a second, of those that the latency allows."""
    return f"{100 * found['rows'] / found['wall_s'] / (concurrency / LATENCY_S):.1f} %"


def two_servers(rows: int) -> tuple[str, str, str]:
    """Two servers, the second slower: both stages together against the second alone."""
    with workplace() as work, mock() as writer, mock(latency_s=1.5 * LATENCY_S) as checker:
        both = run(work, [writer, checker], rows, 64, who="chain")
    with workplace() as work, mock(latency_s=1.5 * LATENCY_S) as checker:
        alone = run(work, [checker], rows, 64)
    return "two servers, write then check, to the slower alone", "≤ 1.15", f"{both['wall_s'] / alone['wall_s']:.2f}"


def peers(rows: int) -> Iterator[tuple[str, str, str]]:
    """The same work by other packages; one that does not install or run is left out, and says why."""
    for name in PEERS:
        try:
            python = environment(name)
            with workplace() as work, mock() as server:
                command = [
                    python,
                    str(ROOT / "benchmarks" / "peers.py"),
                    name,
                    str(work),
                    str(rows),
                    "64",
                    f"{server}/v1",
                ]
                quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": {**os.environ, "HOME": str(work)}}
                done = subprocess.run(command, check=True, timeout=PEER_S, **quiet)
                found, seen = json.loads(done.stdout.splitlines()[-1]), stats(server)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
            last = ((getattr(error, "stderr", None) or b"").decode("utf-8", "replace").strip().splitlines() or [""])[-1]
            yield f"{name}: left out", "", f"{type(error).__name__} {last[:120]}"
            continue
        yield f"{name}: CPU per request, 64 in flight", "", f"{1000 * found['cpu_s'] / rows:.2f} ms"
        yield f"{name}: throughput of the limit", "", throughput({"rows": rows, **found}, 64)
        yield f"{name}: peak memory", "", f"{found['peak_mb']:.0f} MB"
        if seen["requests"] > 1.005 * rows:
            yield f"{name}: requests a row", "", f"{seen['requests'] / rows:.2f}"


def environment(name: str) -> str:
    """The Python of a package's own virtual environment, made where it is missing.

    Raises: CalledProcessError where the package does not install.
    """
    home = ROOT / ".cache" / f"bench-{name}"
    python, whole = home / "bin" / "python", home / ".installed"
    if not whole.exists():
        venv.create(home, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS[name].split()]
        subprocess.run(install, check=True, stderr=subprocess.PIPE)
        whole.touch()
    return str(python)


def asking_process(given: argparse.Namespace) -> None:
    """Be one of the asking processes."""
    who, work, rows, concurrency, *urls = given.asking
    if who == "bare":
        found = ask_bare(Path(work), urls[0], int(rows), int(concurrency))
    else:
        found = ask_ours(Path(work), urls, int(rows), int(concurrency), chained=who == "chain")
    print(json.dumps({**found, **usage()}))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests")
    parser.add_argument("--peers", action="store_true", help="other packages too")
    parser.add_argument("--as", dest="asking", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.asking:
        asking_process(given)
        return
    rows = 200 if given.quick else 2000
    print(f"{rows:,} requests; load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores\n")
    print(f"{'figure':<62} {'target':>9} {'measured':>10}")
    for name, target, measured in chain(figures(rows), peers(rows) if given.peers else ()):
        print(f"{name:<62} {target:>9} {measured:>10}", flush=True)


if __name__ == "__main__":
    main()
