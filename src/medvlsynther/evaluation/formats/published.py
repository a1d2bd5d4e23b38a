"""`eval_results.jsonl` of the published scripts, regraded or not; without options they are read from the prompt.

Source: UCSC-VLAA/MedVLSynther 9df6f3b, eval/run_offline_inference.py and regrade_eval_results.py.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from medvlsynther.errors import InputError
from medvlsynther.evaluation.formats._common import Place, Result, options_of, result, text_of


def fits(row: Mapping[str, Any]) -> bool:
    """Its rows hold `parsed_outputs`."""
    return "parsed_outputs" in row


def read(row: Mapping[str, Any], place: Place) -> Result:
    """One row.

    Raises: InputError (options_unreadable, gold_outside_options, …).
    """
    prompt = text_of(row, "prompts")
    return result(
        place,
        dataset=text_of(row, "dataset_name"),
        number=row.get("dataset_index"),
        question=prompt,
        options=options_of(row, prompt),
        label=text_of(row, "answer_label"),
        answer=text_of(row, "answer"),
        replies=_replies(row["parsed_outputs"]),
    )


def _replies(outputs: object) -> Iterator[tuple[str, str]]:
    for output in outputs if isinstance(outputs, list) else ():
        text = output.get("output_text") if isinstance(output, dict) else None
        if not isinstance(text, str):
            raise InputError("no_reply", "an output without output_text")
        yield text, "stop"
