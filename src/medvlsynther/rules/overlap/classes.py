"""What a pair of items is, once images and texts were compared.

"The same image" is a finding about the image whatever the question says: a model that has seen it with any question has
seen it.
"""

from typing import Literal, NamedTuple

Kind = Literal[
    "identical_item", "same_image_same_fact", "same_image_other_fact", "same_article", "template_only", "unresolved"
]

KINDS: dict[Kind, str] = {
    "identical_item": "same question, same answer, and the same image where there is one",
    "same_image_same_fact": "same image and the same right answer, asked for in other words",
    "same_image_other_fact": "same image, another question",
    "unresolved": "same question and answer, but an image of one or both could not be compared, or a judge failed",
    "same_article": "another figure or case of the same article",
    "template_only": "same wording about another image, or only a part of the wording",
}
"""Class to what it means, worst first."""

FLAGGED: tuple[Kind, ...] = ("identical_item", "same_image_same_fact", "same_image_other_fact", "unresolved")
"""Classes that speak against an item unless a recipe says otherwise."""


IMAGE_LAYERS = frozenset({"bytes", "pixels", "perceptual", "copy"})
"""Layers that say that an image is the same; `semantic` only ranks."""

SAME_TEXT = frozenset({"exact:item", "exact:item#", "near:item", "word:item"})
"""Measures that say that the whole text is the same."""

SAME_STEM = frozenset({"exact:stem", "near:stem", "word:stem"})
"""Measures that say that the question is the same."""


class Findings(NamedTuple):
    """What is known of one pair of items."""

    same_image: bool
    """Some image of one is some image of the other, or contains it."""
    same_article: bool
    """They are about the same article or case."""
    same_text: bool
    """Stem and options agree, but for edits that leave the question what it is."""
    same_stem: bool
    """The stems agree in that way."""
    same_key: bool
    """The right answers are the same words."""
    images_compared: bool
    """Every image of both was looked at, or neither has any."""
    imageless: bool
    """Neither has an image."""


def kind_of(found: Findings) -> Kind:
    """The class of a pair in which something was found."""
    same_question = found.same_key and (found.same_text or found.same_stem)
    if found.same_image:
        if same_question:
            return "identical_item"
        return "same_image_same_fact" if found.same_key else "same_image_other_fact"
    if same_question and found.imageless:
        return "identical_item"
    if same_question and not found.images_compared:
        return "unresolved"
    return "same_article" if found.same_article else "template_only"
