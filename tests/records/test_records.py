"""All records of the room are found at its door, and every field says what it is."""

from importlib import import_module
from pkgutil import iter_modules

import pytest

from medvlsynther import records
from medvlsynther.records import Record

MADE = {
    name: kind
    for module in iter_modules(records.__path__, f"{records.__name__}.")
    for name, kind in vars(import_module(module.name)).items()
    if isinstance(kind, type) and issubclass(kind, Record) and not name.startswith("_")
}


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_record_is_found_at_the_door_of_its_room(name: str) -> None:
    assert name in records.__all__
    assert getattr(records, name) is MADE[name]


@pytest.mark.parametrize("kind", MADE.values(), ids=lambda kind: kind.__name__)
def test_every_field_of_a_record_says_what_it_is(kind: type[Record]) -> None:
    assert kind.__doc__
    assert [name for name, field in kind.model_fields.items() if not field.description] == []
