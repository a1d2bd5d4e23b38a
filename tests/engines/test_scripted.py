"""The scripted engine: a function's answers, and whatever else a function may do."""

import pytest

from medvlsynther.cards import Sampling
from medvlsynther.engines import scripted
from medvlsynther.engines._asking import ask
from medvlsynther.engines.base import Endpoint, Failure, Reply, ReplyError, Request, Usage
from medvlsynther.errors import BadSetting, StoreTrouble
from tests.engines.conftest import MODEL, image, requests

HERE = "tests.engines.test_scripted"


def caption(request: Request) -> str:
    return f"It says {request.slots['caption']!r}\ud800"


def counted(request: Request) -> Reply:
    other = next(requests(1))
    return Reply(other, text="counted", usage=Usage(1, 2, 3, 4))


def by_turns(request: Request) -> str:
    if request.id == "row1":
        raise ReplyError("no_idea", "really")
    if request.id == "row2":
        raise ZeroDivisionError("oops")
    return 7 if request.id == "row3" else "fine"  # type: ignore[return-value]


def full(request: Request) -> str:
    raise StoreTrouble("full")


def answers(name: str, count: int = 4) -> list[Reply | Failure]:
    engine = scripted.connect(MODEL, Endpoint(function=f"{HERE}:{name}"), image)
    return list(ask(engine, None, MODEL, requests(count), Sampling()))


def test_the_function_answers_from_the_request() -> None:
    assert [a.text for a in answers("caption") if isinstance(a, Reply)] == [f"It says 'Caption {n}'?" for n in range(4)]


def test_a_whole_reply_is_taken_and_addressed() -> None:
    found = answers("counted")
    assert [answer.request.id for answer in found] == ["row0", "row1", "row2", "row3"]
    assert all(isinstance(answer, Reply) and answer.usage == Usage(1, 2, 3, 4) for answer in found)


def test_whatever_goes_wrong_in_it_ends_one_row() -> None:
    found = answers("by_turns", 5)
    assert [answer.reason if isinstance(answer, Failure) else "fine" for answer in found] == [
        "fine",
        "no_idea",
        "function_failed",
        "function_failed",
        "fine",
    ]
    assert isinstance(found[2], Failure)
    assert found[2].detail == "ZeroDivisionError: oops"


def test_the_houses_own_errors_stop_the_run() -> None:
    with pytest.raises(StoreTrouble, match="full"):
        answers("full")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (None, "None names no function"),
        ("caption", "'caption' names no function"),
        ("no.such.module:f", "No module for"),
        (f"{HERE}:nobody", "No function 'nobody'"),
        (f"{HERE}:HERE", "No function 'HERE'"),
        (":f", "names no function"),
    ],
)
def test_a_function_that_is_not_there_is_told(function: str | None, words: str) -> None:
    with pytest.raises(BadSetting, match=f"{words}.*package.module:name"):
        scripted.connect(MODEL, Endpoint(function=function), image)
