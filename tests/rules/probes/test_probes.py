"""Each probe finds the shortcut that it is for, stays at chance on a clean set, and depends on nothing else."""

import builtins
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.errors import MissingExtra
from medvlsynther.records import LETTERS
from medvlsynther.rules.probes import PROBES, Probe, Response, Row, item_statistics, probe
from tests.rules.material import make_item
from tests.rules.probes.made import Leak, made

GUESSES = tuple(name for name in PROBES if name not in ("P13", "P14", "P15"))


def by_name(found: Sequence[Probe]) -> dict[str, Probe]:
    return {each.name: each for each in found}


def longer(chance: random.Random, options: list[str], place: int, stem: str, number: int) -> None:
    if chance.random() < 0.5:
        options[place] += " with an irregular outer margin"


def shorter(chance: random.Random, options: list[str], place: int, stem: str, number: int) -> None:
    for other in range(len(options)):
        if other != place:
            options[other] += " of the examined region"


def from_the_stem(chance: random.Random, options: list[str], place: int, stem: str, number: int) -> None:
    options[place] += " " + stem.split()[1]


def central(chance: random.Random, options: list[str], place: int, stem: str, number: int) -> None:
    options[place] = " ".join(option.split()[0] for option in options)


def outlying(chance: random.Random, options: list[str], place: int, stem: str, number: int) -> None:
    for other in range(len(options)):
        options[other] = f"tumor {other}" if other != place else "scar"


def specific(chance: random.Random, options: list[str], place: int, stem: str, number: int) -> None:
    options[place] += " (3 cm)"


def favourite(chance: random.Random, options: list[str], place: int, stem: str, number: int) -> None:
    options[place] = chance.choice(["carcinoma", "sarcoma"])


def paired_with_the_stem(chance: random.Random, options: list[str], place: int, stem: str, number: int) -> None:
    """Each option takes a fixed partner of some word; the key that of the stem's word."""
    options[place] = f"partner{stem.split()[1]}"
    for other in range(len(options)):
        if other != place:
            options[other] = (
                f"partner{chance.choice(['lung', 'node', 'duct', 'wall', 'cyst', 'lobe'])}{other % 2 * 'x'}"
            )


LEAKS: list[tuple[Leak, str]] = [
    (longer, "longest option"),
    (longer, "most words"),
    (longer, "choices only"),
    (longer, "stem and choices"),
    (shorter, "shortest option"),
    (from_the_stem, "overlap with the stem"),
    (from_the_stem, "stem and choices"),
    (central, "most like the others"),
    (outlying, "odd one out"),
    (specific, "most specific"),
    (favourite, "option prior"),
    (favourite, "choices only"),
    (paired_with_the_stem, "stem and choices"),
]


PROBE_OF = {
    "longest option": ("P3",),
    "most words": ("P3",),
    "shortest option": ("P3",),
    "overlap with the stem": ("P4",),
    "most like the others": ("P5",),
    "odd one out": ("P5",),
    "most specific": ("P6",),
    "option prior": ("P7",),
    "choices only": ("P8",),
    "stem and choices": ("P9",),
}


@pytest.mark.parametrize(("leak", "name"), LEAKS)
def test_a_planted_shortcut_is_found(leak: Leak, name: str) -> None:
    found = [each for each in probe(made(300, leak), probes=PROBE_OF[name]) if each.name == name]
    assert len(found) == 1
    assert found[0].failed
    assert found[0].low is not None
    assert found[0].low > 0.3


@pytest.mark.slow
def test_a_clean_set_stays_at_chance_with_every_probe() -> None:
    found = probe(made(600))
    assert {each.probe for each in found} == set(PROBES) - {"P14", "P15"}
    for each in found:
        assert not each.failed
        if each.chance is not None and each.name != "majority letter":
            assert each.low is not None
            assert each.high is not None
            assert each.low - 0.03 <= 0.2 <= each.high + 0.03


@pytest.mark.parametrize("options", [2, 3, 10])
def test_chance_follows_the_number_of_options(options: int) -> None:
    for each in probe(made(300, options=options), probes=("P1", "P3", "P8")):
        assert each.chance == pytest.approx(1 / options)
        assert not each.failed


