"""PMC-VQA: CSV files beside a folder of figures whose names hold their PMCID.

Source: the files of xmcmic/PMC-VQA; the first version spells one column "Anwser".
"""

from medvlsynther.questions.entry import Entry, Finder, Row, clean, gold, image, without_letter
from medvlsynther.rules.overlap.identity import article_keys, figure_keys, pmcid_in

SUFFIXES = (".csv",)


def in_split(row: Row, split: str) -> bool:
    """A column tells the split in the second version; in the first, file names do."""
    return row.text("split").lower() in ("", split)


def entry(row: Row, found: Finder) -> Entry:
    """One row.

    Raises: InputError(text_too_long).
    """
    options = tuple(
        without_letter(clean(row.text(f"Choice {letter}")), letter) for letter in "ABCD" if row.text(f"Choice {letter}")
    )
    answer = clean(row.text("Answer", "Anwser"))
    label = row.text("Answer_label")
    if not label and len(answer) == 1:
        label, answer = answer, ""
    key = gold(options, without_letter(answer, label.upper()), label)
    name = row.text("Figure_path")
    pmcid = pmcid_in(name)
    return Entry(
        id=row.text("index"),
        question=clean(row.text("Question")),
        options=key.options,
        answer=key.answer,
        letter=key.letter,
        images=(image(name, found(name)),) if name else (),
        keys=article_keys(pmcid, ""),
        image_keys=(figure_keys(pmcid, "", name),) if name else (),
        faults=key.faults,
    )
