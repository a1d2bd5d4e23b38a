"""Words and keys: templates come from cards alone, and a key changes with what is asked and with nothing else."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.cards import Prompt, Sampling
from medvlsynther.engines.base import Rendered, Request, ledger_key, render
from medvlsynther.errors import BadSetting
from tests.engines.conftest import MODEL, PROMPT


def request(**slots: Any) -> Request:
    return Request("id", PROMPT, {"caption": "c", "n": 1, **slots})


def key(asked: Request, sampling: Sampling | None = None) -> str:
    return ledger_key(asked, MODEL, sampling or Sampling())


@given(st.text())
def test_a_slot_is_inserted_as_it_is(text: str) -> None:
    sound = text.encode("utf-8", "replace").decode()
    assert render(request(caption=text)).material == f"Caption: {sound}".strip()


def test_a_slot_is_never_read_as_a_template() -> None:
    hostile = "{{ n }} {% for x in y %} {# z #} {{ self.__init__.__globals__ }}"
    assert render(request(caption=hostile)).material == f"Caption: {hostile}"


def test_a_card_without_slots_is_taken_as_it_stands() -> None:
    card = Prompt(description="d", task="write", system=" plain \n", request="also } plain {")
    assert render(Request("id", card, {})) == Rendered("plain", "", "also } plain {")


@pytest.mark.parametrize("template", ["{{ missing }}", "{{ caption", "{{ caption.nothing.at_all }}"])
def test_a_slot_that_is_not_filled_is_told_with_its_card(template: str) -> None:
    card = Prompt(description="d", task="write", system="", request=template)
    card._name = "mine"
    with pytest.raises(BadSetting, match=r"prompts/mine: .*Use only the slots"):
        render(Request("id", card, {"caption": "c"}))


def test_a_changed_copy_is_rendered_anew() -> None:
    first = request()
    assert render(first).material == "Caption: c"
    assert render(replace(first, slots={"caption": "other", "n": 1})).material == "Caption: other"


def test_keys_are_what_they_always_were() -> None:
    """A change here makes everybody pay for all their replies again."""
    asked = Request("id", PROMPT, {"caption": "c", "n": 1}, schema={"type": "object", "properties": {}})
    assert key(asked) == "c465b869783fc39a"


def test_keys_do_not_depend_on_who_asks() -> None:
    one = request()
    assert key(one) == key(replace(one, id="other"))
    assert key(one) == key(replace(one, slots={"n": 1, "caption": "c", "unused": 3}))
    assert key(replace(one, schema={"a": 1, "b": {"c": 2, "d": 3}})) == key(
        replace(one, schema={"b": {"d": 3, "c": 2}, "a": 1})
    )
    assert key(one) == key(one, Sampling(rollouts=8))


def test_keys_depend_on_everything_that_is_asked() -> None:
    one = request()
    others = [
        replace(one, slots={"caption": "d", "n": 1}),
        replace(one, schema={"type": "object"}),
        replace(one, sample=1),
        replace(one, prompt=PROMPT.model_copy(update={"system": "You judge."})),
    ]
    samplings = [Sampling(seed=None), Sampling(max_tokens=1), Sampling(top_p=0.5), Sampling(temperature=1.0)]
    keys = [key(one), *map(key, others), *(key(one, sampling) for sampling in samplings)]
    assert len(set(keys)) == len(keys)
