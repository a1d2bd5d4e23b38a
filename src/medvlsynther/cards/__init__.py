"""Assets as typed values: each card carries the hash of its text, and that hash is its identity.

A card's name is for people. Two cards with equal text are the same card to a fingerprint; editing a comment in a
card makes it another one, because a reader cannot tell which edits are harmless.
"""

from medvlsynther.cards._base import Card, describe, parse_yaml
from medvlsynther.cards.asking import Model, Prompt, Sampling
from medvlsynther.cards.benchmarks import Benchmark, PublishedRow, PublishedScores
from medvlsynther.cards.rubrics import Rubric
from medvlsynther.cards.training import Change, Shape, Trainer
from medvlsynther.cards.vocabularies import Vocabulary

__all__ = [
    "Benchmark",
    "Card",
    "Change",
    "Model",
    "Prompt",
    "PublishedRow",
    "PublishedScores",
    "Rubric",
    "Sampling",
    "Shape",
    "Trainer",
    "Vocabulary",
    "describe",
    "parse_yaml",
]
