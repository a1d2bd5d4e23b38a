"""What the server refuses, keeps and gives away, asked over real HTTP."""

import http.client
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from medvlsynther.review.log import Logs
from medvlsynther.store.finished import Run
from tests.review.conftest import Served, material
from tests.review.stores import lay


class Client:
    """A browser's requests without a browser."""

    def __init__(self, served: Served) -> None:
        self.host = served.url.removeprefix("http://")
        self.port = self.host.rpartition(":")[2]
        status, headers, _ = self.ask("GET", "/?token=sesame", cookie="")
        assert status == 303
        self.cookie = headers["set-cookie"].partition(";")[0]
        self.flags = headers["set-cookie"]

    def ask(
        self, method: str, path: str, body: Any = None, cookie: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=30)
        cookie = self.cookie if cookie is None else cookie
        sent = {"Host": self.host, "Cookie": cookie, "Origin": f"http://{self.host}"}
        sent |= {"Content-Type": "application/json"} if body is not None else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
        with closing(connection):
            connection.request(method, path, data, {name: value for name, value in sent.items() if value})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def get(self, path: str) -> Any:
        status, _, body = self.ask("GET", path)
        assert status == 200, body
        return orjson.loads(body)

    def post(self, path: str, body: Any) -> Any:
        status, _, found = self.ask("POST", path, body)
        assert status == 200, found
        return orjson.loads(found)

    def review(self, place: int, rater: str = "ada", decision: str = "accept", **more: Any) -> int:
        told = self.post("/api/answer", {"rater": rater, "place": place, "letter": "A", "seconds": 1.0})
        said = {"rater": rater, "place": place, "decision": decision, "seen": told["whole"]["seen"], **more}
        return self.ask("POST", "/api/decide", said)[0]


@pytest.fixture
def client(served: Served) -> Client:
    return Client(served)


def test_nothing_is_told_without_the_token(client: Client) -> None:
    for path in (
        "/",
        "/?rater=ada",
        "/api/queue?rater=ada",
        "/statistics",
        "/export/decisions.csv",
        "/static/review.js",
    ):
        assert client.ask("GET", path, cookie="")[0] == 403, path
    assert client.ask("GET", "/?token=wrong", cookie="")[0] == 403
    assert client.ask("GET", "/?token=s%C3%A9same", cookie="")[0] == 403
    assert client.ask("GET", "/api/queue?rater=ada", cookie=client.cookie + "x")[0] == 403
    assert client.ask("POST", "/?token=sesame", {}, cookie="")[0] == 403


def test_the_cookie_stays_with_this_site(client: Client) -> None:
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in client.flags.split(";")}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1:1", "localhost.evil.example", ""])
def test_another_host_is_refused(client: Client, host: str) -> None:
    assert client.ask("GET", "/api/queue?rater=ada", Host=host or "x")[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "https://127.0.0.1"])
def test_posts_of_other_sites_are_refused(client: Client, origin: str) -> None:
    body = {"rater": "ada", "place": 0, "letter": "A"}
    assert client.ask("POST", "/api/answer", body, Origin=origin)[0] == 403
    assert client.ask("POST", "/api/answer", body, Content_Type="text/plain")[0] == 415
    assert client.ask("POST", "/api/answer", b"x" * (2 << 20))[0] == 413


@pytest.mark.parametrize(
    "path",
    [
        "/image/..%2f..%2fsteps%2flint-0%2fitems.parquet",
        "/image/../../../../etc/passwd",
        "/image/" + "0" * 64,
        "/image/" + "A" * 64,
        "/image/" + "0" * 63 + "*",
        "/static/..%2freview%2freview.js",
        "/static/review.html.jinja",
        "/export/decisions.exe",
        "/api/item/99999?rater=ada",
        "/api/item/-1?rater=ada",
        "/api/pair/99?rater=ada",
    ],
)
def test_paths_that_lead_elsewhere_are_not_found(client: Client, path: str) -> None:
    assert client.ask("GET", path)[0] == 404


@pytest.mark.parametrize("name", ["../ada", "a/b", ".hidden", "", "a" * 41, "<b>", "con\x00"])
def test_names_that_are_no_file_names_are_refused(client: Client, served: Served, name: str) -> None:
    assert client.ask("POST", "/api/answer", {"rater": name, "place": 0, "letter": "A"})[0] == 400
    assert not served.logs.exists()


