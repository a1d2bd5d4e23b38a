"""What all rows share."""

from pydantic import BaseModel, ConfigDict

LETTERS = "ABCDEFGHIJ"
"""Option letters; an item has 2 to 10 options and the published system uses five."""


class Record(BaseModel):
    """One row: immutable and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Reject(Record):
    """An input that ended here, and why."""

    id: str
    """Id of the article, figure or item; a file name where nothing was readable."""
    reason: str
    """Counted code in snake_case."""
    detail: str = ""
    """What exactly, for people; bounded in length."""
