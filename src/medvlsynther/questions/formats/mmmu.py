"""MMMU: parquet with up to seven images a row; the places of the images stay in the question as "<image n>".

Source: the files of MMMU/MMMU; options are a Python list written as text.
"""

from medvlsynther.questions.entry import Entry, Finder, Row, clean, gold, image, read_options
from medvlsynther.questions.images import cell

SUFFIXES = (".parquet",)

_COLUMNS = tuple(f"image_{number}" for number in range(1, 8))


def entry(row: Row, _: Finder) -> Entry:
    """One row; a row whose question is not multiple-choice has no options.

    Raises: InputError (options_unreadable, option_letters, option_empty, text_too_long).
    """
    label = row.text("answer")
    key = gold(read_options(row.values.get("options")), "" if len(label) == 1 else clean(label), label)
    columns = [column for column in _COLUMNS if row.values.get(column) is not None]
    number = row.text("id")
    return Entry(
        id=number,
        question=clean(row.text("question")),
        options=key.options,
        answer=key.answer,
        letter=key.letter,
        images=tuple(image(column, cell(row.file, row.number, column, 0)) for column in columns),
        keys=(f"item:{{set}}/{number}",) if number else (),
        image_keys=tuple(() for _ in columns),
        faults=key.faults,
    )
