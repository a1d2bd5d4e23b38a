"""The lexical engine: what it writes it can defend, and planted defects do not pass."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.engines import lexical
from medvlsynther.engines._lexical_terms import Evidence, lexicon, related, revision, tags
from medvlsynther.engines.base import Endpoint, Reply, ReplyError, Request
from medvlsynther.records import Term
from medvlsynther.rules.vocab import words
from tests.conftest import ROOT

ENGINE = lexical.connect(Model.load("lexical"), Endpoint(), lambda _: b"")
TITLES = (
    "Stem Self-contained",
    "Vocabulary Constraint",
    "Diagnosis Leak",
    "Single Correct Option",
    "Option Type Consistency",
    "Clinical Validity",
    "Image–Text Consistency",
    "Plausible Distractors",
    "Parallel Options",
    "Stem Concision",
    "Clarity and Focus",
    "Answer Field Validity",
    "JSON Schema Compliance",
    "Forbidden Terms",
    "Synonym Drift",
    "Multiple Keys",
    "Medical Inaccuracy",
)
CRITERIA = [
    {"id": f"c{n}", "title": title, "category": "bonus", "weight": 1, "text": ""} for n, title in enumerate(TITLES)
]

FINDINGS = [term for term in lexicon("findings").terms if tags(term, "modality") & {"x-ray", "ct", "mri", "ultrasound"}]
NOUNS = {"x-ray": "radiograph", "ct": "CT image", "mri": "MR image", "ultrasound": "sonogram"}


def ask(task: str, slots: Mapping[str, Any], *, name: str = "x/f1", sample: int = 0) -> str:
    prompt = Prompt(description="", task=task, system="", request="")
    reply: Reply = asyncio.run(ENGINE.generate(Request(name, prompt, slots, sample=sample), Sampling()))
    return reply.text


def write(caption: str, mentions: tuple[str, ...] = (), *, figure_id: str = "x/f1", images: int = 1) -> dict[str, Any]:
    slots = {
        "caption": caption,
        "mentions": list(mentions),
        "figure_id": figure_id,
        "letters": list("ABCDE"),
        "images": images,
    }
    item: dict[str, Any] = json.loads(ask("write", slots))
    return item


def failed(item: Mapping[str, Any], caption: str, mentions: tuple[str, ...] = ()) -> set[str]:
    slots = dict(item) | {"caption": caption, "mentions": list(mentions), "criteria": CRITERIA}
    marks = json.loads(ask("judge", slots))
    assert list(marks) == [criterion["id"] for criterion in CRITERIA]
    assert all(mark["note"] and len(mark["note"]) < 120 for mark in marks.values())
    return {title for title, mark in zip(TITLES, marks.values()) if not mark["pass"]}


def corpus() -> list[tuple[str, str, tuple[str, ...], int]]:
    """Figure id, caption, mentions and images of the clinical figures of the miniature corpus."""
    found = []
    articles = yaml.safe_load((ROOT / "tools" / "miniature" / "articles.yaml").read_text(encoding="utf-8"))
    for number, article in enumerate(articles, 1):
        for place, figure in enumerate(article["figures"], 1):
            if not figure.get("images", ["montage"])[0].startswith("chart"):
                mentions = tuple(
                    re.sub(r"\[f\d+\|([^]]+)\]", r"\1", text) for text in article["text"] if f"[f{place}|" in text
                )
                found.append(
                    (f"SYN{number:04d}.1/f{place}", figure["caption"], mentions, len(figure.get("images", "1")))
                )
    return found


CORPUS = corpus()


def written() -> Iterator[tuple[dict[str, Any], str, tuple[str, ...]]]:
    """The items of the miniature corpus with caption and mentions."""
    for figure_id, caption, mentions, images in CORPUS:
        item = write(caption, mentions, figure_id=figure_id, images=images)
        if "error" not in item:
            yield item, caption, mentions


def _caption(finding: Term, last: bool, subject: str, extra: str) -> str:
    kinds = sorted(tags(finding, "modality") & set(NOUNS))
    return f"{NOUNS[kinds[-1 if last else 0]].capitalize()}. {subject} {finding.name} is shown{extra}."


captions = st.builds(
    _caption,
    st.sampled_from(FINDINGS),
    st.booleans(),
    st.sampled_from(["A", "Large", "Bilateral", "The"]),
    st.sampled_from(["", " without pneumothorax", " in a 40-year-old woman", "; no meningioma"]),
)


# ------------------------------------------------------------------------------------------- writing


@settings(deadline=None)
@given(captions, st.text(alphabet="ABCdef0123/.", min_size=1, max_size=12), st.integers(1, 6))
def test_what_it_writes_it_would_accept(caption: str, figure_id: str, images: int) -> None:
    item = write(caption, figure_id=figure_id, images=images)
    if "error" not in item:
        assert failed(item, caption) == set()


@settings(deadline=None)
@given(captions, st.text(max_size=12))
def test_an_item_keeps_the_rules_of_item_writing(caption: str, figure_id: str) -> None:
    item = write(caption, figure_id=figure_id)
    if "error" in item:
        assert item == {"error": "insufficient_evidence"}
        return
    stem, key = item["question"], item["options"][item["answer"]]
    assert list(item["options"]) == list("ABCDE")
    assert len({text.lower() for text in item["options"].values()}) == 5
    assert stem.count("?") == 1
    assert stem.endswith("?")
    assert len(stem.split()) <= 25
    assert not {word for word in words(stem) if len(word) > 3} & set(words(key))
    assert not re.search(r"caption|legend|figure|panel|text|article|\bnot\b|\{|\}", stem, re.IGNORECASE)
    assert _longest_run(words(stem), words(caption)) <= 3
    for letter, text in item["options"].items():
        assert text[0].isupper()
        assert letter == item["answer"] or f" {text.lower()} " not in f" {' '.join(words(caption))} "


def _longest_run(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    runs = [
        n
        for n in range(1, len(one) + 1)
        for i in range(len(one) - n + 1)
        if f" {' '.join(one[i : i + n])} " in f" {' '.join(other)} "
    ]
    return max(runs, default=0)


@settings(deadline=None)
@given(captions, st.text(max_size=12))
def test_the_same_request_has_the_same_reply(caption: str, figure_id: str) -> None:
    assert write(caption, figure_id=figure_id) == write(caption, figure_id=figure_id)


def test_the_key_is_anywhere_and_stems_vary() -> None:
    items = [write("Frontal chest radiograph. A large pneumothorax.", figure_id=f"a/{n}") for n in range(400)]
    places = Counter(item["answer"] for item in items)
    assert set(places) == set("ABCDE")
    assert max(places.values()) < 120
    assert len({item["question"] for item in items}) >= 10


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "Mean survival by treatment arm.",
        "Flowchart of the study.",
        "The patient two years later.",
        "No pneumothorax.",
        "Possible meningioma.",
        "A giraffe.",
        "Photograph of the recording system before it was deployed.",
        "Bar graph of the volume of the brain on MRI.",
        "Pneumonia severity index of patients with different vaccines.",
        "Western blot of glioblastoma cells.",
        "\x00\ud800 ￾",
    ],
)
def test_nothing_is_asked_where_nothing_is_stated(caption: str) -> None:
    assert write(caption) == {"error": "insufficient_evidence"}


def test_what_is_denied_doubted_or_in_one_panel_only_is_never_the_key() -> None:
    captions = (
        "Chest radiograph without pneumothorax.",
        "Chest radiograph. Suspected pneumothorax.",
        "Chest radiographs. (A) Pneumothorax. (B) Normal lung.",
    )
    for n in range(30):
        for caption in captions:
            item = write(caption, figure_id=f"p/{n}")
            assert item["options"][item["answer"]] in ("Plain radiography", "Chest"), item


def test_the_category_tells_the_modality_that_the_caption_leaves_out() -> None:
    slots = {"caption": "A pneumothorax on the left.", "mentions": [], "letters": list("ABCDE"), "images": 1}
    assert "error" in json.loads(ask("write", slots | {"category": ""}))
    item = json.loads(ask("write", slots | {"category": "x-ray radiography"}))
    assert item["options"][item["answer"]] == "Pneumothorax"
    assert "radiograph" in item["question"]


def test_what_every_panel_shows_can_be_asked() -> None:
    caption = "Chest CT images. (A) Pulmonary nodule before treatment. (B) Pulmonary nodule at one year."
    keys = {(item := write(caption, figure_id=f"p/{n}"))["options"][item["answer"]] for n in range(30)}
    assert "Pulmonary nodule" in keys


def test_no_sibling_that_the_mentions_name_becomes_an_option() -> None:
    caption, mention = (
        "Chest radiograph with a pneumothorax.",
        ("Pneumonia and emphysema were considered, MRI was not done.",),
    )
    for n in range(60):
        texts = set(write(caption, mention, figure_id=f"m/{n}")["options"].values())
        assert not texts & {"Pneumonia", "Emphysema", "Magnetic resonance imaging"}


def test_most_figures_of_the_miniature_corpus_carry_an_accepted_item() -> None:
    accepted = 0
    for item, caption, mentions in written():
        accepted += not failed(item, caption, mentions)
    assert accepted >= 0.9 * len(CORPUS) >= 30


@settings(deadline=None)
@given(captions, st.text(max_size=12))
def test_no_option_holds_another(caption: str, figure_id: str) -> None:
    texts = [set(words(text)) for text in write(caption, figure_id=figure_id).get("options", {}).values()]
    assert not any(one < other for one in texts for other in texts)


def test_a_hyphen_never_shows_in_the_key_alone() -> None:
    for n in range(40):
        item = write("Electrocardiogram with ST-segment elevation.", figure_id=f"o/{n}")
        if "-" in item["options"][item["answer"]]:
            assert sum("-" in text for text in item["options"].values()) >= 2


def test_several_images_are_spoken_of_as_several() -> None:
    stems = {
        write("CT images of the head with a subdural hematoma.", figure_id=f"s/{n}", images=2)["question"]
        for n in range(80)
    }
    assert all("these " in stem.lower() for stem in stems)
    assert not any(re.search(r"was these|does these|these .*s is ", stem.lower()) for stem in stems)


def test_a_second_try_is_drawn_anew() -> None:
    slots = {"caption": "Chest CT image with a pneumothorax.", "mentions": [], "letters": list("ABCDE"), "faults": []}
    first = [json.loads(ask("write", slots, name=f"r/{n}")) for n in range(10)]
    again = [json.loads(ask("repair", slots, name=f"r/{n}")) for n in range(10)]
    assert first != again


# ------------------------------------------------------------------------------------------- judging

CAPTION = (
    "Axial CT image of the head. A subdural hematoma lies over the right hemisphere. No epidural hematoma is seen."
)
SOUND: dict[str, Any] = {
    "question": "Which finding is demonstrated in this CT image?",
    "options": {
        "A": "Hydrocephalus", "B": "Subdural hematoma", "C": "Meningioma", "D": "Arachnoid cyst", "E": "Brain abscess",
    },
    "answer": "B",
}  # fmt: skip
ESSENTIAL = set(TITLES[:7])


def planted(question: str | None = None, answer: str = "B", **options: str) -> dict[str, Any]:
    return {"question": question or SOUND["question"], "options": SOUND["options"] | options, "answer": answer}


def test_a_sound_item_has_every_mark() -> None:
    assert failed(SOUND, CAPTION) == set()


@pytest.mark.parametrize(
    ("item", "criterion"),
    [
        (planted(answer="A"), "Image–Text Consistency"),
        (planted(answer="A"), "Clinical Validity"),
        (planted(answer="A"), "Single Correct Option"),
        (planted(A="Subdural haemorrhage"), "Single Correct Option"),
        (planted(A="Subdural haemorrhage"), "Multiple Keys"),
        (planted(A="SDH"), "Multiple Keys"),
        (planted(A="Subdural hematoma"), "Multiple Keys"),
        (planted("Which hematoma is demonstrated in this CT image?"), "Diagnosis Leak"),
        (planted("Which finding, a subdural collection, is shown in this CT image?"), "Diagnosis Leak"),
        (planted(A="Liver"), "Option Type Consistency"),
        (planted(A="Computed tomography"), "Option Type Consistency"),
        (planted(A="Pneumothorax"), "Option Type Consistency"),
        (planted(A="Wrong"), "Option Type Consistency"),
        (planted(A="Pneumothorax"), "Plausible Distractors"),
        (planted(A="Epidural hematoma"), "Plausible Distractors"),
        (planted(A="Demyelinating plaques"), "Plausible Distractors"),
        (planted("According to the caption, which finding is shown in this CT image?"), "Stem Self-contained"),
        (planted("Which finding is shown in panel A?"), "Stem Self-contained"),
        (planted("Which finding does the arrow show?"), "Stem Self-contained"),
        (planted("Which finding is described in the article?"), "Forbidden Terms"),
        (planted(E="None of the above"), "Forbidden Terms"),
        (planted("Which finding is seen on this MR image?"), "Vocabulary Constraint"),
        (planted("Which imaging modality was used?"), "Image–Text Consistency"),
        (planted(answer="F"), "Answer Field Validity"),
        (planted(answer=""), "Answer Field Validity"),
        (planted(A=" "), "JSON Schema Compliance"),
        (planted(G="Colloid cyst"), "JSON Schema Compliance"),
        (planted("Which finding is not shown in this CT image?"), "Clarity and Focus"),
        (planted("Name the finding."), "Clarity and Focus"),
        (planted("Which finding is seen? " + "It was long. " * 12), "Stem Concision"),
        (planted(A="hydrocephalus"), "Parallel Options"),
        (planted(A="Hydrocephalus of both of the lateral ventricles and the third"), "Parallel Options"),
    ],
)
def test_a_planted_defect_fails_its_criterion(item: dict[str, Any], criterion: str) -> None:
    assert criterion in failed(item, CAPTION)


@pytest.mark.parametrize(
    "caption",
    [
        "Axial CT image of the head without subdural hematoma.",
        "Axial CT image of the head. A subdural hematoma was suspected.",
        "Axial CT image of the head with a subdural hematoma and hydrocephalus.",
        "Axial MR image of the knee.",
        "",
    ],
)
def test_the_same_item_beside_another_caption_is_not_accepted(caption: str) -> None:
    assert failed(SOUND, caption) & ESSENTIAL


def test_a_mention_that_denies_the_key_takes_it_back() -> None:
    assert "Clinical Validity" in failed(SOUND, CAPTION, ("At review there was no subdural hematoma.",))


@settings(deadline=None)
@given(captions, st.integers(0, 30))
def test_a_wrong_key_never_passes(caption: str, n: int) -> None:
    item = write(caption, figure_id=f"w/{n}")
    if "error" in item:
        return
    for letter in set("ABCDE") - {item["answer"]}:
        assert failed(item | {"answer": letter}, caption) >= {"Single Correct Option", "Image–Text Consistency"}


def test_criteria_are_known_by_title_or_id_whatever_the_dash() -> None:
    criteria = [
        {"id": "image_text_consistency", "title": "Image-Text consistency"},
        {"id": "stem_concision", "title": ""},
    ]
    marks = json.loads(ask("judge", SOUND | {"caption": CAPTION, "criteria": criteria}))
    assert all(mark["pass"] for mark in marks.values())


def test_what_no_proxy_decides_is_withheld() -> None:
    criteria = [{"id": "elegance", "title": "Elegance"}]
    marks = json.loads(ask("judge", SOUND | {"caption": CAPTION, "criteria": criteria}))
    assert marks == {"elegance": {"note": "not decidable without a model", "pass": False}}


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from("ABCDEFG"), st.text(max_size=30), max_size=6),
    st.text(max_size=80),
    st.text(max_size=200),
    st.text(max_size=2),
)
def test_any_item_is_judged_labelled_and_explained(
    options: dict[str, str], question: str, caption: str, answer: str
) -> None:
    item = {"question": question, "options": options, "answer": answer}
    failed(item, caption)
    ask("label", item | {"caption": caption})
    ask("explain", item | {"caption": caption})


# ------------------------------------------------------------------------------------------- labels, thoughts, answers


def test_labels_come_from_the_lists() -> None:
    for item, caption, _ in written():
        labels = json.loads(ask("label", item | {"caption": caption}))
        assert list(labels) == ["question_type", "modality", "anatomy"]
        for field, card in (("question_type", "question_types"), ("modality", "modality"), ("anatomy", "anatomy")):
            assert labels[field] == "other" or lexicon(card).get(labels[field])


@pytest.mark.parametrize(
    ("question", "options", "expected"),
    [
        (SOUND["question"], SOUND["options"], ("finding", "ct", "head")),
        ("Which modality was used?", {"A": "Ultrasonography", "B": "Computed tomography"}, ("modality", "ct", "head")),
        ("Which organ is shown?", {"A": "Liver", "B": "Brain"}, ("anatomy", "ct", "brain")),
        ("What is the most appropriate next step?", {"A": "Wait", "B": "Operate"}, ("next step", "ct", "head")),
        ("How bad is it?", {"A": "Very", "B": "Not"}, ("other", "ct", "head")),
    ],
)
def test_a_label_follows_the_options_and_then_the_stem(
    question: str, options: dict[str, str], expected: tuple[str, ...]
) -> None:
    labels = json.loads(ask("label", {"question": question, "options": options, "answer": "B", "caption": CAPTION}))
    assert tuple(labels.values()) == expected


def test_thoughts_end_in_the_key_and_name_no_letter() -> None:
    for item, caption, _ in written():
        text = ask("explain", item | {"caption": caption, "answer": "A"})
        found = re.fullmatch(r"<think>(.+)</think>\n<answer>([A-E])</answer>", text, re.DOTALL)
        assert found is not None
        assert found[2] == item["answer"]
        assert not re.search(r"\b(?:option|answer|caption)\b|\([A-E]\)|\b[B-E]\.", found[1])


def test_an_item_that_the_caption_does_not_decide_has_no_thoughts() -> None:
    assert json.loads(ask("explain", SOUND | {"caption": "CT image."})) == {"error": "insufficient_evidence"}


@settings(deadline=None)
@given(st.permutations(["Liver", "Spleen", "Kidney", "Pancreas", "Colon"]), st.integers(0, 3))
def test_a_guess_follows_its_option_through_any_order(texts: list[str], sample: int) -> None:
    def chosen(order: list[str]) -> str:
        options = dict(zip("ABCDE", order))
        reply = ask("answer", {"question": "Which organ?", "options": options}, sample=sample)
        found = re.fullmatch(r"<answer>([A-E])</answer>", reply)
        assert found
        return options[found[1]]

    assert chosen(texts) == chosen(sorted(texts))


def test_a_guess_is_right_as_often_as_chance() -> None:
    options = dict(zip("ABCDE", ["Liver", "Spleen", "Kidney", "Pancreas", "Colon"]))
    letters = Counter(ask("answer", {"question": f"Question {n}?", "options": options}) for n in range(500))
    assert len(letters) == 5
    assert max(letters.values()) < 150


def test_a_task_it_has_no_words_for_is_refused() -> None:
    with pytest.raises(ReplyError) as refused:
        ask("classify", {"caption": CAPTION})
    assert refused.value.reason == "unsupported_task"


# ------------------------------------------------------------------------------------------- the door


def test_it_needs_no_ledger_and_no_server() -> None:
    assert ENGINE.remembers
    assert ENGINE.concurrency >= 1
    asyncio.run(ENGINE.probe())
    asyncio.run(ENGINE.close())


def test_the_card_names_the_rules_and_vocabularies_it_writes_from() -> None:
    assert Model.load("lexical").revision == revision(), "copy the right-hand side into assets/models/lexical.yaml"


@settings(deadline=None)
@given(st.sampled_from(FINDINGS), st.sampled_from(FINDINGS))
def test_being_related_is_mutual(one: Term, other: Term) -> None:
    assert related(one, one)
    assert related(one, other) == related(other, one)


def test_evidence_reads_a_large_hostile_caption() -> None:
    evidence = Evidence("(A) CT. (B) " * 2000 + "no " * 5000 + "lung " * 5000, ("pneumothorax " * 5000,))
    assert evidence.modality == "ct"
    assert evidence.stated("findings") == ()
