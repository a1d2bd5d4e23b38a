"""Closed choices: how a server is held to them, how likely each label was, and what is left where nobody tells."""

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.cards import Sampling
from medvlsynther.engines import _asking
from medvlsynther.engines._labels import beginnings, chances, spellings
from medvlsynther.engines._servers import KINDS
from medvlsynther.engines._wires import wire
from medvlsynther.engines.base import Failure, Reply, ledger_key
from medvlsynther.errors import BadSetting
from medvlsynther.store.ledger import Ledger
from tests.engines.conftest import MODEL, MockServer, connect, requests
from tests.engines.test_protocols import question

LABELS = ("yes", "no")
WORDS = {"yes": math.log(0.6), " Yes": math.log(0.15), "No": math.log(0.05), "The": math.log(0.2)}


def asked(mock: MockServer, ledger: Ledger | None = None) -> Reply | Failure:
    (answer,) = _asking.ask(connect(mock), ledger, MODEL, requests(1, labels=LABELS), Sampling())
    return answer


@given(st.lists(st.tuples(st.text(max_size=4), st.floats(0, 1)), max_size=20))
def test_chances_add_up_or_are_none(first: list[tuple[str, float]]) -> None:
    found = chances(first, LABELS)
    assert not found or (set(found) == set(LABELS) and math.isclose(sum(found.values()), 1.0))


def test_every_way_to_begin_a_label_counts_for_it_and_nothing_else_does() -> None:
    first = [("yes", 0.3), ("\u2581Yes", 0.1), ('"y', 0.1), ("NO", 0.1), ("", 0.2), ("maybe", 0.2), ("yesterday", 0.1)]
    assert chances(first, LABELS) == pytest.approx({"yes": 0.5 / 0.6, "no": 0.1 / 0.6})
    assert chances([("n", 1.0)], ("no", "none")) == {}, "a beginning of both tells nothing"
    assert chances([("The", 1.0)], LABELS) == {}
    article = [("a", 0.5), (" A", 0.1), ("(B", 0.1)]
    assert chances(article, ("A", "B")) == {"A": 0.5, "B": 0.5}, "an article is no letter"


def test_a_token_that_begins_two_labels_belongs_to_neither() -> None:
    ways = [way for label in LABELS for way in spellings(label)]
    ids = {way: number for number, way in enumerate(ways, start=10)} | {"YES": 7, "NO": 7}
    found = beginnings(LABELS, ids)
    assert 7 not in found["yes"] + found["no"]
    assert not set(found["yes"]) & set(found["no"])
    with pytest.raises(BadSetting, match="another label"):
        beginnings(LABELS, dict.fromkeys(ways, 1))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("vllm", "structured_outputs", {"choice": ["yes", "no"]}),
        ("sglang", "regex", "(yes|no)"),
        ("llamacpp", "grammar", 'root ::= "yes" | "no"'),
    ],
)
def test_each_kind_of_server_is_held_to_the_labels_in_its_own_way(kind: str, field: str, value: object) -> None:
    body = wire("openai").body(question(labels=LABELS, schema=None), KINDS[kind])
    assert body[field] == value
    assert (body["logprobs"], body["top_logprobs"]) == (True, 20)


def test_servers_without_a_way_are_asked_for_the_words_alone() -> None:
    body = wire("openai").body(question(labels=LABELS, schema=None), KINDS["other"])
    assert not {"structured_outputs", "regex", "grammar"} & set(body)
    config = wire("gemini").body(question(labels=LABELS, schema=None), KINDS["gemini"])["generationConfig"]
    assert config["responseLogprobs"] is True
    assert "logprobs" not in orjson.dumps(wire("anthropic").body(question(labels=LABELS), KINDS["anthropic"])).decode()


@pytest.mark.parametrize(
    ("protocol", "payload"),
    [
        ("openai", {"token": "yes", "top_logprobs": [{"token": "yes", "logprob": math.log(0.75)}]}),
        ("openai", {"token": "yes", "top_probs": [{"token": "yes", "prob": 0.75}]}),
        ("openai", {"token": "yes", "logprob": math.log(0.75), "top_logprobs": []}),
        ("gemini", {"candidates": [{"token": "yes", "logProbability": math.log(0.75)}]}),
    ],
)
def test_probabilities_are_read_however_they_are_told(protocol: str, payload: dict[str, Any]) -> None:
    whole: dict[str, Any] = {"choices": [{"message": {"content": "yes"}, "logprobs": {"content": [payload]}}]}
    if protocol == "gemini":
        part = {"content": {"parts": [{"text": "yes"}]}, "logprobsResult": {"topCandidates": [payload]}}
        whole = {"candidates": [part]}
    ((word, probability),) = wire(protocol).read(whole).first
    assert word == "yes"
    assert probability == pytest.approx(0.75)


@pytest.mark.parametrize("odd", [None, [], [None], [{}], [{"token": 3, "top_logprobs": "x"}], {"token": "yes"}])
def test_odd_logprobs_tell_nothing(odd: object) -> None:
    payload = {"choices": [{"message": {"content": "yes"}, "logprobs": {"content": odd}}]}
    assert wire("openai").read(payload).first == ()


def test_chances_come_with_the_reply_and_are_kept(mock: MockServer, tmp_path: Any) -> None:
    mock.control(words=WORDS, reply="yes")
    with Ledger(tmp_path) as ledger:
        reply = asked(mock, ledger)
        assert isinstance(reply, Reply)
        assert reply.chances == pytest.approx({"yes": 0.9375, "no": 0.0625})
        again = asked(mock, ledger)
    assert isinstance(again, Reply)
    assert again.chances == reply.chances
    assert mock.stats()["requests"] == 1
    assert mock.stats()["max_tokens"] == 8, "a label takes no more"


def test_a_server_that_refuses_to_tell_is_asked_for_the_word(mock: MockServer) -> None:
    mock.control(words=None, reply="no")
    engine = connect(mock, concurrency=1)
    answers = list(_asking.ask(engine, None, MODEL, requests(5, labels=LABELS), Sampling()))
    assert [answer.text for answer in answers if isinstance(answer, Reply)] == ["no"] * 5
    assert mock.stats()["requests"] == 6, "it is found out once"


def test_a_cut_label_is_no_truncated_reply(mock: MockServer) -> None:
    mock.control(plan=["length"], reply="No, because")
    reply = asked(mock)
    assert isinstance(reply, Reply)
    assert (reply.finish, reply.text) == ("length", "No, because")


def test_labels_and_fixed_budgets_have_keys_of_their_own_and_others_keep_theirs() -> None:
    (plain,), (labelled,) = requests(1), requests(1, labels=LABELS)
    keys = [ledger_key(plain, MODEL, Sampling()), ledger_key(labelled, MODEL, Sampling())]
    keys.append(ledger_key(plain, MODEL, Sampling(extend=False)))
    assert len(set(keys)) == 3
    assert keys[0] == "46fa6a702c53b99f", "replies that were paid for keep their keys"


def test_a_fixed_budget_keeps_what_it_cut(mock: MockServer, tmp_path: Any) -> None:
    mock.control(plan=["length"], cycle=True)
    with Ledger(tmp_path) as ledger:
        for _ in range(2):
            rows = requests(3)
            answers = list(_asking.ask(connect(mock), ledger, MODEL, rows, Sampling(max_tokens=9, extend=False)))
            assert [(a.finish, a.text) for a in answers if isinstance(a, Reply)] == [("length", "A mock reply.")] * 3
    assert mock.stats()["requests"] == 3
    assert mock.stats()["max_tokens"] == 9