def test_every_answer_carries_the_policy(client: Client) -> None:
    queue = client.get("/api/queue?rater=ada")
    item = client.get(f"/api/item/{queue['places'][0]}?rater=ada")
    for path in (
        "/?rater=ada",
        "/statistics",
        f"/image/{item['images'][0]['sha256']}",
        "/nowhere",
        "/api/item/9999?rater=a",
    ):
        _, headers, _ = client.ask("GET", path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in client.ask("GET", "/?rater=ada")[1]["content-security-policy"]


def test_the_key_is_not_told_before_the_answer(client: Client) -> None:
    (place, *_) = client.get("/api/queue?rater=ada")["places"]
    before = client.get(f"/api/item/{place}?rater=ada")
    assert before["whole"] is None
    assert not {"answer", "key", "caption", "rubric"} & set(before)
    assert all(not option["spans"] for option in before["options"])
    told = client.post("/api/answer", {"rater": "ada", "place": place, "letter": "A", "seconds": 2.5})
    assert told["whole"]["key"]
    assert client.get(f"/api/item/{place}?rater=grace")["whole"] is None


def test_the_first_answer_counts(client: Client, served: Served) -> None:
    for letter in ("A", "B"):
        client.post("/api/answer", {"rater": "ada", "place": 0, "letter": letter, "seconds": 1})
    (entry,) = Logs(served.logs).sheet("ada").answers.values()
    assert entry.letter == "A"


def test_decisions_that_say_nothing_sound_are_refused(client: Client) -> None:
    assert client.review(0, decision="edit") == 422
    draft = {"question": "Q?", "options": ["a", ""], "key": "A"}
    assert client.review(0, decision="edit", draft=draft) == 422
    assert client.review(0, decision="edit", draft={**draft, "options": ["a", "b"], "key": "C"}) == 422
    assert client.review(0, tags=["../x"]) == 422
    assert client.review(0, seen="0" * 16) == 409
    assert client.ask("POST", "/api/decide", b"{")[0] == 422
    assert client.ask("POST", "/api/decide", {"rater": "ada", "extra": 1})[0] == 422


def test_decisions_leave_as_files(client: Client) -> None:
    assert client.review(0, decision="reject", tags=["wrong_key"], note="=1+1") == 200
    rows = [orjson.loads(line) for line in client.ask("GET", "/export/decisions.jsonl")[2].splitlines()]
    assert [(row["decision"], row["note"]) for row in rows] == [("reject", "=1+1")]
    assert b"'=1+1" in client.ask("GET", "/export/decisions.csv")[2]
    assert client.ask("GET", "/export/decisions.parquet")[2][:4] == b"PAR1"


def test_a_changed_text_is_linted_before_it_is_saved(client: Client) -> None:
    draft = {"question": "What does the caption say?", "options": ["a", "b"], "key": "A"}
    told = client.post("/api/lint", {"place": 0, "draft": draft})
    assert "LEAK1" in {note["rule"] for note in told["notes"]}
    assert told["sound"]
    assert {sign for sign, _ in told["difference"]} == {"=", "-", "+"}


@pytest.mark.parametrize("after", [1, 25, 70])
def test_killed_while_saving_no_acknowledged_decision_is_lost(
    tmp_path: Path, serving: Callable[[Run], Served], after: int
) -> None:
    """Three people decide at once; the server dies once so many decisions were acknowledged."""
    run = lay(material(tmp_path, 30))
    served = serving(run)
    client = Client(served)
    total = client.get("/api/queue?rater=ada")["total"]
    names = [client.get(f"/api/item/{place}?rater=ada")["item_id"] for place in range(total)]
    acknowledged: set[tuple[str, str]] = set()
    enough = threading.Event()

    def work(rater: str) -> None:
        for place, name in enumerate(names):
            try:
                status = client.review(place, rater)
            except (OSError, http.client.HTTPException):
                return
            assert status == 200
            acknowledged.add((rater, name))
            if len(acknowledged) >= after:
                enough.set()

    with ThreadPoolExecutor(3) as people:
        working = [people.submit(work, rater) for rater in ("ada", "grace", "rosalind")]
        assert enough.wait(120)
        served.kill()
    for person in working:
        person.result()
    assert len(acknowledged) >= after
    assert acknowledged <= {(d.rater, d.item_id) for d in Logs(served.logs).decisions()}

    log = served.logs / "ada.jsonl"
    before = log.read_bytes() if log.exists() else b""
    log.write_bytes(before + b'{"kind":"decision","item_')
    again = Client(serving(run))
    assert again.review(total - 1, "ada") == 200
    assert acknowledged <= {(d.rater, d.item_id) for d in Logs(served.logs).decisions()}
    assert log.read_bytes().startswith(before)
    _, _, page = again.ask("GET", "/?rater=ada")
    assert b"Lines in the log of ada that cannot be read, cut short or spoilt: 1." in page


def test_answers_come_while_the_linter_still_warms_up(tmp_path: Path, serving: Callable[[Run], Served]) -> None:
    """Whoever asks a server that has just begun, and however many at once: the same lint as ever."""
    run = lay(material(tmp_path, 3))
    seen: list[Any] = []
    for _ in range(3):
        client = Client(serving(run))

        def asked(rater: str, client: Client = client) -> Any:
            return client.post("/api/answer", {"rater": rater, "place": 1, "letter": "A"})["whole"]["notes"]

        with ThreadPoolExecutor(4) as people:
            seen += people.map(asked, ("ada", "grace", "rosalind", "tu"))
    assert all(notes == seen[0] for notes in seen)


def test_an_undo_names_what_it_took_back(client: Client, served: Served) -> None:
    for place in (0, 1):
        assert client.review(place) == 200
    assert client.post("/api/undo", {"rater": "ada"}) == {"kind": "decision", "place": 1}
    assert client.post("/api/undo", {"rater": "ada"}) == {"kind": "decision", "place": 0}
    assert client.post("/api/undo", {"rater": "ada"}) == {"kind": None}
    assert client.get("/api/queue?rater=ada")["done"] == []
    kinds = [orjson.loads(line)["kind"] for line in (served.logs / "ada.jsonl").read_bytes().splitlines()]
    assert kinds == ["answer", "decision", "answer", "decision", "undo", "undo"]


def test_huge_texts_are_cut_and_the_page_says_so(tmp_path: Path, serving: Callable[[Run], Served]) -> None:
    made = material(tmp_path, 2)
    made.figures = [f.model_copy(update={"caption": "x" * 2_000_000}) for f in made.figures]
    client = Client(serving(lay(made)))
    told = client.post("/api/answer", {"rater": "ada", "place": 0, "letter": "A"})["whole"]["caption"]
    assert (len(told["text"]), told["cut"]) == (100_000, True)
    body = {"rater": "ada", "place": 0, "decision": "accept", "seen": "", "note": "x" * 20_001}
    assert client.ask("POST", "/api/decide", body)[0] == 422
    assert client.ask("GET", "/api/queue?rater=ada&search=" + "x" * 50_000)[0] in (200, 400, 414)
