"""Terms in text: whole words, longest match, spelling, negation."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.records import Term
from medvlsynther.rules.vocab import Lexicon, fold, is_doubted, is_negated, is_same, stated

LEXICON = Lexicon(
    (
        Term(name="computed tomography", aliases=("CT", "CT scan")),
        Term(name="ct angiography", aliases=("CTA",)),
        Term(name="ultrasound", aliases=("US", "sonography")),
        Term(name="x-ray", aliases=("radiograph", "roentgenogram")),
        Term(name="pneumothorax"),
        Term(name="pleural effusion", aliases=("effusion",)),
        Term(name="metastasis"),
        Term(name="hemorrhage"),
        Term(name="tumor"),
        Term(name="crohn disease"),
        Term(name="tooth"),
        Term(name="biopsy"),
        Term(name="vertebra"),
        Term(name="lung nodule"),
        Term(name="nodule"),
        Term(name="sjögren syndrome"),
    )
)


def names(text: str) -> list[str]:
    return [hit.term.name for hit in LEXICON.find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Axial CT scan of the chest", ["computed tomography"]),
        ("two CTs", ["computed tomography"]),
        ("a CTA and a CT angiography", ["ct angiography", "ct angiography"]),
        ("act of faith, ct in lower case", []),
        ("tell us more", []),
        ("US of the liver", ["ultrasound"]),
        ("X-ray, X ray, x‑ray", ["x-ray"] * 3),
        ("Radiographs", ["x-ray"]),
        ("liver metastases and one metastasis", ["metastasis", "metastasis"]),
        ("cerebral haemorrhages; a tumour, tumours", ["hemorrhage", "tumor", "tumor"]),
        ("Crohn's disease", ["crohn disease"]),
        ("Crohn’s  disease", ["crohn disease"]),
        ("teeth, biopsies, vertebrae", ["tooth", "biopsy", "vertebra"]),
        ("lung nodules", ["lung nodule"]),
        ("the lung. Nodule", ["nodule"]),
        ("lung, nodule", ["nodule"]),
        ("ct_01.jpg CT_02", []),
        ("Sjogren syndrome, Sjo\u0308gren's syndrome", ["sjögren syndrome"] * 2),
        ("ﬂuid and pleural eﬀusion", ["pleural effusion"]),
        ("", []),
    ],
)
def test_finds_whole_words_in_any_spelling_and_the_longest(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@settings(deadline=None)
@given(st.text(max_size=200), st.sampled_from(LEXICON.terms), st.text(max_size=200))
def test_hits_are_ordered_disjoint_and_inside_the_text(before: str, term: Term, after: str) -> None:
    text = f"{before} {term.name} {after}"
    hits = LEXICON.find(text)
    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)
    assert all(one.end <= other.start for one, other in pairwise(hits))
    assert hits == LEXICON.find(text)


@settings(deadline=None)
@given(st.sampled_from(LEXICON.terms), st.sampled_from(["{}.", "({})", "The {} here", "{}, then", "\n{}\n"]))
def test_every_name_finds_its_own_term_whatever_stands_around_it(term: Term, frame: str) -> None:
    assert names(frame.format(term.name)) == [term.name]
    assert LEXICON.whole(term.name.capitalize() + ".") == term


@settings(deadline=None)
@given(st.text(max_size=60))
def test_folding_is_stable_under_case_and_repetition(word: str) -> None:
    assert fold(fold(word)) == fold(fold(fold(word)))
    assert is_same(word, word)


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("No pneumothorax.", True),
        ("no pleural thickening, nodule or pneumothorax", True),
        ("without evidence of pneumothorax", True),
        ("absence of pneumothorax", True),
        ("negative for pneumothorax", True),
        ("a mass rather than a pneumothorax", True),
        ("pneumothorax was not seen", True),
        ("Pneumothorax was excluded.", True),
        ("a pneumothorax is absent", True),
        ("there was not a pneumothorax", True),
        ("consolidation without pneumothorax", True),
        ("Large pneumothorax", False),
        ("no change in the pneumothorax", False),
        ("not only pneumothorax but also effusion", False),
        ("No effusion, but a pneumothorax", False),
        ("No mass. Pneumothorax on the left", False),
        ("Patient no. 3 with pneumothorax", False),
        ("scan without contrast showing pneumothorax", False),
        ("No treatment was given and pneumothorax followed", False),
        ("Pneumothorax with no mediastinal shift", False),
        ("pneumothorax that does not compress the heart", False),
    ],
)
def test_negation_reaches_the_clause_and_no_further(text: str, denied: bool) -> None:
    (hit,) = (hit for hit in LEXICON.find(text) if hit.term.name == "pneumothorax")
    assert is_negated(text, hit) is denied


@pytest.mark.parametrize(
    ("text", "doubted"),
    [
        ("possible pneumothorax", True),
        ("suspicious for metastasis", True),
        ("a tumor-like lesion", True),
        ("bulla mimicking a pneumothorax", True),
        ("history of hemorrhage", True),
        ("six weeks after complete resection of the tumor", True),
        ("after contrast medium, a tumor", False),
        ("survival of 300 patients with hemorrhage", True),
        ("CT of a patient with hemorrhage", False),
        ("tumor cells", True),
        ("pneumothorax risk", True),
        ("Large pneumothorax", False),
        ("The biopsy was suspicious. Tumor in the liver", False),
    ],
)
def test_doubt_is_seen(text: str, doubted: bool) -> None:
    assert is_doubted(text, LEXICON.find(text)[-1]) is doubted


def test_stated_leaves_out_what_is_denied_or_doubted() -> None:
    text = "CT with a pneumothorax, no pleural effusion. Possible metastasis."
    assert [hit.term.name for hit in stated(LEXICON, text)] == ["computed tomography", "pneumothorax"]


def test_a_hostile_caption_is_read_in_one_pass() -> None:
    text = "lung " * 20000 + "no " * 20000 + "pneumothorax " * 5000
    assert len(stated(LEXICON, text)) < 5000
