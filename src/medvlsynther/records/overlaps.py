"""What two sets of questions share."""

from typing import Literal

from medvlsynther.records._base import Record


class Overlap(Record):
    """Two items that share something, and how that is known. In a join `train` is the left, `test` the right set."""

    train_set: str
    """Name of the set that should not know the other."""
    train_id: str
    """Its item."""
    test_set: str
    """Name of the set that should be unknown; the same name where a set is compared with itself."""
    test_id: str
    """Its item."""
    layer: Literal["identity", "bytes", "pixels", "perceptual", "copy", "semantic", "text", "rephrase", "joint"]
    """What was compared."""
    measure: str
    """How: "same_figure", "sha256", "phash:panel", "near:stem", "minhash:item", "judge", …"""
    score: float | None
    """Likeness, 0..1, 1 for the same; None where it could not be found out."""
    train_image: int | None = None
    """Which image of the train item, from 0; None where it is about no single image."""
    test_image: int | None = None
    """Which image of the test item, from 0."""
    evidence: str = ""
    """What exactly was found, for people."""
    kind: str | None = None
    """Class of the pair, as `audit.joint` judges it: "identical_item", "same_image_same_fact", …"""
