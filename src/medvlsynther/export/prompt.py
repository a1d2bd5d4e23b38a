"""The one builder of what a model is asked when it answers an item, and of what it should reply.

Training (verl, TRL and the conversation formats), evaluation and the demo all take their words from here, so that a
model meets the same tokens everywhere. The words themselves are a prompt card; `released` is the published one.
"""

from collections.abc import Mapping
from typing import Any

from medvlsynther.cards import Prompt
from medvlsynther.engines.base import Request, render
from medvlsynther.errors import InputError
from medvlsynther.records import Item, Record

PLACEHOLDER = "<image>"
"""Where formats of plain text want an image: verl, LLaMA-Factory, ms-swift."""


class Words(Record):
    """An item as words: the images stand before `user`."""

    system: str
    """System message; "" for none."""
    user: str
    """The text that follows the images."""

    def plain(self, images: int = 0) -> list[dict[str, str]]:
        """Messages of plain text, each image as a placeholder before the text, nothing between."""
        return [*self._opening(), {"role": "user", "content": PLACEHOLDER * images + self.user}]

    def parts(self, images: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Messages of parts, as chat templates and servers take them; `images` are parts of the format's own kind."""
        return [*self._opening(), {"role": "user", "content": [*images, {"type": "text", "text": self.user}]}]

    def _opening(self) -> list[dict[str, str]]:
        return [{"role": "system", "content": self.system}] if self.system else []


def ask(prompt: Prompt, item_id: str, question: str, options: Mapping[str, str]) -> Words:
    """The words of one question under a prompt card.

    Raises: BadSetting when the card has slots beyond `question` and `options`.
    """
    words = render(Request(item_id, prompt, {"question": question, "options": dict(options)}))
    return Words(system=words.system, user="\n\n".join(part for part in (words.material, words.task) if part))


def asked(prompt: Prompt, item: Item) -> Words:
    """The words of one item."""
    return ask(prompt, item.item_id, item.question, item.lettered)


def reply(item: Item, *, thoughts: bool = False) -> str:
    """The reply that training wants: thoughts in their tags, where there are any, then the letter in its own.

    Raises: InputError (no_thoughts) where `thoughts` are asked for and the item has none.
    """
    answer = f"<answer>{item.answer}</answer>"
    if item.reasoning:
        return f"<think>{item.reasoning}</think>\n{answer}"
    if thoughts:
        raise InputError("no_thoughts", "run `explain` first")
    return answer
