"""Copies made on purpose, to see whether the audit finds them: what people do to figures and to questions.

Chance comes from the seed and the item's name alone.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence

from PIL import Image, ImageDraw, ImageOps

from medvlsynther.fingerprint import draw

Change = Callable[[Image.Image, "Dice"], Image.Image]

PANEL_PX = 300
"""Side of a panel in a compound figure."""

GUTTER_PX = 8
"""Between panels."""


class Dice:
    """Numbers that depend on a seed and names, and the other images that a change may draw from."""

    def __init__(self, seed: int, *names: str, others: Sequence[Image.Image] = ()) -> None:
        self._seed, self._names, self._thrown = seed, names, 0
        self.others = others

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1."""
        self._thrown += 1
        return draw(self._seed, *self._names, str(self._thrown)) % bound

    def share(self) -> float:
        """A number from 0 to 1."""
        return self.below(1 << 30) / (1 << 30)


def as_jpeg(image: Image.Image, quality: int) -> bytes:
    """The image as a JPEG file."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()


def _reencoded(image: Image.Image, dice: Dice) -> Image.Image:
    return Image.open(io.BytesIO(as_jpeg(image, 30 + dice.below(50)))).convert("RGB")


def _resized(image: Image.Image, dice: Dice) -> Image.Image:
    scale = 0.4 + 0.8 * dice.share()
    size = (max(32, round(image.width * scale)), max(32, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)


def _rotated(image: Image.Image, dice: Dice) -> Image.Image:
    turns = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    return image.transpose(turns[dice.below(3)])


def _flipped(image: Image.Image, dice: Dice) -> Image.Image:
    return image.transpose((Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM)[dice.below(2)])


def _cropped(image: Image.Image, dice: Dice) -> Image.Image:
    """A tenth of width and height cut away, at whichever sides."""
    left, top = 0.1 * dice.share() * image.width, 0.1 * dice.share() * image.height
    return image.crop((round(left), round(top), round(left + 0.9 * image.width), round(top + 0.9 * image.height)))


def _in_figure(image: Image.Image, dice: Dice) -> Image.Image:
    """One panel of two to four, a white gutter between them."""
    count = 2 + dice.below(3)
    panels = [image, *(dice.others[dice.below(len(dice.others))] for _ in range(count - 1))]
    place = dice.below(count)
    panels[0], panels[place] = panels[place], panels[0]
    columns = count if count < 4 else 2
    rows, step = -(-count // columns), PANEL_PX + GUTTER_PX
    figure = Image.new("RGB", (columns * step + GUTTER_PX, rows * step + GUTTER_PX), "white")
    for number, panel in enumerate(panels):
        where = (GUTTER_PX + (number % columns) * step, GUTTER_PX + (number // columns) * step)
        figure.paste(panel.resize((PANEL_PX, PANEL_PX), Image.Resampling.BICUBIC), where)
    return figure


def _marked(image: Image.Image, dice: Dice) -> Image.Image:
    """A letter in a corner and a box around something."""
    copy = image.copy()
    pen, width, height = ImageDraw.Draw(copy), image.width, image.height
    pen.text((0.05 * width, 0.05 * height), "A", fill="white", font_size=max(10, height // 12))
    left, top = (0.3 + 0.3 * dice.share()) * width, (0.3 + 0.3 * dice.share()) * height
    pen.rectangle((left, top, left + 0.15 * width, top + 0.15 * height), outline="yellow", width=max(1, width // 200))
    return copy


def _framed(image: Image.Image, dice: Dice) -> Image.Image:
    return ImageOps.expand(image, 10 + dice.below(40), "white")


def _greyed(image: Image.Image, _: Dice) -> Image.Image:
    return image.convert("L").convert("RGB")


IMAGE_CHANGES: Mapping[str, Change] = {
    "reencoded": _reencoded,
    "resized": _resized,
    "rotated": _rotated,
    "flipped": _flipped,
    "cropped": _cropped,
    "in_figure": _in_figure,
    "marked": _marked,
    "framed": _framed,
    "greyed": _greyed,
}
"""Name of a change to an image to what makes it."""

# ---------------------------------------------------------------------------------------------------------- text

_SAYINGS = (
    (r"\bwhich\b(?= (?:of the following|\w+) )", "what"),
    (r"\bimage\b", "picture"),
    (r"\bshown\b", "displayed"),
    (r"\bshows\b", "depicts"),
    (r"\bdemonstrates\b", "shows"),
    (r"\bmost likely\b", "most probable"),
    (r"\bindicated by\b", "marked by"),
    (r"\bfindings?\b", "observation"),
    (r"\bpresent\b", "visible"),
    (r"\bis seen\b", "can be seen"),
)
"""Wordings that mean the same."""

_SPARE = ("visible", "principal", "apparent", "typical", "marked")
"""Words that take another's place."""


class Wording:
    """The text of an item."""

    def __init__(self, stem: str, options: tuple[str, ...], key: str) -> None:
        self.stem, self.options, self.key = stem, options, key


def _shuffled(text: Wording, dice: Dice) -> Wording:
    options = list(text.options)
    for place in range(len(options) - 1, 0, -1):
        other = dice.below(place + 1)
        options[place], options[other] = options[other], options[place]
    return Wording(text.stem, tuple(options), text.key)


def _recased(text: Wording, _: Dice) -> Wording:
    """Other case, other punctuation."""
    stem = re.sub(r"[?.,;:]", "", text.stem).upper() + " :"
    return Wording(stem, tuple(f"{option.lower()}." for option in text.options), text.key.upper())


def _one_word(text: Wording, dice: Dice) -> Wording:
    """One word of the stem replaced."""
    split = text.stem.split()
    if split:
        split[dice.below(len(split))] = _SPARE[dice.below(len(_SPARE))]
    return Wording(" ".join(split), text.options, text.key)


def _renumbered(text: Wording, _: Dice) -> Wording:
    """Every number another one; an item without numbers stays."""
    stem = re.sub(r"\d+", lambda found: str(int(found[0][:9]) + 1), text.stem)
    return Wording(stem, text.options, text.key)


def _paraphrased(text: Wording, dice: Dice) -> Wording:
    """Set wordings exchanged for others that mean the same, and the options in another order."""
    stem = text.stem
    for pattern, other in _SAYINGS:
        stem = re.sub(pattern, other, stem, flags=re.IGNORECASE)
    return _shuffled(Wording(stem, text.options, text.key), dice)


TEXT_CHANGES: Mapping[str, Callable[[Wording, Dice], Wording]] = {
    "shuffled": _shuffled,
    "recased": _recased,
    "one_word": _one_word,
    "renumbered": _renumbered,
    "paraphrased": _paraphrased,
}
"""Name of a change to a text to what makes it."""
