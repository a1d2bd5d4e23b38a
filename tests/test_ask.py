"""One question to one model: graded, with its thoughts, asked once; what cannot be asked is named."""

import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from medvlsynther.ask import ask
from medvlsynther.engines.base import Endpoint, Reply, ReplyError, Request
from medvlsynther.errors import BadSetting, MissingInput, UnknownName
from medvlsynther.pipeline.site import Site
from tests.test_cli import medvlsynther

CALLS: list[Request] = []


def picture() -> bytes:
    data = io.BytesIO()
    Image.radial_gradient("L").save(data, "PNG")
    return data.getvalue()


def site(folder: Path, reply: Any) -> Site:
    module = ModuleType("asked_answers")

    def answer(request: Request) -> str | Reply:
        CALLS.append(request)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, str) else Reply(request, **reply)

    module.answer = answer  # type: ignore[attr-defined]
    sys.modules["asked_answers"] = module
    endpoint = Endpoint(engine="scripted", function="asked_answers:answer")
    return Site(store=str(folder / "store"), models={"*": endpoint})


@pytest.mark.parametrize(
    "options", [["Liver", "Spleen"], "Liver|Spleen", '["Liver", "Spleen"]', {"A": "Liver", "B": "Spleen"}]
)
@pytest.mark.parametrize("answer", ["B", "b", "spleen"])
def test_an_answer_is_graded_with_its_thoughts(tmp_path: Path, options: Any, answer: str) -> None:
    where = site(tmp_path, "<think>It lies left.</think><answer>B</answer>")
    asked = ask([picture()], "Which organ?", options, model="qwen2.5-vl-7b", answer=answer, site=where)
    assert (asked.letter, asked.chosen, asked.correct, asked.thoughts) == ("B", "Spleen", True, "It lies left.")


def test_without_a_key_nothing_is_right_or_wrong(tmp_path: Path) -> None:
    asked = ask([], "Which organ?", "Liver|Spleen", model="glm-4.5v", site=site(tmp_path, "I cannot tell."))
    assert (asked.letter, asked.reason, asked.correct) == (None, "refused", None)


def test_thoughts_given_apart_and_replies_cut_off_are_told(tmp_path: Path) -> None:
    where = site(tmp_path, {"text": "", "reasoning": "Perhaps the", "finish": "length"})
    asked = ask([picture()], "Which organ?", "Liver|Spleen", model="glm-4.5v", answer="A", site=where)
    assert (asked.thoughts, asked.finish, asked.reason, asked.correct) == ("Perhaps the", "length", "truncated", False)


def test_the_same_question_is_asked_once(tmp_path: Path) -> None:
    CALLS.clear()
    where = site(tmp_path, "A")
    path = tmp_path / "scan.png"
    path.write_bytes(picture())
    for images in ([path], [str(path)], [picture()]):
        assert ask(images, "Which organ?", "Liver|Spleen", model="glm-4.5v", site=where).letter == "A"
    assert len(CALLS) == 1
    assert CALLS[0].images[0].sha256


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (MissingInput, {"images": ["nothing.png"]}),
        (BadSetting, {"images": [b"no image"]}),
        (BadSetting, {"options": "Liver"}),
        (BadSetting, {"options": "[1, {}]"}),
        (BadSetting, {"options": "|".join("abcdefghijk")}),
        (BadSetting, {"answer": "Kidney"}),
        (UnknownName, {"model": "no-such-model"}),
        (UnknownName, {"prompt": "no-such-prompt"}),
    ],
)
def test_what_cannot_be_asked_is_named(tmp_path: Path, error: type[Exception], changes: dict[str, Any]) -> None:
    given = {"images": [], "question": "Which?", "options": "Liver|Spleen", "model": "glm-4.5v"} | changes
    with pytest.raises(error):
        ask(**given, site=site(tmp_path, "A"))


def test_a_request_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="server_error"):
        ask([], "Which?", "Liver|Spleen", model="glm-4.5v", site=site(tmp_path, ReplyError("server_error", "500")))


def test_the_verb_prints_the_answer(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(picture())
    command = ("ask", "scan.png", "--question", "Which organ?", "--options", "Liver|Spleen", "--model", "lexical")
    done = medvlsynther(*command, "--answer", "A", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] in ("A. Liver", "B. Spleen")
    assert done.stdout.splitlines()[1] in ("right", "wrong: the key is A. Liver")
    done = medvlsynther(*command[:-2], cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
