"""Variants are merge patches; settings are refused where they cannot be meant."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import BadSetting, MissingInput, UnknownName
from medvlsynther.pipeline.recipe import expand, load_recipe, merge, parse_set

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(st.text(max_size=3), json_values, max_size=4)


@given(base=json_values, patch=mappings)
def test_a_merge_patch_applied_twice_changes_nothing_more(base: Any, patch: Any) -> None:
    once = merge(base, patch)
    assert merge(once, patch) == once


@given(base=mappings)
def test_an_empty_patch_changes_nothing(base: Any) -> None:
    assert merge(base, {}) == base


@pytest.mark.parametrize(
    ("base", "patch", "expected"),
    [  # the examples of RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merging_follows_the_standard(base: Any, patch: Any, expected: Any) -> None:
    assert merge(base, patch) == expected


def test_a_variant_switches_a_stage_on_at_the_place_where_it_stands() -> None:
    stages = list(load_recipe("medsynvqa@5k").stages)
    assert stages.index("rebalance") < stages.index("subset") < stages.index("export.hf")
    assert "subset" not in load_recipe("medsynvqa@13k").stages
    assert "verify" not in load_recipe("medsynvqa@5k-no-verify").stages


def test_all_eleven_published_data_sets_are_variants() -> None:
    names = [ref.partition("@")[2] for ref in expand("medsynvqa@*")]
    assert names == (
        [
            "13k",
            "10k",
            "5k",
            "2k",
            "1k",
            "5k-qwen-glm",
            "5k-internvl-glm",
            "5k-glm-glm",
            "5k-no-verify",
            "5k-pmc-style",
            "5k-sft",
        ]
    )


def test_set_reaches_into_a_stage_whose_name_has_a_dot() -> None:
    assert parse_set("export.hf.name=x", {"export.hf": {}}, "r") == {"export.hf": {"name": "x"}}
    assert parse_set("a.b.c=3", {"a": {}}, "r") == {"a": {"b": {"c": 3}}}
    assert parse_set("a=null", {"a": {}}, "r") == {"a": None}


def test_set_switches_stages_off_and_on() -> None:
    recipe = load_recipe("medsynvqa", sets=["subset.size=7", "verify=null", "filter=null"])
    assert recipe.stages["subset"] == {"size": 7}
    assert "verify" not in recipe.stages


@pytest.mark.parametrize("text", ["", "generate", "=1", "generate=1"])
def test_an_assignment_that_names_no_setting_is_refused(text: str) -> None:
    with pytest.raises((BadSetting, UnknownName)):
        load_recipe("quickstart", sets=[text])


def test_unknown_names_say_what_was_meant() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'quickstart'"):
        load_recipe("quickstrat")
    with pytest.raises(UnknownName, match="Did you mean '5k-sft'"):
        load_recipe("medsynvqa@5k-stf")
    with pytest.raises(UnknownName, match="Did you mean 'generate'"):
        load_recipe("quickstart", sets=["genrate.model=x"])


def test_a_recipe_of_ones_own_is_a_path(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("description: mine\nstages:\n  collect: {path: x}\n")
    assert load_recipe(str(file)).stages == {"collect": {"path": "x"}}
    assert load_recipe(str(file)).folder == "mine"
    with pytest.raises(MissingInput):
        load_recipe(str(tmp_path / "other.yaml"))


@pytest.mark.parametrize("text", ["stages: [", "stages: {}", "description: x\nstages: {}\nfoo: 1", "- 1", ""])
def test_a_broken_recipe_names_its_fault(tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(BadSetting, match=r"broken\.yaml"):
        load_recipe(str(file))


def test_a_reference_follows_what_the_command_line_sets(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("description: r\nstages:\n  verify: {model: a}\n  blind: {models: ['${verify.model}'], x: '${a'}\n")
    assert load_recipe(str(file)).stages["blind"] == {"models": ["a"], "x": "${a"}
    assert load_recipe(str(file), sets=["verify.model=b"]).stages["blind"]["models"] == ["b"]
    with pytest.raises(BadSetting, match="refers to nothing"):
        load_recipe(str(file), sets=["verify=null"])
