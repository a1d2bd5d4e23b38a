"""Controls: a model that ignores the image changes nothing, and one that ignores the words flips."""

from typing import cast

from medvlsynther.records import LETTERS, Graded, Question, View
from medvlsynther.rules.scoring.controls import VIEWS
from medvlsynther.rules.scoring.report import score
from medvlsynther.rules.scoring.scores import Score
from tests.rules.scoring.material import grade, question

ASKED = [question(n, answer=LETTERS[n % 4]) for n in range(40)]


def seen(letter_with: str, letter_without: str, asked: Question) -> list[Graded]:
    shown = [grade(asked, letter_without, view=cast(View, view)) for view in VIEWS]
    return [grade(asked, letter_with), *shown]


def measured(found: list[Graded], measure: str) -> dict[str, Score]:
    return {s.group: s for s in score(ASKED, found) if s.measure == measure}


def test_a_model_that_ignores_the_image_changes_no_answer() -> None:
    found = [one for asked in ASKED for one in seen("B", "B", asked)]
    assert {s.value for s in measured(found, "changed").values()} == {0}
    assert {(s.value, s.low, s.high) for s in measured(found, "drop").values()} == {(0, 0, 0)}
    assert measured(found, "blind")[""].value == 1


def test_a_model_that_needs_the_image_drops_to_what_it_knows_without() -> None:
    found = [one for asked in ASKED for one in seen(asked.answer, "A", asked)]
    assert {s.value for s in measured(found, "drop").values()} == {0.75}
    assert {s.value for s in measured(found, "accuracy_under").values()} == {0.25}
    assert measured(found, "blind")[""].value == 0


def test_one_changed_answer_is_enough_to_have_looked() -> None:
    found = [one for asked in ASKED for one in seen("B", "B", asked)]
    found[-1] = grade(ASKED[-1], "C", view="other_image")
    assert measured(found, "blind")[""].value == 0


def test_questions_that_were_asked_one_way_only_are_not_compared() -> None:
    found = [one for asked in ASKED for one in seen("A", "A", asked)]
    found[1] = grade(ASKED[0], None, view="no_image", reason="not_asked", failure="server_error")
    assert measured(found, "changed")["no_image"].n == len(ASKED) - 1


def test_a_model_with_a_favourite_place_flips_and_shows_it() -> None:
    """It always says B, whatever stands there."""
    found = []
    for asked in ASKED:
        found.append(grade(asked, "B"))
        found += [grade(asked, LETTERS[(1 + turn) % 4], view="rotated", turn=turn) for turn in range(1, 4)]
    rotated = measured(found, "rotated")
    assert (rotated["flip"].value, rotated["all"].value, rotated["mean"].value) == (1, 0, 0.25)
    assert {group: s.value for group, s in measured(found, "place").items()} == {"B": 1}


def test_a_model_that_reads_options_keeps_its_answer_in_every_order() -> None:
    found = []
    for asked in ASKED[:30]:
        found.append(grade(asked, "A"))
        found += [grade(asked, "A", view="rotated", turn=turn) for turn in range(1, 4)]
    found += [grade(asked, "A") for asked in ASKED[30:]]
    rotated = measured(found, "rotated")
    assert (rotated["flip"].value, rotated["left_out"].value) == (0, 10)
    assert {s.value for s in measured(found, "place").values()} == {0.25}
