"""VQA-RAD: one JSON list for both splits beside a folder of MedPix images.

Source: "VQA_RAD Dataset Public.json"; `phrase_type` begins with "test" for the test split.
"""

from medvlsynther.questions.entry import Entry, Finder, Row, clean, image, yes_no

SUFFIXES = (".json",)


def in_split(row: Row, split: str) -> bool:
    """The kind of phrase tells the split."""
    return row.text("phrase_type").lower().startswith("test") == (split == "test")


def entry(row: Row, found: Finder) -> Entry:
    """One record.

    Raises: InputError(text_too_long).
    """
    key = yes_no(clean(row.text("answer")), row.text("answer_type").upper() == "CLOSED")
    name, number, case = row.text("image_name"), row.text("qid"), row.text("image_case_url")
    return Entry(
        id=number,
        question=clean(row.text("question")),
        options=key.options,
        answer=key.answer,
        letter=key.letter,
        images=(image(name, found(name)),) if name else (),
        keys=tuple(filter(None, (f"item:{{set}}/{number}" if number else "", f"case:{case}" if case else ""))),
        image_keys=((f"file:{{set}}/{name}",),) if name else (),
        faults=key.faults,
    )
