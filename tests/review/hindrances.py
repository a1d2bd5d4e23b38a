"""What would keep people from using a page in a browser, looked for on the page as it is now."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.review.conftest import size

SIZES = ((1280, 800), (1024, 768), (768, 1024))
"""Widths and heights in px of a window and of a tablet held either way."""

OUT_OF_REACH = """
const modal = document.querySelector("dialog[open]");
const found = [];
if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
const lines = "a, button, input, select, summary";
for (const each of (modal ?? document).querySelectorAll(`${lines}, textarea, [tabindex="0"]`)) {
  if (!each.checkVisibility({ visibilityProperty: true })) continue;
  each.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
  const box = each.getClientRects()[0];
  const name = `${each.outerHTML.slice(0, 90)} at ${innerWidth}`;
  if (box.width < 8 || box.height < 8) { found.push(`too small: ${name}`); continue; }
  const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth);
  if (each.matches(lines) && (box.left < -1 || box.right > innerWidth + 1)) found.push(`cut off: ${name}`);
  const middle = (Math.max(box.top, 0) + Math.min(box.bottom, innerHeight)) / 2;
  const hit = document.elementFromPoint((left + right) / 2, middle);
  if (!hit || !(each.contains(hit) || hit.contains(each))) found.push(`covered: ${name}`);
}
scrollTo(0, 0);
return found;
"""
"""Controls that a hand does not get at, as a script that gives their names."""


@cache
def _axe() -> str:
    package = pytest.importorskip("axe_playwright_python")
    return next(Path(package.__path__[0]).rglob("axe.min.js")).read_text(encoding="utf-8")


def serious(driver: Any) -> list[str]:
    """Serious and critical findings of axe-core on the page as it is."""
    if not driver.execute_script("return Boolean(window.axe)"):
        driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
        driver.execute_script(_axe())
    found = driver.execute_async_script(
        "axe.run({ resultTypes: ['violations'] }).then((told) => arguments[0](told.violations))"
    )
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {[node['html'][:200] for node in each['nodes']][:5]}" for each in grave]


def unreachable(driver: Any) -> list[str]:
    """Controls that a hand does not get at, and whether the page scrolls sideways, at each size."""
    found: list[str] = []
    for width, height in SIZES:
        size(driver, width, height)
        found += [f"{width} x {height}: {each}" for each in driver.execute_script(OUT_OF_REACH)]
    size(driver, *SIZES[0])
    return found


def hindrances(driver: Any) -> list[str]:
    """Everything, in words, empty where people can use the page: axe-core on the widest and the narrowest layout."""
    found = [*unreachable(driver), *serious(driver)]
    size(driver, *SIZES[-1])
    found += serious(driver)
    size(driver, *SIZES[0])
    return found
