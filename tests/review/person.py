"""A person in front of a browser, as tests move one."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from medvlsynther.review.log import Logs
from tests.review.conftest import Served

By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
Actions = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains
Wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait


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

    def listed(self, count: int) -> None:
        """The first of so many items is there."""
        self.until(lambda: self.text("#position").startswith(f"1 / {count} "))

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
