"""Replicas on a Ray cluster: the same replies as from one process, whichever replica gives them, and whichever dies."""

import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.engines import _asking, openai, ray
from medvlsynther.engines._replicas import REPLICAS, Wish
from medvlsynther.engines.base import Endpoint, Failure, Reply, Request
from medvlsynther.errors import ClusterTrouble, EngineRefused, InputError
from medvlsynther.executors.cluster import Wanted
from medvlsynther.records import ImageRef
from medvlsynther.store.images import ImageStore
from medvlsynther.store.ledger import Ledger
from tests.clusters import processes
from tests.simulated_server import serving

pytestmark = pytest.mark.slow

MODEL = Model(description="d", repo="simulated", family="simulated")
PROMPT = Prompt(description="d", task="write", system="You write.", request="Ask about {{ caption }}.")
SCHEMA = {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]}


@pytest.fixture
def server() -> Iterator[int]:
    with serving() as port:
        yield port


@pytest.fixture
def images(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


class Sight:
    """Images that are seen in this process alone."""

    def __init__(self, images: ImageStore) -> None:
        self._images = images
        self._process = os.getpid()

    def read(self, sha256: str) -> bytes:
        """As a node without the store would read them."""
        if os.getpid() != self._process:
            raise InputError("image_missing", sha256)
        return self._images.read(sha256)


@pytest.fixture(autouse=True)
def _no_replica_stays() -> Iterator[None]:
    yield
    REPLICAS.clear()


def endpoint(server: int, wanted: Wanted | None = None, **more: Any) -> Endpoint:
    given: dict[str, Any] = {"replicas": 2, "concurrency": 8, "cluster": wanted} | more
    return Endpoint(base_url=f"http://127.0.0.1:{server}/v1", **given)


def requests(count: int, images: ImageStore) -> Iterator[Request]:
    for number in range(count):
        digest = images.put(b"\x89PNG\r\n" + number.to_bytes(2, "big") * 100)
        refs = (ImageRef(name="a.png", sha256=digest),)
        yield Request(f"row{number}", PROMPT, {"caption": f"case {number}"}, images=refs, schema=SCHEMA)


def texts(answers: Iterator[Reply | Failure]) -> list[str]:
    return [answer.text if isinstance(answer, Reply) else answer.reason for answer in answers]


def asked(server: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{server}/order") as reply:
        return len(json.load(reply))


def kill_one(server: int, after: int, nodes: Any) -> None:
    while asked(server) < after:
        time.sleep(0.05)
    found = [pid for node in (nodes.head_node, *nodes.worker_nodes) for pid in processes(node, b"ray::Replica")]
    os.kill(found[0], signal.SIGKILL)


def test_a_killed_replica_changes_nothing_and_only_what_was_in_flight_is_asked_again(
    server: int, wanted: Wanted, nodes: Any, images: ImageStore, tmp_path: Path
) -> None:
    alone = openai.connect(MODEL, endpoint(server), images.read)
    expected = texts(_asking.ask(alone, None, MODEL, requests(300, images), Sampling()))
    before = asked(server)
    killer = threading.Thread(target=kill_one, args=(server, before + 60, nodes), daemon=True)
    killer.start()
    with Ledger(tmp_path / "ledger") as ledger:
        spread = ray.connect(MODEL, endpoint(server, wanted), images.read)
        found = texts(_asking.ask(spread, ledger, MODEL, requests(300, images), Sampling()))
        killer.join()
        assert found == expected
        assert len(set(found)) == 300
        assert len(ledger) == 300
        # a probe a replica, and again by the one started anew; and what was in flight at the one that died
        assert asked(server) - before <= 300 + 3 + 4
    assert len(list((tmp_path / "ledger").iterdir())) == 1, "one writer"
    before = asked(server)
    with Ledger(tmp_path / "ledger") as ledger:
        assert texts(_asking.ask(spread, ledger, MODEL, requests(300, images), Sampling())) == expected
    assert asked(server) == before


def test_images_that_only_this_process_sees_stop_the_run(server: int, wanted: Wanted, images: ImageStore) -> None:
    rows = list(requests(2, images))
    missing = Request("none", PROMPT, {"caption": "x"}, images=(ImageRef(name="a.png", sha256="0" * 64),))
    spread = ray.connect(MODEL, endpoint(server, wanted), images.read)
    assert texts(_asking.ask(spread, None, MODEL, [missing], Sampling())) == ["image_missing"]
    blind = Sight(images)
    elsewhere = ray.connect(MODEL, endpoint(server, wanted), blind.read)
    with pytest.raises(EngineRefused, match="does not see the images of the store"):
        texts(_asking.ask(elsewhere, None, MODEL, rows, Sampling()))


def test_servers_that_are_not_there_are_named(wanted: Wanted, images: ImageStore) -> None:
    spread = ray.connect(MODEL, endpoint(9, wanted), images.read)
    with pytest.raises(EngineRefused, match=r"127\.0\.0\.1:9"):
        texts(_asking.ask(spread, None, MODEL, requests(3, images), Sampling()))


def test_a_cluster_that_is_not_there_stops_the_run(server: int, images: ImageStore) -> None:
    nowhere = Wanted(address="127.0.0.1:9", timeout_s=2)
    spread = ray.connect(MODEL, endpoint(server, nowhere), images.read)
    with pytest.raises(ClusterTrouble, match="No Ray cluster can be had"):
        texts(_asking.ask(spread, None, MODEL, requests(3, images), Sampling()))


def test_limits_are_divided_among_replicas(images: ImageStore) -> None:
    share = Wish.of(MODEL, endpoint(1, replicas=3, requests_per_minute=90, tokens_per_minute=300), images.read).share
    assert (share.concurrency, share.requests_per_minute, share.tokens_per_minute) == (3, 30, 100)
