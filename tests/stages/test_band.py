"""The band keeps what is solved now and then, counts the rest by reason, and is never silently empty."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import BadSetting, UserError
from medvlsynther.records import Item, Trial
from medvlsynther.stages.band import _refusal
from tests.stages.harness import Outcome, item, run_stage


def tried(number: int, *right: int, asked: int = 8, unknown: int = 0) -> Item:
    """An item that models named m0, m1, … solved so often each, after a blind test that does not count."""
    blind = Trial(view="stem", model="m0", asked=4, right=4)
    seen = [Trial(view="image", model=f"m{n}", asked=asked, right=r, unknown=unknown) for n, r in enumerate(right)]
    return item(number, trials=(blind, *seen))


def band(folder: Path, *items: Item, **settings: Any) -> Outcome:
    return run_stage("band", folder, {"items": items}, **settings)


def numbers(found: Outcome) -> list[str]:
    return [row.item_id.split("/")[0] for row in found.rows]


def test_keeps_one_to_seven_of_eight_in_order_and_names_the_rest(tmp_path: Path) -> None:
    found = band(tmp_path, *(tried(number, number) for number in range(9)), item(9))
    assert numbers(found) == [f"PMC{number}.1" for number in range(1, 8)]
    assert {key.split(".")[0]: reason for key, reason in found.rejects.items()} == {
        "PMC0": "unsolved_by_anyone",
        "PMC8": "too_easy",
        "PMC9": "not_tried",
    }


def test_keeps_what_a_recipe_says_of_sixteen(tmp_path: Path) -> None:
    items = [tried(number, number, asked=16) for number in range(17)]
    assert len(band(tmp_path, *items, keep=(1, 7), of=16).rows) == 7
    assert len(band(tmp_path, *items, keep=(4, 12), of=16).rows) == 9


def test_tells_what_is_too_hard_for_one_from_what_nobody_solved(tmp_path: Path) -> None:
    found = band(tmp_path, tried(0, 0, 5), tried(1, 0, 0), tried(2, 3, 8), by="m0")
    assert numbers(found) == ["PMC2.1"]
    assert set(found.rejects.values()) == {"too_hard", "unsolved_by_anyone"}
    assert set(band(tmp_path / "last", tried(0, 0, 5), tried(2, 3, 8)).rejects.values()) == {"too_easy"}


def test_a_failed_call_that_could_decide_leaves_the_difficulty_unknown(tmp_path: Path) -> None:
    found = band(tmp_path, tried(0, 7, unknown=1), tried(1, 0, unknown=1), tried(2, 3, unknown=3), tried(3, 8))
    assert numbers(found) == ["PMC2.1"]
    assert sorted(found.rejects.values()) == ["too_easy", "unknown_difficulty", "unknown_difficulty"]


@given(
    right=st.integers(0, 16),
    unknown=st.integers(0, 16),
    band=st.tuples(st.integers(0, 16), st.integers(0, 16)).map(sorted),
)
def test_keeps_what_lies_in_the_band_whatever_the_failed_calls_were(
    right: int, unknown: int, band: tuple[int, int]
) -> None:
    trial = Trial(view="image", model="m", asked=32, right=right, unknown=unknown)
    worlds = [band[0] <= right + more <= band[1] for more in range(unknown + 1)]
    reason = _refusal(trial, [trial], (band[0], band[1]))
    assert (reason is None) == all(worlds)
    if reason not in (None, "unknown_difficulty"):
        assert not any(worlds)


def test_an_empty_band_stops_the_run_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No item was solved 1 to 7 times of 8\. Widen `keep`"):
        band(tmp_path, tried(0, 0), tried(1, 8))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"keep": (5, 2)}, "keep is 5 to 2 of 8"),
        ({"keep": (1, 9)}, "keep is 1 to 9 of 8"),
        ({"of": 16}, "m0 was asked 8 times about .*of: 8"),
        ({"by": "glm"}, "Nothing was solved by glm.*Solved by: m0"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=told):
        band(tmp_path, tried(0, 3), **settings)


def test_items_that_nobody_tried_are_sent_to_solve(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="Put `solve` before it"):
        band(tmp_path, item(1))
