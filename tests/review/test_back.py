"""Decisions on a real run go back into the data: what becomes of an edit that the linter or the verifier turns down."""

from pathlib import Path

import pytest
import yaml

from medvlsynther.pipeline.recipe import load_recipe
from medvlsynther.pipeline.runner import Finished, run
from medvlsynther.pipeline.site import Site
from medvlsynther.records import Item, Reject, Verdict
from medvlsynther.review.log import Logs
from medvlsynther.review.shelf import Shelf
from medvlsynther.rules.reviews import Entry, wording
from medvlsynther.store.finished import finished
from medvlsynther.store.layout import Store
from medvlsynther.store.table import Table

pytestmark = pytest.mark.slow


def rejects(store: Path, step: Finished) -> dict[str, str]:
    return {r.id: r.reason for r in Table(Reject, store / "steps" / step.step.id / "rejects.parquet")}


def edit(item: Item, question: str, options: tuple[str, ...]) -> Entry:
    return Entry(
        kind="decision", item_id=item.item_id, decision="edit", seen=wording(item),
        question=question, options=options, key="A",
    )  # fmt: skip


def test_an_edit_that_is_turned_down_leaves_and_the_decision_stays(tmp_path: Path) -> None:
    store = tmp_path / "store"
    site = Site(store=str(store), workers=1)
    first = run(load_recipe("quickstart", sets=["curate.total=12", "explain=null", "probe=null"]), site)
    step = next(one.step for one in first if one.step.name == "rebalance")
    items: list[Item] = list(Table(Item, store / "steps" / step.id / "items.parquet"))
    kept, worse, leaking = items[:3]

    logs = Logs(tmp_path / "reviews")
    first_key = (kept.key, *(option for option in kept.options if option != kept.key))
    logs.add("ada", edit(kept, kept.question, first_key))
    # The verifier finds no word of these options in its lists, so that it cannot award what they are judged by.
    logs.add("ada", edit(worse, worse.question, ("zzyzx", "qwrtp", "plugh", "xyzzy", "frotz")))
    logs.add("ada", edit(leaking, "What does the caption say?", leaking.options))
    log = (tmp_path / "reviews" / "ada.jsonl").read_bytes()

    recipe = {
        "description": "Back from review",
        "stages": {
            "decide": {"reviews": str(tmp_path / "reviews")},
            "lint-back": {"stage": "lint"},
            "verify-back": {"stage": "verify", "prompt": "referee-critic", "rubric": "audited", "model": "lexical"},
            "filter-back": {"stage": "filter", "min_score": 0.967},
        },
    }
    before = load_recipe("quickstart", sets=["curate.total=12", "explain=null", "probe=null"])
    whole = {"description": "Both", "stages": {**before.model_dump()["stages"], **recipe["stages"]}}  # type: ignore[dict-item]
    (tmp_path / "whole.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    done = run(load_recipe(str(tmp_path / "whole.yaml")), site)
    by_name = {one.step.name: one for one in done}

    after: list[Item] = list(Table(Item, store / "steps" / by_name["filter-back"].step.id / "items.parquet"))
    by_parent = {item.parent: item for item in after}
    assert by_parent[kept.item_id].options == first_key
    assert worse.item_id not in by_parent
    assert leaking.item_id not in by_parent
    assert not {kept.item_id, worse.item_id, leaking.item_id} & {item.item_id for item in after}

    turned_down = rejects(store, by_name["filter-back"])
    ((worse_id, reason),) = turned_down.items()
    assert worse_id.startswith(worse.figure_id)
    assert reason == "failed_essential"
    assert "lint_leak1" in rejects(store, by_name["lint-back"]).values()
    verdicts = Table(Verdict, store / "steps" / by_name["verify-back"].step.id / "verdicts.parquet")
    assert not {v.item_id: v.passed for v in verdicts}[worse_id]

    # It can be reviewed again under its new number; nobody decided on it yet, and the log is as it was.
    shelf = Shelf(finished(Store(store), "back", [(one.step.name, one.step.id) for one in done]))
    entry = shelf.entries[shelf.by_id[worse_id]]
    assert entry.reject.startswith("filter-back: ")
    assert shelf.item(shelf.by_id[worse_id]).parent == worse.item_id
    assert (tmp_path / "reviews" / "ada.jsonl").read_bytes() == log
    assert worse_id not in logs.sheet("ada").latest("decision")
