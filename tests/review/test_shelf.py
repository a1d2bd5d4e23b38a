"""The index says what the tables say, and single rows are those of the whole table."""

from pathlib import Path

from medvlsynther.records import Figure, Item, Reject
from medvlsynther.review.shelf import GROUPS_KEPT, Rows, Shelf
from medvlsynther.store.table import ROWS_A_GROUP, Table, TableWriter
from tests.export.material import Material
from tests.review.conftest import material, pairs
from tests.review.stores import lay


def test_rows_across_groups_are_those_of_the_table(tmp_path: Path) -> None:
    figure = Material(tmp_path).figure(1, [])
    path = tmp_path / "figures.parquet"
    count = ROWS_A_GROUP * (GROUPS_KEPT + 1) + 3
    with TableWriter(Figure, path) as writer:
        for number in range(count):
            writer.add(figure.model_copy(update={"figure_id": f"f{number}"}))
    rows = Rows(Table(Figure, path))
    edges = [edge + step for edge in range(0, count, ROWS_A_GROUP) for step in (-1, 0, 1)]
    for number in (*edges[1:], count - 1, 0):
        assert rows[number].figure_id == f"f{number}"


def test_the_index_knows_every_item_and_why_it_left(tmp_path: Path) -> None:
    made = material(tmp_path)
    out = made.items[:3]
    shelf = Shelf(lay(made, [Reject(id=item.item_id, reason="low_score") for item in out]))
    assert [entry.item_id for entry in shelf.entries] == [
        *(item.item_id for item in made.items[3:]), *(item.item_id for item in out)
    ]  # fmt: skip
    assert [bool(entry.reject) for entry in shelf.entries] == [False] * (len(made.items) - 3) + [True] * 3
    assert shelf.entries[-1].reject == "filter: low_score"
    by_id: dict[str, Item] = {item.item_id: item for item in made.items}
    for place, entry in enumerate(shelf.entries):
        assert shelf.item(place) == by_id[entry.item_id]
        figure = shelf.figure(place)
        assert figure
        assert figure.figure_id == by_id[entry.item_id].figure_id
        assert entry.article == figure.article.article_id
        assert entry.rules == ("CUE1",)
        shown = shelf.shown(place)
        assert shown.verdict
        assert (shown.verdict.item_id, shown.verdict.score) == (entry.item_id, entry.score)


def test_pairs_have_both_pictures(tmp_path: Path) -> None:
    made = material(tmp_path)
    shelf = Shelf(lay(made, overlaps=pairs(made)))
    assert len(shelf.pairs) == 2
    assert all(all(shelf.pair_images(pair)) for pair in shelf.pairs)


def test_a_run_without_verdicts_labels_or_audit_can_be_read(tmp_path: Path) -> None:
    made = material(tmp_path)
    made.verdicts = made.labels = None
    shelf = Shelf(lay(made))
    assert {entry.band for entry in shelf.entries} == {"none"}
    assert shelf.pairs == []
    assert shelf.criteria == {}
    assert shelf.shown(0).verdict is None
