"""What docs/models.md and docs/evaluation.md show: site files that are read, known kinds, recipes that exist."""

import itertools
import re
import shlex
from pathlib import Path

import pytest
import yaml

from medvlsynther.engines._servers import KINDS
from medvlsynther.pipeline.recipe import load_recipe
from medvlsynther.pipeline.site import load_site
from tests.conftest import ROOT

MODELS = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
EVALUATION = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^medvlsynther (?:run|batch submit) .*$", MODELS + EVALUATION, re.MULTILINE)


def test_the_site_file_is_read(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(# medvlsynther.yaml.*?)```", MODELS, re.DOTALL)
    (tmp_path / "site.yaml").write_text(block)
    site = load_site(str(tmp_path / "site.yaml"))
    assert set(site.models) == set(yaml.safe_load(block)["models"])


def test_every_kind_of_server_in_the_table_is_known() -> None:
    kinds = re.findall(r"^\| `(\w+)` \| enforced", MODELS, re.MULTILINE)
    assert set(KINDS) - set(kinds) == {"other", "transformers"}
    enforced = re.findall(r"^\| `(\w+)` \| enforced \| enforced", MODELS, re.MULTILINE)
    assert set(enforced) == {name for name, kind in KINDS.items() if kind.choice}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_recipe_and_setting_exists(command: str) -> None:
    words = shlex.split(command, comments=True)[1:]
    ref = words[2] if words[0] == "batch" else words[1]
    sets = [word for before, word in itertools.pairwise(words) if before == "--set"]
    recipe = load_recipe(ref, sets=sets)
    for assignment in sets:
        stage = max((s for s in recipe.stages if assignment.startswith(f"{s}.")), key=len)
        key = assignment.removeprefix(f"{stage}.").partition("=")[0].split(".")[0]
        assert key in recipe.stages[stage]
