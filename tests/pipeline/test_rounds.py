"""So many accepted items a category: the first in input order, whichever reply came first, and few asked beyond."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.cards import Sampling
from medvlsynther.engines import scripted
from medvlsynther.engines.base import Endpoint, Reply, Request
from medvlsynther.errors import BadSetting
from medvlsynther.pipeline.recipe import Recipe, load_recipe
from medvlsynther.pipeline.rounds import _next, planned
from medvlsynther.pipeline.runner import Finished, run
from medvlsynther.pipeline.site import Site
from medvlsynther.records import Figure, Item
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table
from tests.answers import ASKED
from tests.conftest import ROOT

EACH = 3
OFF = ("dedupe=null", "rebalance=null", "label=null", "explain=null", "probe=null", "export.hf=null")
"""Stages that judge each item for itself are left: what is accepted then depends on no other item."""


def recipe(*sets: str) -> Recipe:
    return load_recipe("quickstart", sets=(*OFF, *sets))


def site(folder: Path) -> Site:
    answers = Endpoint(engine="scripted", function="tests.answers:slow_lexical")
    return Site(store=str(folder / "store"), workers=1, models={"lexical": answers})


def categories(folder: Path, finished: list[Finished]) -> dict[str, str]:
    figures = next(f.step for f in finished if f.step.name == "images")
    rows = Table(Figure, Store(folder / "store").step(figures.id) / figures.table)
    return {figure.figure_id: figure.category or "" for figure in rows}


def items(folder: Path, finished: list[Finished]) -> list[Item]:
    step = next(f.step for f in reversed(finished) if f.step.output is Item)
    return list(Table(Item, Store(folder / "store").step(step.id) / step.table))


def asked(folder: Path) -> Counter[str]:
    file = folder / "asked.txt"
    return Counter(file.read_text().splitlines() if file.exists() else [])


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Item], dict[str, str]]:
    """All accepted items of a run that does not stop, and the category of each figure."""
    folder = tmp_path_factory.mktemp("everything")
    finished = run(recipe(), Site(store=str(folder / "store"), workers=1))
    return items(folder, finished), categories(folder, finished)


def first_of_each(everything: tuple[list[Item], dict[str, str]]) -> list[str]:
    found, category = everything
    kept: Counter[str] = Counter()
    chosen = []
    for item in found:
        kept[category[item.figure_id]] += 1
        if kept[category[item.figure_id]] <= EACH:
            chosen.append(item.item_id)
    return chosen


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_first_accepted_ones_are_kept_whichever_reply_came_first(
    seed: int, tmp_path: Path, everything: tuple[list[Item], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    answered = scripted._Scripted.generate

    async def at_any_time(self: scripted._Scripted, request: Request, sampling: Sampling) -> Reply:
        await asyncio.sleep(chance.uniform(0.0, 0.02))
        return await answered(self, request, sampling)

    monkeypatch.setattr(scripted._Scripted, "generate", at_any_time)
    monkeypatch.setattr(scripted._Scripted, "concurrency", (1, 5, 64)[seed - 1])
    monkeypatch.setattr("tests.answers.time.sleep", lambda _: None)
    monkeypatch.setenv(ASKED, str(tmp_path / "asked.txt"))
    finished = run(recipe(f"enough.each={EACH}"), site(tmp_path))
    assert [item.item_id for item in items(tmp_path, finished)] == first_of_each(everything)
    written = sum(name.startswith("write ") for name in asked(tmp_path))
    assert written < len(everything[1]), "figures of full categories were asked about"
    assert max(asked(tmp_path).values()) == 1, "a later round paid again"


@pytest.mark.slow
def test_a_killed_run_comes_to_the_same_items_and_steps(tmp_path: Path) -> None:
    sets = [part for name in (*OFF, f"enough.each={EACH}") for part in ("--set", name)]
    command = [sys.executable, "-m", "medvlsynther", "run", "quickstart", *sets]
    text = 'workers: 1\nmodels: {lexical: {engine: scripted, function: "tests.answers:slow_lexical"}}\n'
    found, lasted = [], 0.0
    for name, kills in (("whole", 0), ("broken", 3)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "medvlsynther.yaml").write_text(text)
        env = os.environ | {"PYTHONPATH": str(ROOT), ASKED: str(folder / "asked.txt")}
        for kill in range(kills):
            with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL) as process:
                time.sleep((0.3 + 0.2 * kill) * lasted)
                process.send_signal(signal.SIGKILL)
        began = time.monotonic()
        subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
        lasted = time.monotonic() - began
        steps = sorted(path.name for path in (folder / "store" / "steps").iterdir())
        tables = [path.read_bytes() for path in sorted(folder.glob("store/steps/enough-*/items.parquet"))]
        found.append((steps, tables, asked(folder)))
    (steps, tables, once), (again, others, more) = found
    assert (steps, tables) == (again, others)
    assert sum((more - once).values()) <= 3, "more than what was in flight was asked again"
    assert set(more) == set(once)


@pytest.mark.slow
def test_verbs_that_look_see_the_round_that_the_run_has_come_to(tmp_path: Path) -> None:
    wanted = recipe("enough.each=1")
    store = Store(tmp_path / "store")
    assert "take" not in [step.name for step in planned(wanted, store)]
    finished = run(wanted, Site(store=str(tmp_path / "store"), workers=1))
    assert [step.id for step in planned(wanted, store)] == [f.step.id for f in finished]
    assert [f.fresh for f in run(wanted, Site(store=str(tmp_path / "store"), workers=1))] == [False] * len(finished)


def test_the_number_of_figures_is_the_runners_to_set(tmp_path: Path) -> None:
    stages = {"take": {"of": {"": 1}}, "enough": {"each": 1}}
    with pytest.raises(BadSetting, match="take"):
        planned(Recipe(ref="mine", stages=stages), Store(tmp_path))


@given(st.lists(st.lists(st.booleans(), max_size=40), max_size=4), st.integers(1, 8))
def test_rounds_end_with_enough_or_with_all_figures_asked(accept: list[list[bool]], each: int) -> None:
    """`accept[c][n]`: whether figure n of category c gives an accepted item."""
    there = {str(c): len(figures) for c, figures in enumerate(accept)}
    share = {c: min(count, each) for c, count in there.items()}
    rounds, more = 0, dict[str, int]()
    while share != more:
        rounds, share = rounds + 1, more or share
        accepted = {c: sum(accept[int(c)][:count]) for c, count in share.items()}
        more = _next(each, share, there, accepted)
        assert all(share[c] <= more[c] <= there[c] for c in there)
        assert rounds < 20
    assert all(accepted[c] >= each or share[c] == there[c] for c in there)
