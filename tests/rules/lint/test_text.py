"""How lint sees a text."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from medvlsynther.rules.lint._text import stem

WORDS = ("running", "haemorrhages", "calcification", "oedematous", "nationalities", "effusions") * 30


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads that interrupt each other all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried")
def test_words_have_the_same_stems_however_many_threads_ask() -> None:
    uncached = stem.__wrapped__
    alone = [uncached(word) for word in WORDS]
    with ThreadPoolExecutor(4) as pool:
        assert all(found == alone for found in pool.map(lambda _: [uncached(word) for word in WORDS], range(24)))
