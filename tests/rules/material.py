"""One figure and one item about it, with any texts."""

from medvlsynther.records import ArticleRef, Figure, ImageRef, Item, Licence, Origin

ORIGIN = Origin(prompt="exam", prompt_hash="0", model="writer", model_hash="0")
ALLOWED = Licence(code="CC-BY-4.0", standing="allowed")


def make_figure(caption: str, *mentions: str, images: int = 1, standing: Licence = ALLOWED) -> Figure:
    """A prepared figure of an allowed article."""
    shots = tuple(ImageRef(name=f"g{n}.jpg", width_px=640, height_px=480) for n in range(images))
    article = ArticleRef(article_id="PMC1", licence=standing)
    return Figure(figure_id="PMC1/f1", article=article, caption=caption, mentions=mentions, images=shots)


def make_item(question: str, options: tuple[str, ...], answer: str = "A") -> Item:
    """An item about that figure."""
    return Item(
        item_id="PMC1/f1#1", figure_id="PMC1/f1", question=question, options=options, answer=answer, origin=ORIGIN
    )
