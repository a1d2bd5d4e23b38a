"""A step's name is the hash of what decides its result; wires and settings are checked before anything runs."""

from pathlib import Path

import pytest

from medvlsynther.errors import BadSetting, MissingInput, UnknownName
from medvlsynther.pipeline.plan import Step, bind, plan, table_name
from medvlsynther.pipeline.recipe import Recipe, expand, load_recipe
from medvlsynther.records import Figure, Label, Reject


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "a.xml").write_text("<article/>")
    return folder


def steps_of(ref: str, corpus: Path, *sets: str) -> list[Step]:
    return plan(load_recipe(ref, sets=(f"collect.path={corpus}", *sets)))


def ids(steps: list[Step]) -> dict[str, str]:
    return {step.name: step.id for step in steps}


def test_the_eleven_variants_share_what_they_have_in_common(corpus: Path) -> None:
    plans = [steps_of(ref, corpus) for ref in expand("medsynvqa@*")]
    distinct = {step.id: step for steps in plans for step in steps}
    made = [step for step in distinct.values() if not step.name.startswith("export.")]
    asking = [step for step in distinct.values() if step.models]
    assert len(plans) == 11
    assert len(asking) == 9
    assert sum(bool(step.models) for steps in plans for step in steps) == 21
    assert len(made) <= 34, "collect to explain, without one export a data set"


def test_a_later_setting_leaves_earlier_steps_alone(corpus: Path) -> None:
    before, after = ids(steps_of("audited", corpus)), ids(steps_of("audited", corpus, "filter.min_score=0.5"))
    assert {name for name in before if before[name] != after[name]} == set(list(before)[list(before).index("filter") :])


def test_the_place_of_a_corpus_is_no_part_of_a_name_but_its_content_is(corpus: Path, tmp_path: Path) -> None:
    moved = corpus.rename(tmp_path / "elsewhere")
    here = ids(steps_of("audited", moved))
    back = moved.rename(corpus)
    assert ids(steps_of("audited", back)) == here
    (back / "a.xml").write_text("<Article/>")
    assert ids(steps_of("audited", back)) != here


def test_the_text_of_a_card_is_part_of_a_name_and_its_file_name_is_not(corpus: Path, tmp_path: Path) -> None:
    from medvlsynther import catalog

    text = catalog.find("prompts", "exam").read_text()
    same, other = tmp_path / "same.yaml", tmp_path / "other.yaml"
    same.write_text(text)
    other.write_text(text + "\n# a remark\n")
    plain = ids(steps_of("audited", corpus))["generate"]
    assert ids(steps_of("audited", corpus, f"generate.prompt={same}"))["generate"] == plain
    assert ids(steps_of("audited", corpus, f"generate.prompt={other}"))["generate"] != plain


def test_each_table_comes_from_the_latest_step_that_writes_it(corpus: Path) -> None:
    steps = {step.name: step for step in steps_of("audited", corpus)}
    wired = {name: {p: s.name if s else None for p, s in step.inputs.items()} for name, step in steps.items()}
    assert wired["verify"] == {"items": "lint", "figures": "images"}
    assert wired["repair"] == {"items": "lint", "figures": "images", "verdicts": "verify"}
    assert wired["verify-again"] == {"items": "lint-again", "figures": "images"}
    assert wired["filter"] == {"items": "lint-again", "verdicts": "verify-again"}
    assert wired["rebalance"] == {"items": "blind"}
    assert wired["probe"] == {"items": "rebalance", "figures": "images", "labels": "label", "earlier": "probe-verified"}


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ("generate.modle=x", r"No setting modle.*Known: .*model"),
        ("generate.model=glm4.5v", r"Did you mean 'glm-4\.5v'"),
        ("curate.total=many", r"curate\.total: .*integer"),
        ("filter.min_score=[1]", r"filter\.min_score"),
        ("verify.sampling.temperature=hot", r"verify\.sampling: temperature"),
        ("collect.path=nowhere", "nowhere"),
    ],
)
def test_a_bad_setting_is_refused_with_its_place_and_the_mend(corpus: Path, sets: str, message: str) -> None:
    with pytest.raises((BadSetting, UnknownName, MissingInput), match=message) as caught:
        steps_of("audited", corpus, sets)
    assert caught.value.exit_code == 2


def test_a_stage_without_what_it_reads_is_refused() -> None:
    with pytest.raises(BadSetting, match="Nothing above writes Figure"):
        plan(Recipe(ref="r", stages={"generate": {"model": "lexical"}}))
    with pytest.raises(BadSetting, match="model is not set"):
        plan(Recipe(ref="r", stages={"collect": {"path": "bundled:miniature"}, "generate": {}}))
    with pytest.raises(UnknownName, match="in stages/"):
        plan(Recipe(ref="r", stages={"colect": {}}))
    with pytest.raises(BadSetting, match="must be a mapping"):
        bind({}, "x", "r: collect", None)


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInput):
        plan(load_recipe("audited", sets=[f"collect.path={tmp_path / 'empty'}"]))


def test_tables_are_named_in_the_plural() -> None:
    assert [table_name(kind) for kind in (Figure, Label, Reject)] == [
        "figures.parquet",
        "labels.parquet",
        "rejects.parquet",
    ]
