"""Fetching from a bucket on this machine that imitates the real one's listing, objects and bad days."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from medvlsynther.errors import EngineRefused, MissingInput, StoreTrouble
from medvlsynther.records import Article
from medvlsynther.rules.licence import Policy
from medvlsynther.sources import pmc
from medvlsynther.sources._fetch import Fetched, fetch_pmc, read_ids
from tests.sources.material import CC_BY, article, figure, xref

IMAGE = bytes(range(256)) * 4000


class Bucket(ThreadingHTTPServer):
    """Objects by key, a listing two names a page, and faults to order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = {}
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def publish(
        self, name: str = "PMC77.1", *, licence: str = CC_BY, metadata: Mapping[str, object] = MappingProxyType({})
    ) -> None:
        """An article with one figure, as the bucket lays it out."""
        text = article(f"<p>See {xref('f1', 'Fig. 1')}.</p>{figure(1, graphic='f 1.jpg')}", licence=licence)
        files = {f"{name}/{name}.xml": text.encode(), f"{name}/f 1.jpg": IMAGE, f"{name}/data.zip": b"zip"}
        address = {
            key: f"s3://pmc-oa-opendata/{key}?md5={hashlib.md5(data, usedforsecurity=False).hexdigest()}"
            for key, data in files.items()
        }
        stated = {
            "pmcid": name.partition(".")[0], "version": int(name.partition(".")[2]), "license_code": "CC BY",
            "is_pmc_openaccess": True, "is_retracted": False, "xml_url": address[f"{name}/{name}.xml"],
            "media_urls": [address[f"{name}/f 1.jpg"], address[f"{name}/data.zip"], "s3://other/../../etc/passwd.jpg"],
        }  # fmt: skip
        self.objects |= files | {f"metadata/{name}.json": json.dumps({**stated, **metadata}).encode()}


class Handler(BaseHTTPRequestHandler):
    server: Bucket

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        key = unquote(parts.path).lstrip("/")
        self.server.asked[key or "listing"] += 1
        fault = (self.server.faults.get(key or "listing") or [""]).pop(0)
        if fault.isdecimal():
            self._answer(int(fault), b"", {"Retry-After": "0"})
        elif not key:
            self._list({name: values[0] for name, values in parse_qs(parts.query).items()})
        elif key not in self.server.objects:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._send(self.server.objects[key], fault)

    def _list(self, query: dict[str, str]) -> None:
        prefix = query["prefix"]
        names = sorted({key.partition("/")[0] + "/" for key in self.server.objects if key.startswith(prefix)})
        start = int(query.get("continuation-token", "0"))
        groups = "".join(
            f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>" for name in names[start : start + 2]
        )
        more = f"<NextContinuationToken>{start + 2}</NextContinuationToken>" if start + 2 < len(names) else ""
        text = f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{groups}{more}</ListBucketResult>'
        self._answer(200, text.encode())

    def _send(self, data: bytes, fault: str) -> None:
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        if asked:
            self.server.ranges.append(asked)
        if start >= len(data) > 0 and asked:
            self._answer(416, b"")
        elif fault == "cut":
            self._answer(206 if asked else 200, data[start:][: len(data) // 2], length=len(data) - start)
        else:
            self._answer(206 if asked else 200, b"?" * len(data) if fault == "garble" else data[start:])

    def _answer(
        self, status: int, data: bytes, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(
    bucket: Bucket, target: Path, *ids: str, dry_run: bool = False, policy: Policy | None = None
) -> list[Fetched]:
    return fetch_pmc(ids, target, policy=policy, dry_run=dry_run, base_url=bucket.url, attempts=3, pause_s=0.001)


def test_an_article_comes_in_the_layout_that_the_source_reads(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish()
    (result,) = fetch(bucket, tmp_path, "PMC77")
    assert (result.id, result.outcome, result.files) == ("PMC77.1", "fetched", 3)
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["PMC77.1", "PMC77.1.json", "PMC77.1.xml", "f 1.jpg"]
    (found,) = (read for shard in pmc.shards(tmp_path) for read in pmc.read(tmp_path, shard, "c", Policy()))
    assert isinstance(found, Article)
    assert [image.name for image in found.figures[0].images] == ["f 1.jpg"]


def test_the_highest_version_is_taken_unless_one_is_named(bucket: Bucket, tmp_path: Path) -> None:
    for version in (1, 2, 9, 10):
        bucket.publish(f"PMC77.{version}")
    bucket.publish("PMC771.40")
    assert [result.id for result in fetch(bucket, tmp_path, "PMC77", "pmc77.2")] == ["PMC77.10", "PMC77.2"]


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"license_code": "CC BY-NC"}, "licence_refused"),
        ({"license_code": None}, "licence_quarantined"),
        ({"license_code": None, "is_pmc_openaccess": False}, "licence_refused"),
        ({"is_retracted": True}, "retracted"),
        ({"is_historical_ocr": True}, "historical_ocr"),
    ],
)
def test_the_gate_stands_before_the_article(
    bucket: Bucket, tmp_path: Path, metadata: dict[str, object], reason: str
) -> None:
    bucket.publish(metadata=metadata)
    (result,) = fetch(bucket, tmp_path, "PMC77")
    assert (result.outcome, result.reason) == ("refused", reason)
    assert set(bucket.asked) == {"listing", "metadata/PMC77.1.json"}
    assert not list(tmp_path.iterdir())


