"""SLAKE: JSON lists in English and Chinese beside a folder of images.

Source: the files of BoKelvin/SLAKE.
"""

from medvlsynther.questions.entry import Entry, Finder, Row, clean, image, yes_no

SUFFIXES = (".json",)


def entry(row: Row, found: Finder) -> Entry:
    """One record; a closed question whose answer is not yes or no names no options, so it counts as open.

    Raises: InputError(text_too_long).
    """
    key = yes_no(clean(row.text("answer")), row.text("answer_type").upper() == "CLOSED")
    name, number = row.text("img_name"), row.text("qid")
    return Entry(
        id=number,
        question=clean(row.text("question")),
        options=key.options,
        answer=key.answer,
        letter=key.letter,
        images=(image(name, found(name)),) if name else (),
        language=row.text("q_lang") or "en",
        keys=(f"item:{{set}}/{number}",) if number else (),
        image_keys=((f"file:{{set}}/{name}",),) if name else (),
        faults=key.faults,
    )
