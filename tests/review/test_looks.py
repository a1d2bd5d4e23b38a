"""What people see, looked at by axe-core and for controls out of reach, on a window and on a tablet; with pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from medvlsynther.audit.calibration import Power
from medvlsynther.audit.sets import Exhibit
from medvlsynther.pipeline.recipe import load_recipe
from medvlsynther.pipeline.runner import run as run_recipe
from medvlsynther.pipeline.site import Site
from medvlsynther.records import Figure, Item, Overlap, Reject, Ruling
from medvlsynther.report.page import html
from medvlsynther.report.training import CURVES, QUANTITIES
from medvlsynther.review.log import Logs
from medvlsynther.rules.reviews import Entry
from medvlsynther.rules.scoring.scores import Score
from medvlsynther.store.finished import Run, finished
from medvlsynther.store.layout import Store
from tests.conftest import ROOT
from tests.export.material import Material
from tests.review.conftest import Served, pairs, size
from tests.review.hindrances import hindrances, serious, unreachable
from tests.review.person import By, Keys, Reviewer
from tests.review.stores import exhibits, step

pytestmark = pytest.mark.slow

PICTURES = ROOT / "docs" / "pictures"
MODELS = {"invented-3b": 0.42, "invented-model-with-a-name-as-long-as-they-come-7b": 0.51}
SETS = (
    "slake",
    "pathvqa",
    "vqa-rad",
    "mmmu-health-and-medicine",
    "medxpertqa-mm",
    "pmc-vqa-test-clean",
    "macro",
    "items",
)


def keep(name: str, data: bytes) -> None:
    """A picture for the documents, where it is not there."""
    assert len(data) > 20_000
    if not (PICTURES / f"{name}.png").is_file():
        (PICTURES / f"{name}.png").write_bytes(data)


def show(driver: Any, folder: Path, *runs: Run) -> None:
    """Open the report of runs."""
    page = folder / f"{'-'.join(run.name for run in runs)}.html"
    page.write_text(html(runs, lambda _: 3.5), encoding="utf-8")
    driver.get(page.as_uri())


def everything(run: Run, root: Path) -> Run:
    """The same run, audited, trained and evaluated as well, with names as long as they come."""
    made = Material(root, figures=list(run.need(Figure)), items=list(run.need(Item)))
    shared = [pair.model_copy(update={"evidence": "2 of 64 bits differ"}) for pair in pairs(made)]
    found = [
        Power(set_name="made", layer="images", control=name, direction="copy in test", tried=9, found=8, low=0, high=1)
        for name in ("resized", "cropped")
    ]
    scores = [
        Score(model=model, dataset=name, measure="accuracy", value=value, low=value - 0.1, high=value + 0.1, n=100)
        for model, value in MODELS.items()
        for name in SETS
    ]
    more = [
        step(run.store, "audit.read", Exhibit, list(exhibits(made, shared))),
        step(run.store, "audit.joint", Overlap, shared, [Reject(id="x", reason="image_missing")]),
        step(run.store, "audit.calibrate", Power, found),
        step(run.store, "scores", Score, scores),
    ]
    notes = [{"step": number, **dict.fromkeys(QUANTITIES, number / 30)} for number in range(30)]
    (run.store.step("scores-0") / CURVES).write_bytes(b"\n".join(map(orjson.dumps, notes)) + b"\n{\n")
    return finished(run.store, "audited", [*((each.name, each.id) for each in run.steps), *more])


def test_reports_can_be_read_and_everything_has_its_picture(
    tmp_path: Path, serving: Callable[[Run], Served], browser: Callable[[], Any]
) -> None:
    """Reports of the bundled corpus, of a run with all sections, and of both beside each other; then its review."""
    store = Store(tmp_path / "store")
    done = run_recipe(load_recipe("quickstart"), Site(store=str(store.root), workers=1), console=Console(quiet=True))
    run = finished(store, "quickstart", [(each.step.name, each.step.id) for each in done])
    full = everything(run, tmp_path)
    driver = browser()
    for name, runs in (("report", [run]), ("report-all", [full]), ("report-two", [full, run])):
        show(driver, tmp_path, *runs)
        # Side by side stand the sections of the two before, so that once is enough for the slower half.
        found = hindrances(driver) if len(runs) == 1 else [*unreachable(driver), *serious(driver)]
        assert found == []
        size(driver, 1280, 1500)
        keep(name, driver.get_screenshot_as_png())
    assert driver.get_log("browser") == []

    size(driver, 1280, 800)
    ada = Reviewer(driver, serving(full), "ada")
    ada.until(lambda: ada.text("#zoom") not in ("", "0 %"))
    keep("review-blind", driver.get_screenshot_as_png())
    for place in range(6):
        ada.answer("1")
        ada.press("y", "y", "Y")
        if not place:
            keep("review", driver.get_screenshot_as_png())
            ada.press("e")
            ada.until(lambda: ada.find("#edit-dialog").is_displayed())
            ada.press(" And why?")
            ada.until(lambda: "why" in ada.text("#diff ins"))
            keep("review-edit", driver.get_screenshot_as_png())
            ada.press(Keys.ESCAPE)
        ada.press("a")
        ada.decided(place + 1)
    ada.press("p")
    ada.until(lambda: driver.execute_script("return document.getElementById('right-image').naturalWidth > 0"))
    keep("pairs", driver.get_screenshot_as_png())
    logs = Logs(ada.served.logs)
    for number, entry in enumerate(logs.sheet("ada").stack):
        logs.add("grace", entry if number else entry.model_copy(update={"decision": "reject", "tags": ("unclear",)}))
    driver.get(f"{ada.served.url}/statistics?rater=ada")
    keep("statistics", driver.get_screenshot_as_png())


def test_the_review_page_can_be_used_on_every_width(served: Served, browser: Callable[[], Any]) -> None:
    """From the first question to the statistics: every view, every dialog, and what is said where nothing is there."""
    driver = browser()
    driver.get(served.entry)
    assert hindrances(driver) == []
    ada = Reviewer(driver, served, "ada")
    driver.get(f"{served.url}/statistics?rater=ada")
    assert hindrances(driver) == []
    driver.back()
    ada.settled()
    ada.find("#filters-open").click()
    ada.press("/")
    ada.press("PMC1002.1", Keys.ENTER, Keys.ESCAPE)  # three images
    ada.until(lambda: ada.find("#strip").is_displayed())
    assert hindrances(driver) == []
    ada.answer("1")
    ada.press("y", "Y")
    assert hindrances(driver) == []
    for key, dialog in (("t", "#reject-dialog"), ("r", "#reject-dialog"), ("e", "#edit-dialog"), ("?", "#help")):
        ada.press(key)
        ada.until(ada.find(dialog).is_displayed)
        ada.press(" a note" if key == "e" else "")
        assert hindrances(driver) == []
        if key == "e":
            ada.until(lambda: "a note" in ada.text("#diff ins"))
        ada.press(Keys.ESCAPE)
    ada.press("/", " nothing has this", Keys.ENTER, Keys.ESCAPE)
    ada.until(lambda: ada.find("#empty-view").is_displayed())
    assert hindrances(driver) == []
    ada.press("p")
    ada.until(lambda: ada.driver.execute_script("return document.getElementById('left-image').naturalWidth > 0"))
    assert hindrances(driver) == []


def test_statistics_can_be_read_on_every_width(served: Served, browser: Callable[[], Any]) -> None:
    """With reviewers who agree, differ and rule on marks."""
    logs = Logs(served.logs)
    for name in ("ada", "grace", "a-reviewer-whose-name-takes-forty-letter"):
        for number in range(6):
            ruling = Ruling(criterion="stem_concision", marked=False, agrees=number > 1)
            plain: dict[str, Any] = {"item_id": f"PMC100{number}.1/F{number}#0", "at": 0.0, "seen": "0" * 16}
            logs.add(name, Entry(kind="answer", letter="A", correct=number > 2, seconds=9.5, **plain))
            word = "accept" if number or name == "ada" else "reject"
            logs.add(name, Entry(kind="decision", decision=word, rulings=(ruling,), **plain))
    driver = browser()
    driver.get(served.entry)
    driver.get(f"{served.url}/statistics?rater=ada")
    words = driver.find_element(By.TAG_NAME, "main").text
    for measure in ("agreement", "Cohen's kappa", "Gwet's AC1", "Krippendorff's alpha", "precision", "recall"):
        assert measure in words
    assert hindrances(driver) == []
