"""What shares leave: it comes back equal or not at all, whatever was torn, damaged or is another's."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.errors import BadSetting, StoreTrouble
from medvlsynther.records import Record, Reject
from medvlsynther.store.layout import Store
from medvlsynther.store.shares import Leavings, Share, packed, unpacked

SHARE = Share(0, 2)
REJECTS = st.builds(Reject, id=st.text(), reason=st.text(), detail=st.text())
FOUND = st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 20)), st.lists(REJECTS, max_size=3), max_size=8)


class Stranger(Record):
    """A record that is none of the house's."""

    x: float


def leavings(folder: Path, step_id: str = "images-1") -> Leavings:
    store = Store(folder)
    store.prepare()
    return Leavings(store, step_id)


def keep(place: Leavings, found: dict[tuple[int, int], list[Reject]]) -> None:
    with place.writer(SHARE) as writer:
        for (call, shard), records in sorted(found.items()):
            writer.keep(call, shard, records)


def taken(place: Leavings) -> dict[tuple[int, int], list[Record]]:
    with place.results() as results:
        asked = [(call, shard) for call in range(3) for shard in range(21)]
        found = {each: results.take(*each) for each in asked}
    return {each: records for each, records in found.items() if records is not None}


@given(FOUND, FOUND)
def test_what_is_kept_comes_back_equal_from_any_number_of_files(
    tmp_path_factory: pytest.TempPathFactory,
    one: dict[tuple[int, int], list[Reject]],
    other: dict[tuple[int, int], list[Reject]],
) -> None:
    place = leavings(tmp_path_factory.mktemp("store"))
    keep(place, one)
    keep(place, {each: records for each, records in other.items() if each not in one})
    assert taken(place) == other | one


@given(FOUND, st.data())
def test_what_is_torn_or_damaged_is_not_believed(
    tmp_path_factory: pytest.TempPathFactory, found: dict[tuple[int, int], list[Reject]], data: st.DataObject
) -> None:
    place = leavings(tmp_path_factory.mktemp("store"))
    keep(place, found)
    for file in place.folder.glob("*.results"):
        content = bytearray(file.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content = content[:at]
        else:
            content[at] ^= data.draw(st.integers(1, 255))
        file.write_bytes(content)
    # A shard number is no part of the sum: a changed one could only be believed under another number.
    kept = taken(place)
    assert sum(kept.get(each) != records for each, records in found.items()) <= len(found)
    assert all(records in found.values() for records in kept.values())


def test_results_of_another_step_or_release_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {(0, 0): [Reject(id="a", reason="b", detail="")]}
    place = leavings(tmp_path)
    keep(place, found)
    assert taken(place) == found
    (file,) = place.folder.glob("*.results")
    other = leavings(tmp_path, "images-2")
    other.folder.mkdir()
    (other.folder / file.name).write_bytes(file.read_bytes())
    assert taken(other) == {}
    monkeypatch.setattr("medvlsynther.store.shares.__version__", "0.0.1")
    assert taken(place) == {}


def test_only_records_of_the_house_that_come_back_equal_are_kept() -> None:
    assert packed([Reject(id="a", reason="b", detail="c"), 3]) is None
    assert packed([Stranger(x=1.0)]) is None
    assert packed([]) == b""
    assert unpacked(b"") == []


@pytest.mark.parametrize("line", [b"Nobody {}", b"__name__ {}", b"Reject {}", b'os {"x":1}', b"\xff {}"])
def test_other_data_with_a_right_sum_is_refused(line: bytes) -> None:
    with pytest.raises(StoreTrouble, match="cannot be read"):
        unpacked(line)


@given(st.integers(1, 40), st.integers(0, 500))
def test_shares_have_every_row_and_every_shard_once(of: int, count: int) -> None:
    shares = [Share(number, of) for number in range(of)]
    assert [row for share in shares for row in range(*share.rows(count))] == list(range(count))
    assert [sum(share.has(shard) for share in shares) for shard in range(count)] == [1] * count
    assert {*shares[0].others(), shares[0]} == set(shares)
    assert all(Share.parse(str(share)) == share for share in shares)


@pytest.mark.parametrize("text", ["", "1", "3/3", "-1/3", "0/0", "1/-2", "a/b", "0/3/4", "1.0/3", "²/3", "9" * 30])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="i/n"):
        Share.parse(text)


def test_marks_are_told_apart_and_removed_with_the_rest(tmp_path: Path) -> None:
    place = leavings(tmp_path)
    place.mark(Share(0, 3))
    assert [place.marked(share) for share in (Share(0, 3), Share(1, 3), Share(0, 2))] == [True, False, False]
    place.remove()
    assert not place.marked(Share(0, 3))
    assert list((tmp_path / "steps").iterdir()) == []
