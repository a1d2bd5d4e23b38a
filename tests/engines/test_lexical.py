"""The lexical engine's door, its card, and what it reads its evidence from."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther.cards import Model
from medvlsynther.engines._lexical_terms import Evidence, related, revision
from medvlsynther.records import Term
from tests.engines.lexical_engine import ENGINE, FINDINGS


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
