"""`…_samples_<task>.jsonl` of lmms-eval, as `--log_samples` writes it; the task's name is the data set.

Source: EvolvingLMMs-Lab/lmms-eval, loggers/evaluation_tracker.py: `doc` is left out of newer files, `resps` where it
equals `filtered_resps`, so that options are read from `input`.
"""

from collections.abc import Mapping
from typing import Any

from medvlsynther.evaluation.formats._common import Place, Result, options_of, result, text_of, texts_in


def fits(row: Mapping[str, Any]) -> bool:
    """Its rows hold `doc_id` and `filtered_resps`."""
    return "doc_id" in row and "filtered_resps" in row


def read(row: Mapping[str, Any], place: Place) -> Result:
    """One row.

    Raises: InputError (no_options, gold_outside_options, …).
    """
    prompt = "\n".join(texts_in(row.get("input") or row.get("arguments")))
    doc = row["doc"] if isinstance(row.get("doc"), dict) else {}
    label = text_of(doc, "answer_label")
    target = text_of(row, "target") or text_of(doc, "answer")
    is_letter = len(target.strip()) == 1
    return result(
        place,
        dataset=place.file.stem.partition("_samples_")[2] or place.file.stem,
        number=row["doc_id"],
        question=text_of(doc, "question") or prompt,
        options=options_of(doc, prompt),
        label=label or (target if is_letter else ""),
        answer="" if is_letter else target,
        replies=[(text, "stop") for text in texts_in(row.get("resps") or row["filtered_resps"])],
    )
