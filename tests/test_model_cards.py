"""The bundled model cards: each can be read, and says where its facts come from."""

import pytest

from medvlsynther import catalog
from medvlsynther.cards import Model

OURS = {"lexical", "scripted"}
CARDS = catalog.names("models")


@pytest.mark.parametrize("name", CARDS)
def test_a_card_names_its_source_and_an_engine_that_is_there(name: str) -> None:
    card = Model.load(name)
    assert name in OURS or f"https://huggingface.co/{card.repo.removeprefix('hf-hub:')}" in card.source
    assert card.engine in catalog.modules("engines")


def test_no_two_cards_are_of_the_same_weights() -> None:
    cards = [Model.load(name) for name in CARDS]
    assert len({(card.repo, card.revision, str(card.extra_body)) for card in cards}) == len(cards)
