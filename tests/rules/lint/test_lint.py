"""Every rule on what it must find and on what it must leave alone."""

from collections import Counter, defaultdict

import pytest

from medvlsynther.cards import Vocabulary
from medvlsynther.rules.lint import RULES, lint
from medvlsynther.rules.vocab import Lexicon
from tests.rules.lint.finding import CAPTION, first, found
from tests.rules.lint.planted import clean, planted

STEMS_WRONG = [
    ("SCH4", "What do both A and B have in common in this image?", "error"),
    ("SCH4", "What is shown in the image above?", "error"),
    ("SCH4", "Which of the below is seen?", "error"),
    ("NBM2", "Which structure is not visible?", "warn"),
    ("NBM2", "This scan shows a mass. Each is seen EXCEPT?", "warn"),
    ("NBM2", "Which finding isn't seen here?", "warn"),
    ("NBM5", "The arrow points at the ___ in this scan.", "warn"),
    ("NBM8", "The most likely diagnosis", "warn"),
    ("NBM9", "One. Two. What is shown in the image?", "info"),
    ("NBM9", "word " * 36 + "?", "info"),
    ("CUE3", "The lesion shown is a", "warn"),
    ("LEAK1", "According to the caption, what is shown?", "error"),
    ("LEAK1", "What did the authors find?", "error"),
    ("LEAK1", "Based on the provided context, what is seen?", "error"),
    ("LEAK1", "What does the figure legend name?", "error"),
    ("LEAK1", "Which lesion, as described, is shown?", "error"),
    ("LEAK2", "The image shows a nodule. What is it?", "error"),
    ("LEAK4", "Axial CT of a 54-year-old man with a 1.2 cm nodule in the chest: what is it?", "warn"),
    ("GRD1", "What is shown in panel B?", "error"),
    ("GRD1", "What is shown in image (a)?", "error"),
    ("GRD1", "What does Figure 3 show?", "error"),
    ("GRD1", "What do panels A and C share?", "error"),
    ("GRD1", "What is shown in the right panel?", "error"),
    ("GRD2", "What does the asterisk mark?", "warn"),
    ("GRD2", "Which structure is labeled X?", "warn"),
    ("GRD2", "What lies inside the dashed circle?", "warn"),
    ("GRD3", "A lesion of 13 mm is shown. What is it?", "warn"),
    ("GRD3", "Which of the 7 lesions is largest?", "warn"),
    ("GRD4", "A 45-year-old man has this scan. What is shown?", "error"),
    ("GRD4", "This image is of a patient aged 45. What is shown?", "error"),
    ("GRD4", "What is shown in this forty-five-year-old?", "error"),
    ("GRD4", "What is shown in this woman?", "error"),
    ("GRD4", "What is shown in this infant?", "error"),
    ("GRD4", "This man is in his 30s. What is shown?", "error"),
    ("GRD4", "A man in his late sixties had this scan. What is shown?", "error"),
    ("GRD4", "What is shown in this elderly patient?", "error"),
    ("GRD9", "Which lesion is shown in the left upper lobe?", "warn"),
    ("LEAK4", f"{CAPTION} What is it?", "warn"),
    ("PHI1", "The patient John Smith had this scan. What is shown?", "quarantine"),
    ("GRD1", "What do both images show?", "error"),
    ("GRD1", "What is shown in the image on the left?", "error"),
    ("GRD6", "Which cells does this H&E section show?", "error"),
    ("GRD4", "A smoker had this scan. What is shown?", "error"),
    ("GRD4", "A man with a history of lymphoma: what is shown?", "error"),
    ("GRD5", "Which organism causes plague?", "info"),
    ("GRD6", "What does this MRI show?", "error"),
    ("GRD6", "What does this chest radiograph show?", "error"),
    ("PHI1", "The scan of Mr. Alan Porter: what is shown?", "quarantine"),
    ("PHI1", "A scan of 12 March 2019: what is shown?", "quarantine"),
    ("PHI1", "MRN 00482913: what is shown?", "quarantine"),
    ("PHI1", "Call 555-123-4567. What is shown?", "quarantine"),
    ("PHI1", "Write to a.b@c.org. What is shown?", "quarantine"),
    ("PHI1", "DOB: 1961. What is shown?", "quarantine"),
]
STEMS_RIGHT = [
    ("SCH4", "Which organ lies above the diaphragm in this image?"),
    ("SCH4", "Is a mass seen below the knee? Which?"),
    ("SCH4", "Which hepatitis, A or B, is shown?"),
    ("SCH4", "Which view from above is shown, either a left or a right one?"),
    ("NBM2", "At least how many lesions are shown?"),
    ("NBM2", "Which phase of this CT without contrast is shown?"),
    ("NBM2", "It does not enhance. Which lesion is shown?"),
    ("NBM5", "What is shown...?"),
    ("NBM8", "Identify the structure marked by the arrow."),
    ("NBM8", "In this scan, which organ is enlarged."),
    ("NBM8", "图中显示的是什么？"),
    ("NBM8", "ما الذي يظهر في الصورة؟"),
    ("NBM9", "What is shown in Fig. 2, e.g. by the arrow?"),
    ("CUE3", "Which abnormality is shown in an image"),
    ("LEAK1", "What grade is this according to the WHO classification?"),
    ("LEAK1", "In the context of trauma, which lesion is shown?"),
    ("LEAK1", "Which texture is shown?"),
    ("LEAK2", "Is this an effusion or a nodule?"),
    ("LEAK2", "Which nodal station is marked?"),
    ("LEAK4", "Axial CT of a man: which abnormality is marked?"),
    ("GRD1", "Does the image show a mass, and which?"),
    ("GRD1", "In this image A-lines are absent. What is shown?"),
    ("GRD1", "Which vitamin B deficiency does this image suggest?"),
    ("GRD2", "What does the arrow mark?"),
    ("GRD3", "A lesion of 12 mm is shown. What is it?"),
    ("GRD3", "A lesion of 1.2cm at C5 on a T2 image: what is it?"),
    ("GRD4", "A 54-year-old man has this scan. What is shown?"),
    ("GRD4", "This man in his 50s has this scan. What is shown?"),
    ("GRD4", "A fifty-four-year-old: what is shown?"),
    ("GRD4", "A middle-aged man in his fifties has this scan. What is shown?"),
    ("GRD9", "Which lesion is shown in the right upper lobe?"),
    ("GRD5", "Which abnormality is visible?"),
    ("GRD6", "What does this computed tomography show?"),
    ("GRD6", "Which imaging should be done next, MRI?"),
    ("PHI1", "What does this image of the Meckel diverticulum show in 2019?"),
    ("PHI1", "Which of 1000000 cells in 10-12 fields (PMID: 12345678) is shown?"),
]
OPTIONS_WRONG = [
    ("SCH1", "Nodule", "error"),
    ("SCH1", "Nodule | | Cyst", "error"),
    ("SCH1", " | ".join(["x"] * 11), "error"),
    ("SCH2", "Nodule | nodule. | Cyst", "error"),
    ("SCH2", "Lung mass, left | Left lung mass | Cyst", "error"),
    ("SCH2", "Oedema | Edema | Cyst", "error"),
    ("SCH2", "Heart attack | Myocardial infarction | Cyst", "error"),
    ("SCH2", "MRI | Magnetic resonance imaging | CT", "error"),
    ("SCH2", "ARDS | Acute respiratory distress syndrome | Cyst", "error"),
    ("SCH2", "Cyst | Heart attack | Myocardial infarction", "warn"),
    ("SCH2", "Dark on T1, bright on T2 | Bright on T1, dark on T2 | Cyst", "warn"),
    ("SCH2", "Hepatic nodule | Hepatic nodules | Cyst", "warn"),
    ("SCH2", "Left-sided pleural effusion | Pleural effusion on the left | Cyst", "warn"),
    ("SCH2", "Adenocarcinoma | Adenocarcinome | Cyst", "warn"),
    ("SCH3", "Lung nodule | Calcified lung nodule | Cyst", "warn"),
    ("SCH4", "Cyst | Options A and B | Mass", "error"),
    ("SCH4", "Cyst | A, B and C | Mass", "error"),
    ("SCH5", "A) Cyst | B) Mass | C) Node", "warn"),
    ("SCH5", "Cyst | (B) Mass | Node", "warn"),
    ("NBM1", "Cyst | Mass | All of the above", "error"),
    ("NBM1", "Cyst | Mass | None of these", "error"),
    ("NBM1", "Cyst | Mass | Neither of the above", "error"),
    ("NBM3", "Cyst | Never enhances | Mass", "warn"),
    ("NBM4", "Cyst | Usually a mass | Node", "info"),
    ("NBM4", "Usually a cyst | Mass | Node", "warn"),
    ("NBM5", "Yes | No", "warn"),
    ("NBM5", "True | False | Unknown", "warn"),
    ("NBM6", "Edema and gas | Edema and pus | Gas and pus", "warn"),
    ("NBM7", "10 mm | 30 mm | 20 mm", "info"),
    ("NBM10", "There is gas | There is pus | There is fat", "info"),
    ("CUE1", "A large nodule with spiculated margins | Cyst | Node", "warn"),
    ("CUE1", "Cyst | A large mass with irregular margins | A tiny focus of calcium deep inside", "warn"),
    ("CUE2", "Structural abnormality | Cyst | Node", "warn"),
    ("CUE3", "Enlarged node | Thickening of wall | Thinning of wall", "warn"),
    ("CUE4", "Left upper lobe | Left lower lobe | Right upper lobe", "warn"),
    ("CUE5", "Cyst. | Mass | Node", "warn"),
    ("CUE5", "Cyst (simple) | Mass | Node", "warn"),
    ("CUE5", "X-ray film | blood-borne | well-formed", "warn"),
    ("CUE6", "Grade 3 injury | Mass | Node", "warn"),
    ("CUE6", "Crohn disease | Mass | Node", "warn"),
    ("CUE6", "Paget's disease | Mass | Node", "warn"),
    ("CUE7", "Hepatitis | Melanoma | Gastritis", "info"),
    ("LEAK3", "Nodule in the right upper lobe | Cyst | Node", "warn"),
    ("LEAK3", "Nodule | Cyst | Mass", "info"),
    ("GRD3", "14 mm | 9 mm | 8 mm", "warn"),
    ("GRD7", "Nodule | Right upper lobe | Cyst", "warn"),
    ("GRD8", "Pleural effusion | Nodule | Cyst", "warn"),
]
OPTIONS_RIGHT = [
    ("SCH1", "Nodule | Cyst"),
    ("SCH1", " | ".join(f"x{n}" for n in range(10))),
    ("SCH2", "+ | ++ | +++"),
    ("SCH2", "HER2+ | HER2- | ER+"),
    ("SCH2", "< 5 mm | > 5 mm | 5.1 mm | 51 mm"),
    ("SCH2", "Left upper lobe | Left lower lobe | Right upper lobe"),
    ("SCH2", "Fracture of the C5 vertebra | Fracture of the C6 vertebra | Cyst"),
    ("SCH2", "Markedly hypointense lesion | Markedly hyperintense lesion | Cyst"),
    ("SCH2", "Increased enhancement of wall | Decreased enhancement of wall | Cyst"),
    ("SCH3", "Lung | Lung nodule | Cyst"),
    ("SCH4", "Hepatitis B | Above the knee | Vitamin A"),
    ("SCH4", "Both lungs | Either side | A cyst"),
    ("SCH5", "E. coli | C. difficile | B. cereus"),
    ("SCH5", "C. difficile | S. aureus | E. coli"),
    ("NBM1", "All four chambers | None | Some lobes"),
    ("NBM3", "Cyst | Mass | Small node"),
    ("NBM4", "Cyst | Mass | Mayonnaise"),
    ("NBM5", "Yes | Cyst"),
    ("NBM5", "No abnormality | Nodule | True aneurysm | False aneurysm"),
    ("NBM6", "Gas and pus | Edema | Fat, lobulated | Iron and zinc"),
    ("NBM7", "10 mm | 20 mm | 30 mm"),
    ("NBM7", "30 | 20 | 10"),
    ("NBM7", "L4-L5 | L1-L2 | L3-L4"),
    ("NBM10", "Left lobe | Left kidney | Left lung"),
    ("CUE1", "A large nodule with spiculated margins | A small cyst with smooth borders | Node"),
    ("CUE1", "Nodule | Cyst | Sac"),
    ("CUE2", "Abnormality one | Abnormality two | Abnormality three"),
    ("CUE3", "Bleeding | Fracture | Edema"),
    ("CUE4", "Liver | Spleen | Kidney"),
    ("CUE4", "Left upper lobe | Left lower lobe"),
    ("CUE5", "Cyst | Mass"),
    ("CUE5", "MRI | CT | Ultrasound"),
    ("CUE6", "Grade 3 | Grade 2 | Grade 1"),
    ("CUE7", "Hepatitis | Colitis | Gastritis"),
    ("CUE7", "Liver | Spleen | Heart"),
    ("LEAK3", "Cyst | Mass | Node"),
    ("LEAK3", "Nodule | Right upper lobe | Cyst"),
    ("GRD3", "12 mm | 9 mm | 8 mm"),
    ("GRD7", "Nodule | Effusion | Cyst"),
    ("GRD8", "Nodule | Effusion | Cyst"),
]


