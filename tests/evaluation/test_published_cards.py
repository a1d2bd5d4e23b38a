"""Published rows: every average is the mean of its row, as printed."""

import pytest

from medvlsynther import catalog
from medvlsynther.cards import Benchmark, PublishedScores


@pytest.mark.parametrize("name", catalog.names("published"))
def test_rows_add_up_and_name_known_sets(name: str) -> None:
    card = PublishedScores.load(name)
    assert card.source
    for row in card.rows:
        assert set(row.percent) <= set(catalog.names(Benchmark.FOLDER))
        if row.average is not None:
            # Cells are rounded to two decimals, so their mean may be off by half of the last one, and its own rounding.
            assert sum(row.percent.values()) / len(row.percent) == pytest.approx(row.average, abs=0.0101), row.model


def test_the_models_of_the_published_tables_are_there() -> None:
    models = " ".join(row.model for name in catalog.names("published") for row in PublishedScores.load(name).rows)
    for family in (
        "Gemma 3",
        "MedGemma",
        "LLaVA-Med",
        "HuatuoGPT-Vision",
        "Qwen2.5-VL",
        "MedVLThinker",
        "MedVLSynther",
    ):
        assert family in models
