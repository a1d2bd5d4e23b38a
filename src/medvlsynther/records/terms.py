"""Entries of vocabularies."""

from medvlsynther.records._base import Record


class Term(Record):
    """One entry of a vocabulary."""

    name: str
    """Canonical name, lower case."""
    aliases: tuple[str, ...] = ()
    """Other spellings and abbreviations; matched as whole words, case-blind unless all capitals."""
    group: str = ""
    """Sibling group: distractors are drawn from the same group."""
    tags: tuple[str, ...] = ()
    """What else is known: "modality:ct", "anatomy:lung", "not_clinical", …"""
    display: str = ""
    """As printed in an option; `name` where empty."""

    @property
    def text(self) -> str:
        """As printed in an option."""
        return self.display or self.name
