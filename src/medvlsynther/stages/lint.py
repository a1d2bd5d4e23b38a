"""What code can decide about an item before a verifier is paid."""

from collections.abc import Iterator

from medvlsynther.cards import Vocabulary
from medvlsynther.context import Context
from medvlsynther.records import Figure, Item
from medvlsynther.rules.lint import fix, lint
from medvlsynther.rules.vocab import Lexicon
from medvlsynther.store.table import Table, along

VERSION = 1
STREAMS = True


def run(
    ctx: Context,
    items: Table[Item],
    figures: Table[Figure],
    *,
    rules: tuple[str, ...] | None = None,
    modality: Vocabulary = Vocabulary.load("modality"),
    anatomy: Vocabulary = Vocabulary.load("anatomy"),
    findings: Vocabulary = Vocabulary.load("findings"),
) -> Iterator[Item]:
    """Items without errors, safe fixes made, with what else was found as notes.

    `rules` names the rules to use; None uses all. Rejects: lint_<rule id in lower case>, for the first error or
    quarantine found.
    """
    lexicons = {card.name: Lexicon(card.terms) for card in (modality, anatomy, findings)}
    for item, figure in along(items, figures, "figure_id"):
        fixed = fix(item)
        notes = lint(fixed, figure, vocabulary=lexicons, rules=rules)
        grave = next((note for note in notes if note.severity in ("error", "quarantine")), None)
        if grave:
            ctx.reject(item.item_id, f"lint_{grave.rule.lower()}", grave.detail)
        else:
            yield fixed.model_copy(update={"notes": notes})
