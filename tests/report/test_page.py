"""The report: whole, offline, the same every time, and text from outside stays text."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import MissingInput
from medvlsynther.records import Figure, Item, Label, Record, Reject, Verdict
from medvlsynther.report import page, plots
from medvlsynther.report.facts import Level, gather
from medvlsynther.store.finished import Run, finished
from tests.export.material import Material, item
from tests.review.conftest import pairs
from tests.review.stores import lay
from tests.store.loose import loose_files

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> javascript:alert(1) \u202egnp.exe ]]> --> {{ 7*7 }}"


def free(_: Any) -> float:
    return 0.0


@pytest.fixture
def run(tmp_path: Path) -> Run:
    material = Material(tmp_path).fill(articles=8)
    return lay(material, rejects=[Reject(id=material.items[0].item_id, reason="low_score", detail=HOSTILE)])


class Outside(HTMLParser):
    """Whatever a page would fetch, and the tags it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data", "action", "xlink:href")]
        assert not [k for k, _ in attrs if k.startswith("on")]


def test_the_page_needs_nothing_outside_itself(run: Run) -> None:
    found = Outside(page.html([run], free))
    assert all(link.startswith(("#", "data:")) for link in found.links)
    assert not {"script", "iframe", "object", "form"} & set(found.tags)


def test_text_from_outside_stays_text(tmp_path: Path) -> None:
    material = Material(tmp_path).fill(articles=3)
    figures = [f.model_copy(update={"caption": HOSTILE * 3000}) for f in material.figures]
    items = [i.model_copy(update={"question": HOSTILE, "options": (HOSTILE, *i.options[1:])}) for i in material.items]
    material.figures, material.items = figures, items
    text = page.html([lay(material)], free)
    assert "script" not in Outside(text).tags
    assert "&lt;script&gt;" in text
    assert "<bdi>" in text
    assert len(text) < 2e6


def test_equal_runs_give_equal_bytes(run: Run) -> None:
    assert page.html([run], free) == page.html([run], free)


def test_counts_are_those_of_the_tables(run: Run) -> None:
    facts = gather(run, free)
    assert facts.items == 15
    assert facts.judged == 16
    assert facts.breakdowns["Letter of the key"].total() == 15
    assert facts.breakdowns["Images an item"] == {"1": 7, "2": 8}
    (worth,) = [w for w in facts.criteria if w.criterion == "stem_concision"]
    assert (worth.met, worth.judged) == (0, 16)


def test_tokens_are_told_in_all_and_for_an_accepted_item(run: Run) -> None:
    facts = gather(run, free)
    asked = len(facts.spent)
    for text in (page.html([run], free), page.markdown([run], free)):
        told = " ".join(re.sub(r"<[^>]+>|\|", " ", text).split())
        assert f"an accepted item {10 * asked / 15:.1f} 0.0 " in told
    assert f"in all {10 * asked} 0 {4 * asked} {5 * asked} " in " ".join(
        re.sub(r"<[^>]+>", " ", page.html([run], free)).split()
    )


def test_a_criterion_keeps_out_what_passes_without_it(tmp_path: Path) -> None:
    material = Material(tmp_path).fill(articles=3)
    assert material.verdicts
    from medvlsynther.cards import Rubric

    card = Rubric.load("audited")
    failing = {0: {"diagnosis_leak"}, 1: {"diagnosis_leak", "clinical_validity"}, 2: {"plausible_distractors"}}
    verdicts = []
    for place, old in enumerate(material.verdicts):
        marks = tuple(c.mark(c.id not in failing.get(place, set()), "model") for c in card.criteria)
        verdicts.append(card.weigh(material.items[place], marks, old.origin))
    material.verdicts = verdicts
    alone = {w.criterion: w.alone for w in gather(lay(material), free).criteria}
    assert alone["diagnosis_leak"] == 1
    assert alone["clinical_validity"] == 0
    assert alone["plausible_distractors"] == 1


def test_two_runs_stand_side_by_side(run: Run, tmp_path: Path) -> None:
    other = lay(Material(tmp_path / "other").fill(articles=2), name="other")
    text = page.html([run, other], free)
    assert text.count('class="runs"') >= 8
    assert "made and other" in text
    assert page.markdown([run, other], free).count("# ") >= 2


def test_an_unfinished_run_says_what_is_to_do(run: Run) -> None:
    unfinished = Run(run.name, run.store, run.steps[:2], ("filter",))
    assert "not finished. Still to do: filter" in page.html([unfinished], free)
    assert "Still to do: filter" in page.markdown([unfinished], free)


def test_a_run_without_a_finished_step_is_refused(run: Run) -> None:
    with pytest.raises(MissingInput):
        finished(run.store, "made", [("collect", "collect-0000")])


def test_missing_and_broken_images_are_said(tmp_path: Path) -> None:
    material = Material(tmp_path).fill(articles=2, images=[1])
    stored = loose_files(material.store.images)
    stored[0].unlink()
    stored[1].write_bytes(b"<svg onload=alert(1)>")
    text = page.html([lay(material)], free)
    assert "image missing" in text
    assert "image damaged" in text
    assert "cannot be had from the store" in text


@given(st.lists(st.tuples(st.text(max_size=40), st.integers(0, 10**9)), max_size=4), st.text(max_size=60))
def test_any_name_can_be_drawn(rejects: list[tuple[str, int]], name: str) -> None:
    svg = plots.funnel([Level(name, 3, tuple(rejects))])
    assert svg.startswith("<svg")
    assert not re.search(r"<script|<!ENTITY", svg)


def test_records_of_a_run_are_found_by_what_they_are(run: Run) -> None:
    kinds: list[type[Record]] = [Figure, Item, Verdict, Label]
    assert all(run.last(kind) is not None for kind in kinds)
    assert item(next(iter(run.need(Figure)))).figure_id


def test_overlapping_pairs_are_shown_with_both_pictures(tmp_path: Path) -> None:
    made = Material(tmp_path).fill(articles=6)
    text = page.html([lay(made, overlaps=pairs(made))], free)
    assert text.count('class="two"') == 2
    assert "2 of 64 bits &lt;b&gt;differ&lt;/b&gt;" in text
    assert "no image here" not in text
