"""Every file in a folder of choices loads, says what it is, and obeys its protocol."""

import inspect
import typing

import pytest

from medvlsynther import cards, catalog
from medvlsynther.cards import Card
from medvlsynther.errors import MissingInput, UnknownName
from medvlsynther.pipeline.plan import plan, signature
from medvlsynther.pipeline.recipe import expand, load_recipe, read_card
from medvlsynther.records import Record
from tests.conftest import ROOT

CLASSES = [c for c in vars(cards).values() if isinstance(c, type) and issubclass(c, Card) and c is not Card]
CARDS = [(kind, name) for kind in CLASSES for name in catalog.names(kind.FOLDER)]
EXTEND = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "name"), CARDS, ids=lambda v: v if isinstance(v, str) else v.FOLDER)
def test_every_card_loads_and_describes_itself(kind: type[Card], name: str) -> None:
    card = kind.load(name)
    assert card.name == name
    assert len(card.hash) == 64
    assert card.description
    assert kind.load(str(catalog.find(kind.FOLDER, name))).hash == card.hash


@pytest.mark.parametrize("stage", catalog.modules("stages"))
def test_every_stage_obeys_the_protocol(stage: str) -> None:
    module = catalog.module("stages", stage)
    if not hasattr(module, "run"):
        pytest.fail(f"{stage} has no run()")
    takes = signature(stage)
    assert isinstance(module.VERSION, int)
    assert issubclass(takes.output, Record)
    assert module.__doc__
    assert module.run.__doc__
    kinds = {p.kind for name, p in inspect.signature(module.run).parameters.items() if name in takes.settings}
    assert kinds <= {inspect.Parameter.KEYWORD_ONLY}, "settings are keyword-only"


@pytest.mark.parametrize("name", catalog.modules("engines"))
def test_every_engine_can_be_connected(name: str) -> None:
    if name == "base":
        return
    module = catalog.module("engines", name)
    assert module.__doc__
    assert list(inspect.signature(module.connect).parameters) == ["model", "endpoint", "images"]


@pytest.mark.parametrize("name", catalog.modules("sources"))
def test_every_source_lists_shards_and_reads_them(name: str) -> None:
    module = catalog.module("sources", name)
    assert module.__doc__
    assert list(inspect.signature(module.shards).parameters) == ["root"]
    assert list(inspect.signature(module.read).parameters)[:4] == ["root", "shard", "corpus", "policy"]


@pytest.mark.parametrize("folder", ["stages", "sources", "engines", *(kind.FOLDER for kind in CLASSES), "recipes"])
def test_every_folder_of_choices_is_explained(folder: str) -> None:
    assert f"`{folder}/`" in EXTEND, f"docs/extend.md says nothing about {folder}/"


@pytest.mark.parametrize("ref", [r for name in catalog.names("recipes") for r in (name, *expand(f"{name}@*"))])
def test_every_recipe_plans(ref: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "a.txt").write_text("x")
    stages = load_recipe(ref).stages
    sets = [f"{name}.path={folder}" for name, settings in stages.items() if "path" in (settings or {})]
    sets += ["answer.model=lexical"] if "answer" in stages else []
    after = "quickstart" if "collect" not in stages and {"train.sft", "train.grpo"} & set(stages) else None
    if "decide" in stages:
        after = "quickstart"
        sets.append(f"decide.reviews={folder}")
        (folder / "ada.jsonl").touch()
    steps = plan(load_recipe(ref, after=after, sets=sets))
    assert len(steps) == len(stages) + (len(load_recipe(after).stages) if after else 0)
    assert read_card(ref.partition("@")[0]).description


def test_an_unknown_card_says_what_was_meant() -> None:
    with pytest.raises(UnknownName, match=r"No 'glm4.5v' in models/\. Did you mean 'glm-4\.5v'\?"):
        cards.Model.load("glm4.5v")
    with pytest.raises(MissingInput):
        cards.Model.load("nowhere.yaml")
    with pytest.raises(UnknownName, match="in stages/"):
        catalog.module("stages", "generat")


def test_public_names_of_records_have_docstrings_on_every_field() -> None:
    for kind in typing.cast("list[type[Record]]", CLASSES):
        for name, field in kind.model_fields.items():
            assert field.description, f"{kind.__name__}.{name}"