def test_an_xml_that_says_otherwise_stops_before_the_images(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish(licence=CC_BY.replace("/by/", "/by-nc/"))
    assert [(each.outcome, each.reason) for each in fetch(bucket, tmp_path, "PMC77")] == [
        ("refused", "licence_quarantined")
    ]
    assert "PMC77.1/f 1.jpg" not in bucket.asked


def test_a_dry_run_writes_nothing(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish()
    assert [(each.outcome, each.files) for each in fetch(bucket, tmp_path, "PMC77", dry_run=True)] == [("planned", 3)]
    assert not list(tmp_path.iterdir())


def test_a_second_run_fetches_nothing_and_mends_what_was_damaged(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish()
    fetch(bucket, tmp_path, "PMC77")
    assert [(each.outcome, each.size_bytes) for each in fetch(bucket, tmp_path, "PMC77")] == [("present", 0)]
    assert bucket.asked["PMC77.1/f 1.jpg"] == 1
    (tmp_path / "PMC77.1" / "f 1.jpg").write_bytes(b"rotten")
    assert [each.size_bytes for each in fetch(bucket, tmp_path, "PMC77")] == [len(IMAGE)]


def test_a_cut_download_is_continued_where_it_stopped(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish()
    bucket.faults["PMC77.1/f 1.jpg"] = ["cut"]
    assert fetch(bucket, tmp_path, "PMC77")[0].outcome == "fetched"
    assert (tmp_path / "PMC77.1" / "f 1.jpg").read_bytes() == IMAGE
    assert bucket.ranges == [f"bytes={len(IMAGE) // 2}-"]


def test_what_an_interrupted_run_left_is_used(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish()
    (tmp_path / "PMC77.1").mkdir()
    (tmp_path / "PMC77.1" / "f 1.jpg.part").write_bytes(IMAGE[:1000])
    (tmp_path / "PMC77.1" / "PMC77.1.xml.part").write_bytes(b"x" * 100_000)
    assert fetch(bucket, tmp_path, "PMC77")[0].outcome == "fetched"
    assert (tmp_path / "PMC77.1" / "f 1.jpg").read_bytes() == IMAGE
    assert "bytes=1000-" in bucket.ranges


def test_a_wrong_digest_is_tried_again_and_then_named(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish()
    bucket.faults["PMC77.1/f 1.jpg"] = ["garble"]
    assert fetch(bucket, tmp_path / "a", "PMC77")[0].outcome == "fetched"
    bucket.faults["PMC77.1/f 1.jpg"] = ["garble"] * 9
    (result,) = fetch(bucket, tmp_path / "b", "PMC77")
    assert (result.outcome, result.reason) == ("failed", "md5_mismatch")
    assert not (tmp_path / "b" / "PMC77.1" / "f 1.jpg").exists()


def test_bad_days_of_the_server_are_waited_out(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish()
    bucket.faults = {"listing": ["503"], "metadata/PMC77.1.json": ["429", "500"], "PMC77.1/PMC77.1.xml": ["502"]}
    assert fetch(bucket, tmp_path, "PMC77")[0].outcome == "fetched"


def test_one_bad_article_among_good_ones_is_an_outcome(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish()
    bucket.publish("PMC78.1")
    bucket.publish("PMC79.1")
    bucket.objects["metadata/PMC78.1.json"] = b"{"
    del bucket.objects["PMC79.1/f 1.jpg"]
    seen: list[tuple[int, int]] = []
    results = fetch_pmc(
        ["PMC5", "nonsense", "PMC78", "PMC79", "PMC77", "PMC77"],
        tmp_path,
        base_url=bucket.url,
        pause_s=0.001,
        progress=lambda done, total, _: seen.append((done, total)),
    )
    assert [each.reason for each in results] == ["absent", "not_a_pmcid", "metadata_unreadable", "absent", ""]
    assert [each.outcome for each in results] == ["failed"] * 4 + ["fetched"]
    assert seen == [(n, 5) for n in range(1, 6)]


def test_a_server_that_is_not_there_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match="does not answer"):
        fetch_pmc(["PMC1", "PMC2"], tmp_path, base_url="http://127.0.0.1:9", attempts=2, pause_s=0.001)


def test_a_disk_that_takes_nothing_is_a_users_error(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish()
    (tmp_path / "PMC77.1").write_text("a file where the folder should be")
    with pytest.raises(StoreTrouble):
        fetch(bucket, tmp_path, "PMC77")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("PMC1\nPMC22\n\nPMC1\n", ["PMC1", "PMC22"]),
        ("File,Accession ID\na/PMC33.tar.gz,PMC33\nb,pmc44.2\n", ["PMC33", "PMC44.2"]),
        ("12\n34\n", ["PMC12", "PMC34"]),
        ('{"esearchresult": {"idlist": ["PMC5", "PMC6"]}}', ["PMC5", "PMC6"]),
    ],
)
def test_ids_are_read_out_of_lists_and_saved_searches(tmp_path: Path, text: str, ids: list[str]) -> None:
    (tmp_path / "ids.txt").write_text(text)
    assert read_ids(tmp_path / "ids.txt") == ids


def test_a_file_without_ids_is_a_users_error(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("nothing here")
    for name in ("ids.txt", "gone.txt"):
        with pytest.raises(MissingInput):
            read_ids(tmp_path / name)
