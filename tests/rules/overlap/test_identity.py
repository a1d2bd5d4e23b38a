"""Names by which data sets know the same thing."""

import pytest

from medvlsynther.rules.overlap.identity import archive_of, article_keys, figure_keys, measure_of, pmcid_in


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("PMC1064097_F1.jpg", "PMC1064097"),
        ("pmc1064097.1", "PMC1064097"),
        ("figures/PMC12_Fig3_HTML.png", "PMC12"),
        ("XPMC12", ""),
        ("pone.0000133.g001", ""),
        ("", ""),
    ],
)
def test_a_pmcid_is_read_out_of_a_file_name(name: str, found: str) -> None:
    assert pmcid_in(name) == found


def test_two_data_sets_name_one_figure_alike() -> None:
    theirs = figure_keys("PMC1064097", "", "PMC1064097_F2.jpg")
    ours = figure_keys("PMC1064097", "Fig. 2", "1471-2407-5-28-2.jpg")
    assert "figure:PMC1064097/2" in set(theirs) & set(ours)


@pytest.mark.parametrize("name", ["image1.png", "gr1.jpg", "figure2.tif", "x.png", ""])
def test_a_name_that_anybody_uses_is_no_identity(name: str) -> None:
    assert not any(key.startswith("file:") for key in figure_keys("", "", name))


def test_a_name_of_one_figure_alone_is_an_identity_without_its_article() -> None:
    assert figure_keys("", "", "pone.0000133.g001.jpg") == ("file:pone.0000133.g001",)


def test_an_article_has_the_keys_that_it_has() -> None:
    assert article_keys("PMC0012", "https://doi.org/10.1371/Journal.Pone.1") == (
        "pmcid:PMC12",
        "doi:10.1371/journal.pone.1",
    )
    assert article_keys("", "no doi") == ()


def test_keys_say_what_they_mean() -> None:
    assert measure_of("figure:PMC1/2") == "same_figure"
    assert archive_of("file:slake/xmlab1/source.jpg") == "slake"
    assert archive_of("file:pone.0000133.g001") is None
