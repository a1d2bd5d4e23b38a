"""What a data set has to say of itself in words: the same sentences for the card and for its metadata."""

from medvlsynther.export.census import Census

PEOPLE = (
    "Figures come from published articles whose authors answer for consent; no search for identifying marks in the "
    "pixels is claimed here."
)
BIASES = (
    "Open-access literature over-represents rare and striking findings, some countries and some journals; figures are "
    "chosen by their authors to show something."
)
COLLECTION = (
    "Figures, captions and the passages that refer to them were read from the XML of open-access articles, under a "
    "gate for licences and retractions."
)
USE = "Training and studying vision-language models on biomedical figures."
IMPACT = "A model that does well here may still fail on patients; nothing here measures clinical benefit."


def provenance(census: Census) -> list[str]:
    """Who wrote the questions, where a reader might take it for something else."""
    lines = []
    if lexical := census.writers.get("lexical", 0):
        lines.append(
            f"{lexical} of {census.rows} questions were written by the lexical engine: fixed rules over vocabulary "
            "lists, no model. They are a baseline and a test of the pipeline, not a measure of it."
        )
    if census.synthetic:
        lines.append(
            f"{census.synthetic} of {census.rows} questions are about synthetic figures: drawings made by a program "
            "for tests. They show no patient and no finding."
        )
    return lines


def limits(census: Census) -> list[str]:
    """What a user should know before relying on the rows."""
    found = [
        "Questions and keys were made by machines from captions and text; no clinician has checked them row by row.",
        BIASES,
        PEOPLE,
        IMPACT,
    ]
    if not census.criteria:
        found.insert(1, "No rubric was weighed on these rows.")
    return found


def annotation(census: Census) -> str:
    """Who gave questions, keys and marks."""
    writers = ", ".join(sorted(census.writers)) or "nobody"
    judged = "a verifier marked each criterion of a rubric" if census.criteria else "no rubric was weighed"
    return f"Questions and keys were written by {writers}; {judged}."
