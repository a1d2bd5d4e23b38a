"""MedXpertQA MM: JSON lines beside a folder of images; options stand in the question too and are taken off it.

Source: the files of TsinghuaC3I/MedXpertQA.
"""

from medvlsynther.questions.entry import Entry, Finder, Row, clean, gold, image, read_options

SUFFIXES = (".jsonl",)

_CHOICES = "\nAnswer Choices:"


def entry(row: Row, found: Finder) -> Entry:
    """One record.

    Raises: InputError (options_unreadable, option_letters, option_empty, text_too_long).
    """
    key = gold(read_options(row.values.get("options")), "", row.text("label"))
    given = row.values.get("images")
    names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    number = row.text("id")
    return Entry(
        id=number,
        question=clean(row.text("question").partition(_CHOICES)[0]),
        options=key.options,
        answer=key.answer,
        letter=key.letter,
        images=tuple(image(name, found(name)) for name in names),
        keys=(f"item:{{set}}/{number}",) if number else (),
        image_keys=tuple((f"file:{{set}}/{name}",) for name in names),
        faults=key.faults,
    )
