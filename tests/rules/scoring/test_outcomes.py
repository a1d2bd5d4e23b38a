"""Gathering: every model has every question, and images bind questions together."""

from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.records import ImageRef, Label
from medvlsynther.rules.scoring.outcomes import gather, image_clusters
from tests.rules.scoring.material import grade, question

IMAGES = st.lists(st.lists(st.integers(0, 12), max_size=3), max_size=25)


@given(IMAGES)
def test_two_questions_share_a_cluster_if_and_only_if_a_chain_of_images_joins_them(shown: list[list[int]]) -> None:
    asked = [
        question(n, images=tuple(ImageRef(name="x", sha256=f"{image:064x}") for image in images))
        for n, images in enumerate(shown)
    ]
    found = image_clusters(asked)
    joined = [{n} | {m for m, other in enumerate(shown) if set(images) & set(other)} for n, images in enumerate(shown)]
    for _ in shown:
        joined = [set().union(*(joined[m] for m in each)) for each in joined]
    for n in range(len(shown)):
        for m in range(len(shown)):
            assert (found[n] == found[m]) == (m in joined[n])


def test_images_that_could_not_be_had_bind_nothing() -> None:
    lost = (ImageRef(name="x.png"),)
    assert len(set(image_clusters([question(0, images=lost), question(1, images=lost)]))) == 2


def test_a_question_without_an_answer_is_a_wrong_one() -> None:
    asked = [question(n) for n in range(4)]
    sets = gather(asked, [grade(asked[2], "A"), grade(asked[0], "B", "other")])
    assert [outcome.value for outcome in sets["m"]["set"]] == [0, 0, 1, 0]
    assert [outcome.replies[0].reason for outcome in sets["m"]["set"]] == ["not_asked", "not_asked", None, "not_asked"]
    assert len(sets["other"]["set"]) == 4


def test_answers_to_other_questions_count_for_nothing() -> None:
    asked = [question(0)]
    sets = gather(asked, [grade(asked[0], "A"), grade(question(9), "A")])
    assert [outcome.value for outcome in sets["m"]["set"]] == [1]


def test_groups_come_from_the_question_its_label_and_the_audit() -> None:
    asked = [question(0), question(1, options=("No", "Yes"), answer="B")]
    label = Label(item_id="set/0", question_type="anatomy", modality="ct", anatomy="liver", by="lexicon")
    sets = gather(asked, [grade(asked[0], "A")], labels={"set/0": label}, flagged=frozenset({"set/1"}))
    first, second = (outcome.groups for outcome in sets["m"]["set"])
    assert first["modality"] == "ct"
    assert (first["leak"], second["leak"]) == ("clean", "flagged")
    assert (second["form"], second["options"]) == ("yes/no", "2")
    assert "modality" not in second