@pytest.mark.parametrize(("period", "letters"), [(5, "ABCDE"), (12, "ABCABCDEABDE"), (3, "CCA")])
def test_a_rotation_of_letters_is_found_with_its_period(period: int, letters: str) -> None:
    rows = [
        replace(row, item=row.item.model_copy(update={"answer": letters[place % period]}))
        for place, row in enumerate(made(600))
    ]
    leak = by_name(probe(rows, probes=("P2",)))["order of rows"]
    measures = {measure.name: measure.value for measure in leak.measures}
    assert leak.failed
    assert leak.value > 0.99
    assert measures["period"] == period
    assert measures["lag1_bits"] > 0.2
    mixed = sorted(rows, key=lambda row: row.item.question)
    assert not by_name(probe(mixed, probes=("P2",)))["order of rows"].value > 0.7


def test_a_favourite_letter_is_found() -> None:
    rows = [
        replace(row, item=row.item.model_copy(update={"answer": "B"})) if place % 2 else row
        for place, row in enumerate(made(300))
    ]
    found = by_name(probe(rows, probes=("P1",)))["majority letter"]
    measures = {measure.name: measure.value for measure in found.measures}
    assert found.failed
    assert measures["letter"] == 1
    assert measures["p"] < 1e-6


def test_the_commonest_answer_to_a_stem_is_learned_across_articles_only() -> None:
    rows = []
    for place, row in enumerate(made(300)):
        options = tuple("Mass" if text == row.item.key else text for text in row.item.options)
        rows.append(
            replace(row, item=row.item.model_copy(update={"question": f"What {place} is it?", "options": options}))
        )
    assert by_name(probe(rows, probes=("P10",)))["commonest answer to the stem"].value > 0.95
    together = [replace(row, article_id="one") for row in rows]
    assert by_name(probe(together, probes=("P10",)))["commonest answer to the stem"].value == pytest.approx(0.2)


def test_captions_tell_the_key_without_failing_the_set() -> None:
    rows = [replace(row, caption=f"The image shows {row.item.key.lower()}.") for row in made(200)]
    found = by_name(probe(rows, probes=("P11", "P12")))
    assert found["words of the caption"].value > 0.9
    assert not found["words of the caption"].failed
    assert found["commonest in captions"].failed


def test_concentration_counts_stems_articles_and_labels() -> None:
    rows = [replace(row, item=row.item.model_copy(update={"question": "What is shown?"})) for row in made(60)]
    (found,) = probe(rows, probes=("P13",))
    measures = {measure.name: measure.value for measure in found.measures}
    assert found.value == 1.0
    assert measures["stems"] == 1
    assert measures["items_an_article_mean"] == 2
    assert measures["question_type_bits"] == pytest.approx(1.0)
    assert measures["modality_bits"] == 0
    assert measures["distinct_1"] == pytest.approx(3 / 180)


def test_few_articles_widen_the_interval() -> None:
    (one,) = probe(made(50, favourite, per_article=50), probes=("P7",))
    assert one.low is not None
    assert one.high is not None
    assert one.high - one.low > 0.5


@pytest.mark.slow
def test_order_of_rows_changes_nothing_but_the_order_probe() -> None:
    rows = made(100, longer)
    others = tuple(name for name in GUESSES if name != "P2")
    backwards = {each.name: each.value for each in probe(rows[::-1], probes=others)}
    assert backwards == pytest.approx({each.name: each.value for each in probe(rows, probes=others)}, abs=0.006)
    assert probe(rows) == probe(rows)


def test_items_without_a_key_are_left_out() -> None:
    rows = made(30)
    bad = replace(rows[0], item=rows[0].item.model_copy(update={"answer": "Z"}))
    lone = replace(rows[1], item=rows[1].item.model_copy(update={"options": ("a",), "answer": "A"}))
    assert {each.items for each in probe([bad, lone, *rows[2:]])} == {28}
    assert probe([bad]) == ()
    assert probe([]) == ()


def test_a_missing_extra_names_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"medvlsynther\[probes\]"):
        probe(made(10), probes=("P8",))


