"""Real reviewers' work in a real browser: Debian's Chromium against the real server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medvlsynther.review.log import Logs
from medvlsynther.store.finished import Run
from tests.review.conftest import Served, material
from tests.review.hindrances import unreachable
from tests.review.person import Actions, By, Keys, Reviewer
from tests.review.stores import lay
from tests.store.loose import loose_files

Origin = pytest.importorskip("selenium.webdriver.common.actions.wheel_input").ScrollOrigin

pytestmark = pytest.mark.slow


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


def test_images_are_moved_by_mouse_shown_in_full_and_picked_from_the_strip(
    served: Served, browser: Callable[[], Any]
) -> None:
    ada = Reviewer(browser(), served, "ada")
    ada.press("/")
    ada.press("PMC1002.1", Keys.ENTER, Keys.ESCAPE)  # three images
    ada.until(lambda: len(ada.driver.find_elements(By.CSS_SELECTOR, "#strip img")) == 3)
    ada.until(lambda: ada.text("#zoom") not in ("", "0 %"))
    first, fitted = ada.find("#image").get_attribute("src"), ada.text("#zoom")
    ada.driver.find_elements(By.CSS_SELECTOR, "#strip button")[2].click()
    ada.until(lambda: ada.find("#image").get_attribute("alt") == "Image 3 of 3")
    assert ada.find("#image").get_attribute("src") != first
    ada.press(".")
    ada.until(lambda: ada.find("#image").get_attribute("src") == first)
    ada.press(",")
    assert ada.find("#image").get_attribute("alt") == "Image 3 of 3"

    stage = ada.find("#stage")
    Actions(ada.driver).scroll_from_origin(Origin.from_element(stage), 0, -200).perform()
    ada.until(lambda: ada.text("#zoom") != fitted)
    moved = ada.find("#image").get_attribute("style")
    Actions(ada.driver).drag_and_drop_by_offset(stage, 60, 30).perform()
    assert ada.find("#image").get_attribute("style") != moved
    ada.press("]", "{")
    assert "brightness(110%) contrast(90%)" in ada.find("#image").get_attribute("style")

    full = "return document.fullscreenElement?.id ?? null"
    ada.press("0", "f")
    ada.until(lambda: ada.driver.execute_script(full) == "stage")
    ada.press("f")
    ada.until(lambda: ada.driver.execute_script(full) is None)
    ada.find("[data-tool=full]").click()
    ada.until(lambda: ada.driver.execute_script(full) == "stage")
    ada.check_quiet()


def test_tags_and_a_note_go_with_any_decision(served: Served, browser: Callable[[], Any]) -> None:
    ada = Reviewer(browser(), served, "ada")
    ada.answer("1")
    item_id = ada.driver.execute_script("return page.item.item_id")
    ada.press("t")
    ada.until(lambda: ada.find("#reject-dialog").is_displayed())
    ada.press(" ", *[Keys.TAB] * 12, "ask a colleague")
    ada.save()
    ada.until(lambda: ada.text("#noted") == "the key is wrong; ask a colleague")
    ada.driver.refresh()
    ada.settled()
    ada.until(lambda: ada.text("#noted") == "the key is wrong; ask a colleague")
    ada.press("u")
    ada.decided(1)
    (said,) = Logs(served.logs).decisions()
    assert (said.item_id, said.decision, said.tags, said.note) == (item_id, "unsure", ("wrong_key",), "ask a colleague")
    ada.press("k")
    ada.until(lambda: "the key is wrong; ask a colleague" in ada.text("#saved"))
    assert ada.text("#noted") == ""


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


def test_an_edit_with_an_error_is_shown_before_it_is_saved(served: Served, browser: Callable[[], Any]) -> None:
    ada = Reviewer(browser(), served, "ada")
    ada.answer("1")
    ada.press("e")
    ada.until(lambda: ada.find("#edit-dialog").is_displayed())
    # Faster than any hand: written and saved before the page has linted what was written.
    written = "document.querySelectorAll('#edit-options [type=text]')[1].value = arguments[0]; $('edit-save').click()"
    ada.driver.execute_script(written, "All of the above")
    ada.until(lambda: "Save once more" in ada.text("#edit-state"))
    assert "NBM1 error" in ada.text("#edit-lint")
    ada.driver.execute_script(written, " ")
    ada.until(lambda: "needs a stem" in ada.text("#edit-state"))
    assert ada.done() == {}
    ada.find("#edit-options [type=text]").send_keys("!")
    ada.driver.find_elements(By.CSS_SELECTOR, "#edit-options [type=text]")[1].send_keys("All of the above")
    ada.until(lambda: "NBM1 error" in ada.text("#edit-lint"))
    ada.save()
    ada.decided(1)
    assert list(ada.done().values()) == ["edit"]
    ada.check_quiet()


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
    ada.driver.refresh()
    ada.settled()
    assert ada.text("#position").startswith("2 / 2")
    assert ada.find("#pairs-view").is_displayed()
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
    ada.find("#clear").click()
    ada.listed(10)
    ada.find("#filters-open").click()
    for status, count in (("rejected", 2), ("all", 12)):
        next(each for each in ada.find("#status").find_elements(By.TAG_NAME, "option") if each.text == status).click()
        ada.listed(count)


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
        assert ada.driver.execute_script(f"return {script}") == (4 if "scripts" in script else 0)
    assert unreachable(ada.driver) == []
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
