"""What an item is judged by."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from medvlsynther.cards._base import Card
from medvlsynther.records import Item, Mark, Origin, Verdict
from medvlsynther.rules import rubric as rubrics


class Rubric(Card):
    """What an item is judged by, who judges it, and how the marks are weighed."""

    FOLDER: ClassVar[str] = "rubrics"

    formula: rubrics.Formula = "strict"
    """How marks become a score."""
    reply_form: rubrics.Form = "keyed"
    """The form in which the verifier is asked to reply; every form is read."""
    criteria: tuple[rubrics.Criterion, ...] = Field(min_length=1)
    """The criteria in the order of prompts, marks and tables."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        ids = [each.id for each in self.criteria]
        if len(set(ids)) < len(ids):
            raise ValueError("two criteria share an id")
        unknown = [each.id for each in self.criteria if each.decided_by == "code" and not rubrics.decidable(each)]
        if unknown:
            raise ValueError(f"no code decides {', '.join(unknown)}")
        return self

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The criteria that the verifier decides, for its prompt: id, title, category, weight and text."""
        fields = {"id", "title", "category", "weight", "text"}
        return [each.model_dump(include=fields) for each in rubrics.asked(self.criteria)]

    def schema(self) -> dict[str, Any]:  # type: ignore[override]  # pydantic's own is deprecated and about classes
        """The JSON schema of the verifier's reply."""
        return rubrics.reply_schema(self.criteria, self.reply_form)

    def read(self, reply: str) -> tuple[Mark, ...]:
        """The verifier's marks. Raises: ReplyError with the reasons of `rules.rubric`."""
        return rubrics.read_marks(reply, self.criteria, formula=self.formula)

    def weigh(self, item: Item, marks: Sequence[Mark], origin: Origin) -> Verdict:
        """The verdict on an item: the verifier's marks, and code's own for the criteria that it decides."""
        return rubrics.weigh(
            self.criteria,
            self.formula,
            (*marks, *rubrics.code_marks(self.criteria, item)),
            item_id=item.item_id,
            rubric=self.name,
            rubric_hash=self.hash,
            origin=origin,
        )
