"""Quotas: the published numbers, one choice under any order, every place filled, no more held than chosen."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.fingerprint import draw
from medvlsynther.rules import quota
from medvlsynther.rules.quota import Fill, Key, by_images, choose, even

FILLS: tuple[Fill, ...] = ("redistribute", "short")


def keys_of(drawn: list[tuple[int, str, int]]) -> list[Key]:
    return [
        Key(f"f{place}", f"a{article}", category, images) for place, (article, category, images) in enumerate(drawn)
    ]


many_keys = st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ABCD"), st.integers(0, 7)), max_size=150).map(
    keys_of
)


@settings(max_examples=60, deadline=None)
@given(many_keys, st.integers(0, 60), st.sampled_from(FILLS), st.sampled_from([None, 1, 3]), st.randoms())
def test_order_and_repeats_change_nothing(
    keys: list[Key], total: int, fill: Fill, cap: int | None, random: Random
) -> None:
    first = choose(keys, total, 42, fill, cap)
    again = [*keys, *keys[: len(keys) // 2]]
    random.shuffle(again)
    assert choose(again, total, 42, fill, cap) == first


@settings(max_examples=60, deadline=None)
@given(many_keys, st.integers(0, 40), st.sampled_from(FILLS), st.sampled_from([None, 1, 2]))
def test_holding_few_candidates_chooses_the_same_as_holding_all(
    keys: list[Key], total: int, fill: Fill, cap: int | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quota._Pool, "_thin", lambda pool: setattr(pool, "_bound", 10**9))
        everything = choose(keys, total, 7, fill, cap, categories="ABCD")
    with pytest.MonkeyPatch.context() as patch:
        thin = quota._Pool._thin

        def always(pool: quota._Pool) -> None:
            thin(pool)
            pool._bound = 0

        patch.setattr(quota._Pool, "_thin", always)
        assert choose(keys, total, 7, fill, cap, categories="ABCD") == everything


@settings(max_examples=60, deadline=None)
@given(many_keys, st.integers(0, 60), st.sampled_from(FILLS), st.sampled_from([None, 1, 3]))
def test_no_quota_and_no_cap_is_exceeded(keys: list[Key], total: int, fill: Fill, cap: int | None) -> None:
    chosen = choose(keys, total, 1, fill, cap)
    taken = [key for key in keys if key.figure_id in chosen.figure_ids]
    assert len(taken) == len(chosen.figure_ids) == sum(cell.chosen for cell in chosen.cells) <= total
    assert all(1 <= key.images <= 6 for key in taken)
    assert cap is None or max(Counter(key.article_id for key in taken).values(), default=0) <= cap
    if fill == "short":
        assert all(cell.chosen <= cell.wanted for cell in chosen.cells)


@settings(max_examples=60, deadline=None)
@given(many_keys, st.integers(0, 60))
def test_every_place_is_filled_while_there_are_figures(keys: list[Key], total: int) -> None:
    usable = [key for key in keys if 1 <= key.images <= 6]
    assert len(choose(keys, total, 1).figure_ids) == min(total, len(usable))


@settings(max_examples=40, deadline=None)
@given(many_keys, st.integers(0, 60), st.sampled_from([None, 1]))
def test_each_figure_left_out_has_a_reason(keys: list[Key], total: int, cap: int | None) -> None:
    chosen = choose(keys, total, 1, "redistribute", cap, categories=["A", "B", "C"])
    for key in keys:
        reason = chosen.refusal(key)
        assert (reason is None) == (key.figure_id in chosen.figure_ids)
        assert (reason == "no_category") == (key.category == "D")


def test_the_lowest_ranks_are_taken() -> None:
    keys = [Key(f"f{n}", f"a{n}", "A", 1) for n in range(300)]
    best = sorted(keys, key=lambda key: draw(42, key.figure_id))[:10]
    assert choose(keys, 10, 42).figure_ids == {key.figure_id for key in best}


def test_another_seed_is_another_sample() -> None:
    keys = [Key(f"f{n}", f"a{n}", "A", 1) for n in range(300)]
    assert choose(keys, 50, 1).figure_ids != choose(keys, 50, 2).figure_ids


def test_the_published_quotas() -> None:
    assert list(even(25_000, [str(n) for n in range(24)]).values()) == [1042] * 16 + [1041] * 8
    assert by_images(1042) == {1: 937, 2: 21, 3: 21, 4: 21, 5: 21, 6: 21}
    assert by_images(1041) == {1: 936, 2: 21, 3: 21, 4: 21, 5: 21, 6: 21}
    assert by_images(10) == {1: 10, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0}


def test_places_of_a_short_category_go_evenly_to_the_others() -> None:
    keys = [Key(f"{c}{n}", f"{c}{n}", c, 1) for c, count in (("A", 3), ("B", 500), ("C", 500)) for n in range(count)]
    chosen = {cell.category: cell.chosen for cell in choose(keys, 33, 42).cells if cell.images == 1}
    assert chosen == {"A": 3, "B": 15, "C": 15}
    chosen = {cell.category: cell.chosen for cell in choose(keys, 33, 42, "short").cells if cell.images == 1}
    assert chosen == {"A": 3, "B": 11, "C": 11}


def test_a_figure_turned_away_by_the_cap_says_so() -> None:
    keys = [Key(f"f{n}", "one", "A", 1) for n in range(5)]
    chosen = choose(keys, 4, 42, "redistribute", 2)
    assert sorted(Counter(map(chosen.refusal, keys)).items(), key=str) == [("article_cap", 3), (None, 2)]


@pytest.mark.parametrize("fill", FILLS)
def test_what_is_held_does_not_grow_with_what_is_scanned(monkeypatch: pytest.MonkeyPatch, fill: Fill) -> None:
    held = 0
    add = quota._Pool.add

    def counted(pool: quota._Pool, rank: int, key: Key) -> None:
        nonlocal held
        add(pool, rank, key)
        held = max(held, sum(len(cell.ranks) for cells in pool.cells_of.values() for cell in cells.values()))

    monkeypatch.setattr(quota._Pool, "add", counted)
    keys = (Key(f"f{n}", f"a{n // 3}", "ABCD"[n % 4], 1 + n % 6) for n in range(12_000))
    assert 0 < len(choose(keys, 100, 42, fill, 2).figure_ids) <= 100
    assert held < 6_000
