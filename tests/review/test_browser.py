"""Real reviewers' work in a real browser: Debian's Chromium against the real server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from rich.console import Console

from medvlsynther.pipeline.recipe import load_recipe
from medvlsynther.pipeline.runner import run as run_recipe
from medvlsynther.pipeline.site import Site
from medvlsynther.report.page import html
from medvlsynther.review.log import Logs
from medvlsynther.store.finished import Run, finished
from medvlsynther.store.layout import Store
from tests.conftest import ROOT
from tests.review.conftest import Served, material, size
from tests.review.stores import lay
from tests.store.loose import loose_files

pytestmark = pytest.mark.slow

By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
Actions = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains
Wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait

PICTURES = ROOT / "docs" / "pictures"


class Reviewer:
    """A person at a keyboard."""

    def __init__(self, driver: Any, served: Served, name: str) -> None:
        self.driver, self.served, self.name = driver, served, name
        driver.get(served.entry)
        self.until(lambda: self.find("#rater"))
        self.press(name, Keys.ENTER)
        self.settled()

    def find(self, css: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        return str(self.find(css).text)

    def press(self, *keys: str) -> None:
        Actions(self.driver).send_keys(*keys).perform()

    def save(self) -> None:
        """Ctrl and Enter at once."""
        Actions(self.driver).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()

    def until(self, held: Callable[[], Any]) -> Any:
        return Wait(self.driver, 20, poll_frequency=0.05, ignored_exceptions=(Exception,)).until(lambda _: held())

    def settled(self) -> None:
        """An item or a message is there."""
        self.until(lambda: self.text("#position"))

    def position(self) -> str:
        return self.text("#position").split(" ")[0]

    def answer(self, key: str) -> None:
        self.press(key)
        self.until(lambda: self.find("#decide-bar").is_displayed())

    def decided(self, count: int) -> None:
        self.until(lambda: f"· {count} decided" in self.text("#position"))

    def done(self) -> dict[str, str]:
        """What the server keeps of this reviewer."""
        sheet = Logs(self.served.logs).sheet(self.name)
        return {name: entry.decision or "" for name, entry in sheet.latest("decision").items()}

    def check_quiet(self) -> None:
        """No error in the console, and no request that left this server."""
        assert self.driver.get_log("browser") == []
        for entry in self.driver.get_log("performance"):
            message = orjson.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = urlsplit(message["params"]["request"]["url"])
                assert url.scheme in ("data", "chrome") or f"{url.scheme}://{url.netloc}" == self.served.url, url


def test_a_reviewer_goes_from_first_to_last_by_keyboard_alone(served: Served, browser: Callable[[], Any]) -> None:
    ada = Reviewer(browser(), served, "ada")
    total = 10
    assert ada.text("#position").startswith(f"1 / {total}")
    assert not ada.driver.find_elements(By.CSS_SELECTOR, ".option.key, .source p")
    for done in range(total):
        ada.answer("2")
        assert ada.find(".option.key")
        ada.press("y", "Y")
        ada.press("a")
        ada.decided(done + 1)
    assert set(ada.done().values()) == {"accept"}
    assert len(ada.done()) == total
    ada.check_quiet()


def test_answer_reveal_zoom_edit_reject_undo_reload_and_go_on(served: Served, browser: Callable[[], Any]) -> None:
    ada = Reviewer(browser(), served, "ada")
    ada.until(lambda: ada.text("#zoom") not in ("", "0 %"))
    fitted = ada.text("#zoom")
    ada.press("+", "+", Keys.ARROW_LEFT, "i", "]", "}")
    assert ada.text("#zoom") != fitted
    assert "invert(1)" in ada.find("#image").get_attribute("style")
    ada.press("o")
    assert ada.text("#zoom") == "100 %"
    ada.press("x")
    assert ada.text("#zoom") == fitted

    ada.answer("1")
    first = ada.driver.execute_script("return page.item.item_id")
    ada.press("e")
    ada.until(lambda: ada.find("#edit-dialog").is_displayed())
    ada.press(" Really?")
    ada.until(lambda: "Really" in ada.text("#diff ins"))
    ada.save()
    ada.decided(1)
    assert ada.done() == {first: "edit"}

    ada.answer("1")
    second = ada.driver.execute_script("return page.item.item_id")
    ada.press("r")
    ada.until(lambda: ada.find("#reject-dialog").is_displayed())
    ada.press(" ", *[Keys.TAB] * 12, "two keys fit")
    ada.save()
    ada.decided(2)
    assert ada.done()[second] == "reject"
    (rejected,) = [d for d in Logs(served.logs).decisions() if d.item_id == second]
    assert (rejected.tags, rejected.note) == (("wrong_key",), "two keys fit")

    ada.press("z")
    ada.decided(1)
    assert ada.driver.execute_script("return page.item.item_id") == second
    assert second not in ada.done()
    ada.driver.refresh()
    ada.settled()
    assert ada.driver.execute_script("return page.item.item_id") == second
    ada.press("r")
    ada.until(lambda: ada.find("#reject-dialog").is_displayed())
    ada.save()
    ada.decided(2)
    (decision,) = [d for d in Logs(served.logs).decisions() if d.item_id == second]
    assert decision.answer == "A"
    ada.check_quiet()


def test_two_reviewers_work_at_once_and_see_each_others_numbers(served: Served, browser: Callable[[], Any]) -> None:
    ada, grace = Reviewer(browser(), served, "ada"), Reviewer(browser(), served, "grace")
    for done in range(3):
        for person, key in ((ada, "a"), (grace, "a" if done else "u")):
            person.answer("1")
            person.press(key)
            person.decided(done + 1)
    assert list(ada.done()) == list(grace.done())
    ada.driver.get(f"{served.url}/statistics?rater=ada")
    words = ada.text("main")
    assert "ada, grace" in words
    assert "Gwet's AC1" in words
    ada.check_quiet()
    grace.check_quiet()


def test_a_draft_survives_a_reload(served: Served, browser: Callable[[], Any]) -> None:
    ada = Reviewer(browser(), served, "ada")
    ada.answer("1")
    ada.press("e")
    ada.until(lambda: ada.find("#edit-dialog").is_displayed())
    ada.press(" And where?")
    ada.until(lambda: "And where?" in ada.text("#diff"))
    ada.driver.refresh()
    ada.settled()
    ada.until(lambda: ada.find("#decide-bar").is_displayed())
    ada.press("e")
    ada.until(lambda: ada.find("#edit-dialog").is_displayed())
    assert ada.find("#edit-stem").get_attribute("value").endswith("And where?")


def test_pairs_are_adjudicated_in_the_same_page(served: Served, browser: Callable[[], Any]) -> None:
    ada = Reviewer(browser(), served, "ada")
    ada.press("p")
    ada.until(lambda: ada.find("#pairs-view").is_displayed())
    ada.until(lambda: ada.driver.execute_script("return document.getElementById('left-image').naturalWidth > 0"))
    assert "<b>differ</b>" in ada.text("#pair-told")
    ada.press("s")
    ada.until(lambda: ada.text("#position").startswith("2 /"))
    ada.press("d")
    ada.until(lambda: "different" in ada.text("#pair-saved"))
    ada.press("z")
    ada.until(lambda: "undone" in ada.text("#pair-saved"))
    assert [e.same for e in Logs(served.logs).sheet("ada").stack] == ["same"]
    ada.check_quiet()


def test_queues_filters_and_search(served: Served, browser: Callable[[], Any]) -> None:
    ada = Reviewer(browser(), served, "ada")
    ada.press("/")
    ada.press("PMC1003.1", Keys.ENTER, Keys.ESCAPE)
    ada.until(lambda: ada.text("#position").startswith("1 / 2"))
    ada.driver.refresh()
    ada.settled()
    ada.until(lambda: ada.text("#position").startswith("1 / 2"))
    ada.press("/", " nothing has this", Keys.ENTER)
    ada.until(lambda: ada.find("#empty-view").is_displayed())


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> javascript:alert(3) \u202egnp.exe {{ 7*7 }}"


def test_hostile_text_is_shown_as_text(
    tmp_path: Path, serving: Callable[[Run], Served], browser: Callable[[], Any]
) -> None:
    made = material(tmp_path, 3)
    made.figures = [
        f.model_copy(
            update={
                "caption": HOSTILE + "x" * 1_000_000,
                "mentions": (HOSTILE,),
                "article": f.article.model_copy(update={"title": HOSTILE, "doi": "javascript:alert(4)", "pmcid": None}),
            }
        )
        for f in made.figures
    ]
    made.items = [i.model_copy(update={"question": HOSTILE, "options": (HOSTILE, *i.options[1:])}) for i in made.items]
    ada = Reviewer(browser(), serving(lay(made)), "ada")
    assert "<script>alert(1)</script>" in ada.text("#stem")
    ada.answer("1")
    assert "<img src=x onerror=alert(2)>" in ada.text("#source")
    for script in ("document.scripts.length", "document.querySelectorAll('#source img, #stem img').length"):
        assert ada.driver.execute_script(f"return {script}") == (1 if "scripts" in script else 0)
    links = ada.driver.execute_script("return [...document.links].map((a) => a.protocol)")
    assert set(links) <= {"http:", "https:"}
    ada.check_quiet()


def test_missing_images_and_an_unfinished_run_are_said(
    tmp_path: Path, serving: Callable[[Run], Served], browser: Callable[[], Any]
) -> None:
    made = material(tmp_path, 3)
    run = lay(made)
    for image in loose_files(made.store.images):
        image.unlink()
    (run.store.locks / "verify-1.holder").write_text("process 1")
    ada = Reviewer(browser(), serving(Run(run.name, run.store, run.steps, ("filter",))), "ada")
    notices = " ".join(each.text for each in ada.driver.find_elements(By.CSS_SELECTOR, ".notice"))
    assert "not finished. Still to do: filter" in notices
    assert "This store is in use: verify-1" in notices
    assert "missing from the store" in ada.text("#no-image")
    ada.answer("1")
    ada.press("a")
    ada.decided(1)


def serious(driver: Any) -> list[tuple[str, list[str]]]:
    """Serious and critical findings of axe-core on the page as it is."""
    package = pytest.importorskip("axe_playwright_python")
    driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    driver.execute_script(next(Path(package.__path__[0]).rglob("axe.min.js")).read_text(encoding="utf-8"))
    found = driver.execute_async_script("axe.run().then(arguments[0])")["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in grave]


def test_the_documents_show_what_the_pages_look_like(
    tmp_path: Path, serving: Callable[[Run], Served], browser: Callable[[], Any]
) -> None:
    """Takes the pictures of docs/ that are not there, from the bundled corpus, whose figures are drawn."""
    store = Store(tmp_path / "store")
    site = Site(store=str(store.root), workers=1)
    done = run_recipe(load_recipe("quickstart"), site, console=Console(quiet=True))
    run = finished(store, "quickstart", [(each.step.name, each.step.id) for each in done])
    driver = browser()
    page = tmp_path / "report.html"
    page.write_text(html([run], lambda _: 0.0), encoding="utf-8")
    driver.get(page.as_uri())
    assert driver.get_log("browser") == []
    assert serious(driver) == []
    assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    size(driver, 1280, 1500)
    pictures = {"report": driver.get_screenshot_as_png()}
    size(driver, 1280, 800)
    served = serving(run)
    ada = Reviewer(driver, served, "ada")
    ada.until(lambda: ada.text("#zoom") not in ("", "0 %"))
    pictures["review-blind"] = driver.get_screenshot_as_png()
    for place in range(6):
        ada.answer("1")
        pictures.setdefault("review", driver.get_screenshot_as_png())
        ada.press("y", "y", "Y", "a")
        ada.decided(place + 1)
    logs = Logs(served.logs)
    for number, entry in enumerate(logs.sheet("ada").stack):
        logs.add("grace", entry if number else entry.model_copy(update={"decision": "reject", "tags": ("unclear",)}))
    driver.get(f"{served.url}/statistics?rater=ada")
    pictures["statistics"] = driver.get_screenshot_as_png()
    for name, data in pictures.items():
        assert len(data) > 20_000
        if not (PICTURES / f"{name}.png").is_file():
            (PICTURES / f"{name}.png").write_bytes(data)


@pytest.mark.parametrize("width", [1280, 820])
def test_pages_are_accessible_and_fit(served: Served, browser: Callable[[], Any], width: int) -> None:
    driver = browser()
    size(driver, width, 800 if width == 1280 else 1180)
    driver.get(served.entry)
    assert serious(driver) == []
    ada = Reviewer(driver, served, "ada")
    assert serious(driver) == []
    ada.answer("1")
    assert serious(driver) == []
    assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    ada.find("#filters-open").click()
    ada.press("e")
    ada.until(lambda: ada.find("#edit-dialog").is_displayed())
    assert serious(driver) == []
    ada.press(Keys.ESCAPE)
    ada.press("r")
    ada.until(lambda: ada.find("#reject-dialog").is_displayed())
    assert serious(driver) == []
    ada.press(Keys.ESCAPE)
    ada.press("p")
    ada.until(lambda: ada.find("#pairs-view").is_displayed())
    assert serious(driver) == []
    driver.get(f"{served.url}/statistics?rater=ada")
    assert serious(driver) == []