@pytest.mark.parametrize(("rule", "stem", "severity"), STEMS_WRONG)
def test_a_flawed_stem_is_found(rule: str, stem: str, severity: str) -> None:
    assert severity in found(rule, stem)


@pytest.mark.parametrize(("rule", "stem"), STEMS_RIGHT)
def test_a_sound_stem_is_left_alone(rule: str, stem: str) -> None:
    assert found(rule, stem) == []


@pytest.mark.parametrize(("rule", "options", "severity"), OPTIONS_WRONG)
def test_flawed_options_are_found(rule: str, options: str, severity: str) -> None:
    assert severity in found(rule, options=first(options))


@pytest.mark.parametrize(("rule", "options"), OPTIONS_RIGHT)
def test_sound_options_are_left_alone(rule: str, options: str) -> None:
    assert found(rule, options=first(options)) == []


def test_every_rule_has_a_definition_and_is_tested_both_ways() -> None:
    wrong = {case[0] for case in (*STEMS_WRONG, *OPTIONS_WRONG)} | {"IMG1", "LIC1", "TXT1"}
    right = {case[0] for case in (*STEMS_RIGHT, *OPTIONS_RIGHT)} | {"IMG1", "LIC1", "TXT1"}
    assert wrong == right == set(RULES)
    assert all(len(rule.definition) > 40 for rule in RULES.values())


def test_planted_defects_are_found_rule_by_rule() -> None:
    missed = Counter(
        (name, rule)
        for name, (rule, item, figure) in planted()
        if rule not in {note.rule for note in lint(item, figure)}
    )
    assert len(planted()) >= 200
    assert not missed


@pytest.mark.parametrize("cards", [(), ("modality", "anatomy", "findings")])
def test_clean_items_raise_no_error_and_few_warnings(cards: tuple[str, ...]) -> None:
    vocabulary = {name: Lexicon(Vocabulary.load(name).terms) for name in cards}
    alarms: dict[str, Counter[str]] = defaultdict(Counter)
    for _, item, figure in clean():
        for severity, rule in {(note.severity, note.rule) for note in lint(item, figure, vocabulary=vocabulary)}:
            alarms[severity][rule] += 1
    assert len(clean()) >= 200
    assert not alarms["error"]
    assert not alarms["quarantine"]
    assert all(count <= 0.02 * len(clean()) for count in alarms["warn"].values())
