"""Prediction tables of VLMEvalKit (xlsx, tsv, csv, json): columns index, question, A, B, …, answer, prediction.

Source: open-compass/VLMEvalKit, multiple-choice data sets; the file's name is the data set.
"""

from collections.abc import Mapping
from typing import Any

from medvlsynther.evaluation.formats._common import Place, Result, options_of, result, text_of


def fits(row: Mapping[str, Any]) -> bool:
    """Its rows hold `prediction` and the options in columns of their own."""
    return "prediction" in row and "A" in row and "B" in row


def read(row: Mapping[str, Any], place: Place) -> Result:
    """One row.

    Raises: InputError (no_options, gold_outside_options, …).
    """
    answer = text_of(row, "answer").strip()
    is_letter = len(answer) == 1
    return result(
        place,
        dataset=place.file.stem,
        number=row.get("index"),
        question=text_of(row, "question"),
        options=options_of(row, ""),
        label=answer if is_letter else "",
        answer="" if is_letter else answer,
        replies=[(text_of(row, "prediction"), "stop")],
    )
