"""Logs fold to what stands, opinions settle, and an edit never takes another item's name."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.records import Decision, LintNote, Ruling
from medvlsynther.rules.highlight import spans
from medvlsynther.rules.raters import against_rubric, agreements, raters
from medvlsynther.rules.reviews import Entry, Sheet, edited, settle, sound, wording
from tests.stages.harness import item

Word = Literal["accept", "edit", "reject", "unsure"]
WORDS: tuple[Word, ...] = ("accept", "edit", "reject", "unsure")


def decision(rater: str, word: Word, number: int = 1, **more: object) -> Decision:
    plain = {"item_id": f"i{number}", "rater": rater, "decision": word, "seen": "s"}
    return Decision.model_validate(plain | more)


entries = st.builds(
    Entry,
    kind=st.sampled_from(["answer", "decision", "undo", "pair"]),
    item_id=st.sampled_from(["a", "b", "c"]),
    decision=st.sampled_from(WORDS),
    letter=st.sampled_from("ABC"),
)


@given(st.lists(entries, max_size=30))
def test_an_undo_takes_back_exactly_the_last_word(log: list[Entry]) -> None:
    sheet = Sheet("ada")
    for entry in log:
        before = list(sheet.stack)
        sheet.add(entry)
        if entry.kind in ("decision", "pair"):
            sheet.add(Entry(kind="undo", item_id=entry.item_id))
            assert sheet.stack == before
            sheet.add(entry)
    firsts: dict[str | None, Entry] = {}
    for entry in log:
        if entry.kind == "answer":
            firsts.setdefault(entry.item_id, entry)
    assert sheet.answers == firsts


@given(st.lists(st.sampled_from(WORDS), max_size=7))
def test_an_item_leaves_where_as_many_reject_as_keep(words: list[Word]) -> None:
    outcome = settle([decision(f"r{n}", word) for n, word in enumerate(words)])
    against, keeping = words.count("reject"), words.count("accept") + words.count("edit")
    if not against + keeping:
        assert outcome is None
    else:
        assert outcome is not None
        assert outcome.kept == (against == 0 or against < keeping)


def test_an_item_leaves_with_the_reviewers_reason() -> None:
    outcome = settle([decision("ada", "reject", tags=("wrong_key", "unclear"), note="it is B")])
    assert outcome
    assert (outcome.kept, outcome.reason) == (False, "review_wrong_key")
    assert "it is B" in outcome.detail
    assert settle([decision("ada", "reject")]).reason == "review_rejected"  # type: ignore[union-attr]


def test_two_different_edits_cannot_both_hold() -> None:
    one, other = (decision(r, "edit", question=f"{r}?", options=("x", "y"), key="A") for r in ("ada", "grace"))
    assert settle([one, other]).reason == "review_conflict"  # type: ignore[union-attr]
    assert settle([one, one]).edited == one  # type: ignore[union-attr]


@given(st.sets(st.integers(1, 6).map(lambda n: f"PMC1.1/f1#{n}")))
def test_an_edited_item_takes_a_name_that_is_free(taken: set[str]) -> None:
    old = item(1)
    new = edited(old, decision("ada", "edit", question="New?", options=("x", "y"), key="B"), taken)
    assert new.item_id not in taken
    assert new.item_id != old.item_id
    assert (new.parent, new.question, new.key, new.notes) == (old.item_id, "New?", "y", ())


@given(st.permutations(range(5)))
def test_a_wording_is_the_same_in_any_order_of_options(order: list[int]) -> None:
    old = item(1)
    options = tuple(old.options[place] for place in order)
    moved = old.model_copy(update={"options": options, "answer": "ABCDE"[options.index(old.key)]})
    assert wording(moved) == wording(old)
    other = "ABCDE"[(options.index(old.key) + 1) % 5]
    assert wording(moved.model_copy(update={"answer": other})) != wording(old)


@given(st.text(max_size=3), st.lists(st.text(max_size=3), max_size=11), st.text(max_size=2))
def test_what_is_sound_has_a_key_among_its_options(stem: str, options: list[str], key: str) -> None:
    if sound(stem, options, key):
        assert options["ABCDEFGHIJ".index(key)].strip()


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=12), max_size=4))
def test_highlights_are_ordered_apart_and_within(text: str, quoted: list[str]) -> None:
    notes = [LintNote(rule=f"R{n}", severity="warn", detail=repr(words)) for n, words in enumerate(quoted)]
    last = 0
    for span in spans(text, notes):
        assert last <= span.start < span.end <= len(text)
        last = span.end


def test_a_quoted_word_is_found_in_any_case_as_a_whole_word() -> None:
    note = LintNote(rule="LEAK2", severity="error", detail="'Mass' for 'It'")
    assert [(s.start, s.end) for s in spans("A mass; masses; MASS", [note])] == [(2, 6), (16, 20)]


@pytest.mark.parametrize(("one", "other", "value"), [("accept", "edit", 1.0), ("accept", "reject", 0.0)])
def test_agreement_is_about_keeping_or_rejecting(one: Word, other: Word, value: float) -> None:
    said = [decision(r, w, n) for n in range(12) for r, w in (("ada", one), ("grace", other))]
    (found,) = agreements(said)
    measures = {each.name: each.value for each in found.estimates}
    assert measures["agreement"] == value
    assert found.items == 12
    assert agreements(said) == agreements(said)


def test_the_verifier_is_held_against_the_reviewers() -> None:
    rulings = [(True, True)] * 6 + [(False, True)] * 3 + [(False, False)] + [(True, False)] * 2
    said = [
        decision("ada", "accept", n, rulings=(Ruling(criterion="c", marked=marked, agrees=agrees),))
        for n, (marked, agrees) in enumerate(rulings)
    ]
    (found,) = against_rubric(said)
    assert (found.precision.part, found.precision.whole) == (3, 4)
    assert (found.recall.part, found.recall.whole) == (3, 5)
    assert found.agreed.part == 9


def test_blind_answers_are_counted() -> None:
    said = [decision("ada", "accept", n, answer="A", correct=n < 3, seconds=float(n)) for n in range(4)]
    (ada,) = raters(said)
    assert (ada.right.part, ada.right.whole, ada.seconds) == (3, 4, 1.5)
