"""Duplicates: what repeats is dropped with the right reason, the first stays, and nothing depends on luck."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.rules.dedupe import Duplicate, ImageKey, Keys, find_duplicates, keys_of, near_hashes
from tests.rules.material import make_figure, make_item

OPTIONS = ("Nodule", "Cyst", "Abscess")
HASH = 0x93A1_5CE2_7B04_D86F


def row(
    number: int, stem: str = "", *, figure: str = "", article: str = "", key: str = "Nodule", **other: object
) -> Keys:
    """An item of its own article, figure and image, unless said otherwise."""
    phash = other.pop("phash", None)
    sha = other.pop("sha", f"sha{figure or number}")
    options = other.pop("options", OPTIONS)
    assert not other
    assert isinstance(options, tuple)
    assert sha is None or isinstance(sha, str)
    image = ImageKey(sha, f"{phash:016x}" if isinstance(phash, int) else None)
    return Keys(
        item_id=f"i{number}",
        figure_id=figure or f"f{number}",
        article_id=article or f"a{number}",
        images=(image,),
        question=stem or f"What is shown in view number {number}?",
        options=options,
        key=key,
    )


def reasons(*rows: Keys, cap: int | None = None) -> list[Duplicate]:
    return list(find_duplicates(rows, article_cap=cap))


def test_a_figure_with_the_same_bytes_repeats_the_first_one() -> None:
    assert reasons(row(1, sha="x"), row(2, sha="x"), row(3)) == [("i2", "duplicate_image", "i1")]


@pytest.mark.parametrize(("bits", "dropped"), [(0, True), (1, True), (4, True), (5, False), (20, False)])
def test_a_near_hash_is_the_same_image_up_to_four_bits(bits: int, dropped: bool) -> None:
    other = HASH ^ sum(1 << 3 * bit for bit in range(bits))
    assert bool(reasons(row(1, phash=HASH), row(2, phash=other))) is dropped


def test_flat_images_are_not_the_same_image() -> None:
    assert reasons(row(1, phash=0), row(2, phash=0), row(3, phash=1 << 63), row(4, phash=2**64 - 1)) == []


def test_all_images_of_a_figure_have_to_repeat() -> None:
    one = Keys("i1", "f1", "a1", (ImageKey("x", None), ImageKey("y", None)), "Q1?", OPTIONS, "Nodule")
    part = Keys("i2", "f2", "a2", (ImageKey("x", None), ImageKey("z", None)), "Q2?", OPTIONS, "Nodule")
    whole = Keys("i3", "f3", "a3", (ImageKey("y", None), ImageKey("x", None)), "Q3?", OPTIONS, "Nodule")
    assert reasons(one, part, whole) == [("i3", "duplicate_image", "i1")]


def test_several_questions_about_one_figure_stay() -> None:
    first, second = (
        row(1, "Which organ is shown?", figure="f"),
        row(2, "Which plane is shown?", figure="f", article="a1"),
    )
    assert reasons(first, second) == []


def test_the_same_question_about_another_image_stays() -> None:
    stem = "Which imaging modality is shown?"
    assert reasons(row(1, stem), row(2, stem), row(3, stem, article="a1", key="Cyst")) == []


def test_a_question_repeats_in_its_article() -> None:
    stem = "Which abnormality is visible in this image?"
    same = {"figure": "f", "article": "a"}
    shuffled = ("Abscess", "Nodule", "Cyst")
    assert reasons(row(1, stem, **same), row(2, stem.upper(), options=shuffled, **same)) == [
        ("i2", "duplicate_item", "i1")
    ]
    near = "Which abnormalities is visible in this image?"
    assert reasons(row(1, stem, **same), row(2, near, key="Cyst", **same)) == [("i2", "duplicate_stem", "i1")]
    assert reasons(row(1, stem, article="a"), row(2, near, article="a", options=("Nodule", "Fat"))) == [
        ("i2", "duplicate_stem", "i1")
    ]


@pytest.mark.parametrize("other", ["Which lesion lies in the left upper lobe?", "Which lesion lies at level L4?"])
def test_stems_that_differ_by_a_side_or_a_number_are_two_questions(other: str) -> None:
    stem = other.replace("left", "right").replace("L4", "L5")
    assert reasons(row(1, stem, figure="f", article="a"), row(2, other, figure="f", article="a")) == []


def test_a_stem_that_says_enough_repeats_in_any_article() -> None:
    stem = (
        "A fisherman with painless progressive swelling underwent plain radiography: which periosteal reaction "
        "surrounds the metaphyseal lesion?"
    )
    assert reasons(row(1, stem), row(2, stem)) == [("i2", "duplicate_item", "i1")]


def test_the_cap_counts_kept_items_only() -> None:
    stem = "Which organ is shown here?"
    rows = [row(1, stem, figure="f", article="a"), row(2, stem, figure="f", article="a")]
    rows += [row(n, f"Question {n} about something else?", article="a") for n in (3, 4)]
    assert reasons(*rows, cap=2) == [("i2", "duplicate_item", "i1"), ("i4", "article_cap", "")]


def test_keys_come_from_item_and_figure() -> None:
    keys = keys_of(make_item("What is shown?", ("CT", "MRI"), "B"), make_figure("A scan.", images=2))
    assert (keys.key, keys.article_id, len(keys.images)) == ("MRI", "PMC1", 2)


HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=30)


@settings(max_examples=60, deadline=None)
@given(HASHES, st.lists(st.tuples(st.integers(0, 29), st.integers(0, 2**64 - 1)), max_size=20), st.integers(0, 8))
def test_near_hashes_are_all_found_and_no_others(hashes: list[int], flips: list[tuple[int, int]], bits: int) -> None:
    near = [hashes[at % len(hashes)] ^ (flip & flip >> 1 & flip >> 2) for at, flip in flips if hashes]
    values = sorted({*hashes, *near})
    expected = {
        (one, other)
        for one, other in combinations(range(len(values)), 2)
        if (values[one] ^ values[other]).bit_count() <= bits
    }
    found = list(near_hashes(values, bits))
    assert set(found) == expected
    assert len(found) == len(expected)


ROWS = st.lists(
    st.builds(
        Keys,
        item_id=st.integers(0, 10**9).map(str),
        figure_id=st.sampled_from(["f1", "f2", "f3", ""]),
        article_id=st.sampled_from(["a1", "a2", ""]),
        images=st.lists(
            st.builds(
                ImageKey, st.sampled_from([None, "", "x", "y"]), st.sampled_from([None, "", "zz", "f0" * 8, "F1" * 8])
            ),
            max_size=3,
        ).map(tuple),
        question=st.sampled_from(["", "?", "Which organ?", "Which organs?", "图中是什么", "ما هذا"]),
        options=st.lists(st.sampled_from(["", "a", "b", "+"]), max_size=3).map(tuple),
        key=st.sampled_from(["", "a", "+"]),
    ),
    max_size=12,
    unique_by=lambda keys: keys.item_id,
)


@settings(max_examples=150, deadline=None)
@given(ROWS, st.one_of(st.none(), st.integers(0, 3)))
def test_what_is_kept_has_no_duplicates_left(rows: list[Keys], cap: int | None) -> None:
    dropped = find_duplicates(rows, article_cap=cap)
    gone = {duplicate.item_id for duplicate in dropped}
    kept = [keys for keys in rows if keys.item_id not in gone]
    assert find_duplicates(kept, article_cap=cap) == ()
    assert all(
        duplicate.of in {keys.item_id for keys in kept} or duplicate.reason == "article_cap" for duplicate in dropped
    )
