"""PathVQA: parquet with one image, a question and an answer a row.

Source: the files of flaviagiammarino/path-vqa.
"""

from medvlsynther.questions.entry import Entry, Finder, Row, clean, image, yes_no
from medvlsynther.questions.images import cell

SUFFIXES = (".parquet",)


def entry(row: Row, _: Finder) -> Entry:
    """One row: closed where the answer is yes or no.

    Raises: InputError(text_too_long).
    """
    key = yes_no(clean(row.text("answer")))
    has_image = row.values.get("image") is not None
    return Entry(
        id="",
        question=clean(row.text("question")),
        options=key.options,
        answer=key.answer,
        letter=key.letter,
        images=(image("image", cell(row.file, row.number, "image", 0)),) if has_image else (),
        image_keys=((),) if has_image else (),
        faults=key.faults,
    )
