"""What a card is: a file of YAML, read and checked, and the hash of its text."""

from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from pydantic import ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator

from medvlsynther import catalog
from medvlsynther.errors import BadSetting
from medvlsynther.fingerprint import text_hash
from medvlsynther.records import Record


class Card(Record):
    """A YAML file of `assets/<folder>/`, read and checked."""

    FOLDER: ClassVar[str]

    description: str
    """One line for `medvlsynther list`."""
    source: str = ""
    """Where its facts come from: paper section, model page, standard; "" for our own."""

    _name: str = PrivateAttr(default="")
    _hash: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """The file's name without suffix."""
        return self._name

    @property
    def hash(self) -> str:
        """SHA-256 of the file's text."""
        return self._hash

    def identity(self) -> object:
        """What a fingerprint sees of a card: its text, not its name."""
        return {"card": type(self).FOLDER, "sha256": self._hash}

    @model_validator(mode="wrap")
    @classmethod
    def _by_name(cls, value: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        """In a setting such as `models: [glm-4.5v, …]`, a card is written by its name."""
        return cls.load(value) if isinstance(value, str) else build(value)

    @classmethod
    def load(cls, name: str, *, where: str = "") -> Self:
        """The card of that name, or of that path when it ends in `.yaml`.

        Raises: UnknownName, MissingInput, BadSetting (with every wrong key).
        """
        return cls._of_file(catalog.find(cls.FOLDER, name, where=where))

    @classmethod
    def _of_file(cls, path: Path) -> Self:
        """The card in one file.

        Raises: BadSetting.
        """
        text = path.read_text(encoding="utf-8")
        try:
            card = cls.model_validate(parse_yaml(text, str(path)))
        except ValidationError as error:
            raise BadSetting(describe(error), where=str(path), mend="Mend the card") from None
        card._name = path.stem
        card._hash = text_hash(text)
        return card


def parse_yaml(text: str, where: str) -> Any:
    """Plain data from YAML.

    Raises: BadSetting with line and column.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadSetting(" ".join(str(error).split()), where=where, mend="Mend the YAML") from None


def describe(error: ValidationError) -> str:
    """All faults of a validation in one line: key, what is wrong, the value given."""
    faults = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"]) or "value"
        given = "" if fault["type"] in ("missing", "extra_forbidden") else f", not {str(fault['input'])[:60]!r}"
        faults.append(f"{key}: {fault['msg'][0].lower()}{fault['msg'][1:]}{given}")
    return "; ".join(faults)
