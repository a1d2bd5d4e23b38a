"""One object a line with whatever one has: options, the key, and a reply or several.

Fields: `options` (mapping, list, either as text, or in the lines of `prompt`); `answer_label` or `answer`; `reply`
(`response`, `output`, `text`) or `replies` (`outputs`, `responses`); and where there are such `dataset`, `id`,
`question`, `finish` ("length" for a reply that was cut off).
"""

from collections.abc import Mapping
from typing import Any

from medvlsynther.evaluation.formats._common import Place, Result, options_of, result, text_of, texts_in

REPLY = ("reply", "response", "output", "output_text", "prediction", "text")
REPLIES = ("replies", "outputs", "responses")


def fits(row: Mapping[str, Any]) -> bool:
    """Its rows hold a reply."""
    return any(name in row for name in (*REPLY, *REPLIES))


def read(row: Mapping[str, Any], place: Place) -> Result:
    """One row.

    Raises: InputError (no_options, gold_outside_options, …).
    """
    given = next((row[name] for name in (*REPLIES, *REPLY) if name in row), None)
    answer, label = text_of(row, "answer", "gold", "target"), text_of(row, "answer_label", "label")
    if not label and len(answer.strip()) == 1:
        label, answer = answer, ""
    prompt = text_of(row, "prompt", "prompts")
    return result(
        place,
        dataset=text_of(row, "dataset_name", "dataset") or place.file.stem,
        number=text_of(row, "question_id", "id", "dataset_index", "index") or None,
        question=text_of(row, "question") or prompt,
        options=options_of(row, prompt),
        label=label,
        answer=answer,
        replies=[(text, text_of(row, "finish", "finish_reason") or "stop") for text in texts_in(given)],
    )