TEXT = st.one_of(st.text(max_size=20), st.sampled_from(["", "图像", "صورة", "+", "CT", "CT", "a b c", "\x00"]))
ROWS = st.lists(
    st.builds(
        Row,
        st.builds(
            make_item, TEXT, st.lists(TEXT, min_size=0, max_size=10).map(tuple), st.sampled_from([*LETTERS, "", "AB"])
        ),
        st.sampled_from(["a", "b", "c", ""]),
        TEXT,
    ),
    max_size=12,
)


@settings(max_examples=20, deadline=None)
@given(ROWS)
def test_no_set_of_items_raises(rows: list[Row]) -> None:
    for each in probe(rows):
        assert 0 <= each.value <= 1 + 1e-9
        if each.low is not None and each.high is not None:
            assert -1e-9 <= each.low <= each.high <= 1 + 1e-9


# ------------------------------------------------------------------------------------------------ models' answers


def answers(rows: list[Row], condition: str, share: float, examinees: int = 3, seed: int = 5) -> list[Response]:
    """Answers of models that know that share of the items, the same for all, and guess the rest."""
    chance = random.Random(seed)
    known = [chance.random() < share for _ in rows]
    return [
        Response(row.item.item_id, f"model{n}", condition, row.item.answer if know else chance.choice("ABCDE"))  # type: ignore[arg-type]
        for row, know in zip(rows, known, strict=True)
        for n in range(examinees)
    ]


def test_blind_models_that_know_the_answer_fail_the_gate_and_readers_of_captions_do_not() -> None:
    rows = made(300)
    given = answers(rows, "blind", 0.6) + answers(rows, "caption_only", 0.9) + answers(rows, "blank_image", 0.0)
    found = by_name(probe(rows, given, probes=("P14",)))
    assert found["models, blind"].failed
    assert not found["models, caption only"].failed
    assert not found["models, blank image"].failed


def test_reliance_is_the_difference_between_the_real_and_a_shuffled_image() -> None:
    rows = made(300)
    found = by_name(probe(rows, answers(rows, "real", 0.9) + answers(rows, "shuffled_image", 0.1), probes=("P14",)))
    reliance = found["reliance on the image"]
    assert reliance.value == pytest.approx(found["models, real"].value - found["models, shuffled image"].value)
    assert reliance.low is not None
    assert reliance.low > 0.5
    assert reliance.measures[0].value > 0.5


def test_a_rotation_counts_where_every_answer_is_right() -> None:
    rows = made(20)
    given = [Response(row.item.item_id, "m", "circular", row.item.answer) for row in rows for _ in range(5)]
    given += [Response(row.item.item_id, "m", "circular", None) for row in rows[:5]]
    assert by_name(probe(rows, given, probes=("P14",)))["every rotation right"].value == 0.75


def test_item_statistics_follow_their_definitions() -> None:
    rows = made(10)
    given = []
    for place, row in enumerate(rows):
        wrong = next(letter for letter in "ABCDE" if letter != row.item.answer)
        given += [
            Response(row.item.item_id, f"m{able}", "real", row.item.answer if able >= place else wrong)
            for able in range(10)
        ]
    found = item_statistics(rows, given)
    assert [item.difficulty for item in found] == pytest.approx([1 - place / 10 for place in range(10)])
    assert found[0].functional_distractors == 0
    assert found[5].functional_distractors == 1
    assert found[5].distractors == 4
    assert found[5].discrimination == 1
    assert found[5].point_biserial is not None
    assert found[5].point_biserial > 0.8
    assert found[0].point_biserial is None
    (whole,) = probe(rows, given, probes=("P15",))
    measures = {measure.name: measure.value for measure in whole.measures}
    assert whole.value == pytest.approx(0.55)
    assert measures["kr20"] == pytest.approx(0.8909, abs=0.03)
    assert measures["functional_distractor_share"] == pytest.approx(9 / 40)


RESPONSES = st.lists(
    st.builds(
        Response,
        st.sampled_from(["i000000", "i000001", "nobody"]),
        st.sampled_from(["m", "n", "o", "p", "q"]),
        st.sampled_from(["real", "blind", "shuffled_image", "circular"]),
        st.sampled_from(["A", "B", "Z", "", None]),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(RESPONSES)
def test_no_answers_raise(responses: list[Response]) -> None:
    rows = made(2)
    for each in probe(rows, responses, probes=("P14", "P15")):
        assert -1 <= each.value <= 1
    assert len(item_statistics(rows, responses)) <= 2
