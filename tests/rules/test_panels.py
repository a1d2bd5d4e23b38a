"""Panels in captions: every way to mark them, and what only looks like a mark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.rules.panels import find_panels


def panels(caption: str) -> list[tuple[str, str]]:
    return [(panel.label, caption[panel.start : panel.end]) for panel in find_panels(caption)]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("(A) Axial CT. (B) Coronal CT.", [("A", "Axial CT."), ("B", "Coronal CT.")]),
        ("Chest. [a] Front; [b] side.", [("a", "Front"), ("b", "side.")]),
        ("CT of the primary (A) and metastasis (B).", [("A", "CT of the primary"), ("B", "metastasis")]),
        ("Mass. CT scan (left); 3D view (right)", [("left", "CT scan"), ("right", "3D view")]),
        ("Left: CT. Right: MR.", [("left", "CT."), ("right", "MR.")]),
        ("Upper panel: CT. Lower panel: MR.", [("upper", "CT."), ("lower", "MR.")]),
        ("Staining. a left CPGL, b right CPGL", [("a", "left CPGL"), ("b", "right CPGL")]),
        ("Mice (n = 6). a The weights. b Survival.", [("a", "The weights."), ("b", "Survival.")]),
        ("x. a, A spider plot. b, Images", [("a", "A spider plot."), ("b", "Images")]),
        ("A SDS-PAGE of x. B Western blot", [("A", "SDS-PAGE of x."), ("B", "Western blot")]),
        ("A) one B) two", [("A", "one"), ("B", "two")]),
        ("Panel A: CT. Panel B: MR.", [("A", "CT."), ("B", "MR.")]),
        ("(i) one. (ii) two. (iii) three", [("i", "one."), ("ii", "two."), ("iii", "three")]),
        ("(A–C) MR. (D) CT", [("A", "MR."), ("B", "MR."), ("C", "MR."), ("D", "CT")]),
        ("(A, B) MR. (C) CT", [("A", "MR."), ("B", "MR."), ("C", "CT")]),
        ("(A), (B) and (C) CT. (D) MR", [("A", "CT."), ("B", "CT."), ("C", "CT."), ("D", "MR")]),
        ("(A, left) CT. (B, right) MR.", [("A", "CT."), ("B", "MR.")]),
        ("(A) Mass, arrows in (A). (B) Node (T2).", [("A", "Mass, arrows in (A)."), ("B", "Node (T2).")]),
    ],
)
def test_panels_are_found_with_their_text(caption: str, expected: list[tuple[str, str]]) -> None:
    assert panels(caption) == expected


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "Chest radiograph of a man.",
        "Tumour (pT3) with nodes (T2), n = 3 (n = 3) (a.u.).",
        "Signal at 37 (C) and (N).",
        "The mass (A).",
        "A patient with lymphoma. B symptoms were present.",
        "Vitamin (B) and (C).",
        "The lesion on the left is larger than on the right.",
        "(1) first (2) second",
    ],
)
def test_a_single_panel_has_none(caption: str) -> None:
    assert panels(caption) == []


PIECES = [
    "(A)",
    "(B)",
    "(C)",
    "(a)",
    "(b)",
    "A",
    "B",
    "a,",
    "b",
    "(i)",
    "(ii)",
    "Left:",
    "(right)",
    "CT.",
    "and",
    ",",
    "–",
]
CAPTIONS = st.lists(st.sampled_from(PIECES)).map(" ".join) | st.text(max_size=200)


@given(CAPTIONS)
def test_panels_lie_in_the_caption_and_bear_distinct_labels(caption: str) -> None:
    found = find_panels(caption)
    assert len({panel.label for panel in found}) == len(found) != 1
    assert all(0 <= panel.start <= panel.end <= len(caption) for panel in found)


@given(st.integers(2, 26), st.booleans(), st.sampled_from(["({}) ", "{}) ", "[{}] "]))
def test_every_sequence_is_found_whole(count: int, upper: bool, style: str) -> None:
    letters = [chr((65 if upper else 97) + n) for n in range(count)]
    caption = "".join(f"{style.format(letter)}Image number {n}. " for n, letter in enumerate(letters))
    assert panels(caption) == [(letter, f"Image number {n}.") for n, letter in enumerate(letters)]


def test_hostile_captions_take_linear_time() -> None:
    for caption in ("A," * 50_000, "(" * 100_000, "," * 100_000, "(A) " + ", and" * 40_000, "and " * 50_000 + "(A)(B)"):
        assert len(find_panels(caption)) <= 26
