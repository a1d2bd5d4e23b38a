"""The vocabulary cards: closed lists whose terms exclude each other where they must."""

from collections import Counter

import pytest

from medvlsynther import catalog
from medvlsynther.cards import Vocabulary
from medvlsynther.rules.vocab import Lexicon, words

CARDS = ("modality", "anatomy", "findings", "categories", "question_types")


def tags(term_tags: tuple[str, ...], kind: str) -> list[str]:
    return [tag.removeprefix(f"{kind}:") for tag in term_tags if tag.startswith(f"{kind}:")]


@pytest.mark.parametrize("name", CARDS)
def test_names_are_unique_and_no_spelling_has_two_owners(name: str) -> None:
    terms = Vocabulary.load(name).terms
    assert len({term.name for term in terms}) == len(terms)
    owners: dict[tuple[str, ...], set[str]] = {}
    for term in terms:
        for spelling in (term.name, term.display, *term.aliases):
            owners.setdefault(words(spelling), set()).add(term.name)
    owners.pop((), None)
    assert {spelling: names for spelling, names in owners.items() if len(names) > 1} == {}


@pytest.mark.parametrize("name", CARDS)
def test_every_spelling_finds_its_own_term(name: str) -> None:
    lexicon = Lexicon(Vocabulary.load(name).terms)
    for term in lexicon.terms:
        for spelling in (term.name, term.text, *term.aliases):
            assert lexicon.whole(spelling) == term, spelling


@pytest.mark.parametrize("name", CARDS)
def test_every_near_term_exists(name: str) -> None:
    terms = Vocabulary.load(name).terms
    known = {term.name for term in terms}
    assert [near for term in terms for near in tags(term.tags, "near") if near not in known] == []


def test_modalities_and_regions_are_those_of_the_plan() -> None:
    modalities = {m for term in Vocabulary.load("modality").terms for m in tags(term.tags, "modality")} - {"other"}
    regions = {a for term in Vocabulary.load("anatomy").terms for a in tags(term.tags, "anatomy")}
    assert len(modalities) == 12
    assert len(regions) >= 28
    for name, kinds in (("modality", modalities), ("anatomy", regions)):
        assert kinds <= {term.name for term in Vocabulary.load(name).terms}


@pytest.mark.parametrize("name", ["anatomy", "findings", "categories"])
def test_tags_name_known_modalities_and_regions(name: str) -> None:
    modalities = {term.name for term in Vocabulary.load("modality").terms}
    structures = {term.name for term in Vocabulary.load("anatomy").terms}
    for term in Vocabulary.load(name).terms:
        assert set(tags(term.tags, "modality")) <= modalities, term.name
        assert set(tags(term.tags, "anatomy")) <= structures, term.name


def test_findings_have_enough_siblings_for_five_options() -> None:
    terms = Vocabulary.load("findings").terms
    assert len(terms) >= 150
    assert min(Counter(term.group for term in terms).values()) >= 6
    assert all(tags(term.tags, "modality") for term in terms)


def test_categories_are_the_24_clinical_kinds_and_those_turned_away() -> None:
    terms = Vocabulary.load("categories").terms
    clinical = [term for term in terms if "not_clinical" not in term.tags]
    assert len(clinical) == 24
    assert {"plots and charts", "illustrative diagrams", "tables", "immuno assays", "maps", "chemical structures"} <= {
        term.name for term in terms if "not_clinical" in term.tags
    }


def test_there_are_seven_question_types() -> None:
    assert [term.name for term in Vocabulary.load("question_types").terms] == [
        "modality", "anatomy", "finding", "diagnosis", "next step", "grading", "other",
    ]  # fmt: skip


def test_the_folder_holds_these_cards_only() -> None:
    assert set(catalog.names("vocab")) == set(CARDS)
