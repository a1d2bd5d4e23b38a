"""Which letter the key gets, and which items make a smaller set.

The default draws a permutation from the item's id, so that neither the row number nor the letters before it predict the
key. The published rotation is here too, value for value: it deals the letters in turn.

Source: `released*` follow UCSC-VLAA/MedVLSynther 9df6f3b, synthesis/rebalance_vqa.py and extract_vqa_subset_jsonl.py.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from medvlsynther.errors import BadSetting
from medvlsynther.fingerprint import draw
from medvlsynther.records import LETTERS, Item, Question
from medvlsynther.rules.lint import names_place
from medvlsynther.rules.ranks import Ranked, lowest

_SAID = re.compile(
    r"(?P<before><answer>\s*\(?|\b(?:[Oo]ptions?|[Cc]hoices?|[Aa]nswers?)(?:\s+is)?\s*:?\s+\(?|\()(?P<letter>[A-J])(?=[)\s.,;:<]|$)"
)
_LONE = re.compile(r"(?<![\w'’-])(?:[B-HJ]|A(?!\s+[a-z]))(?![\w'’-])")


def mentions_letters(item: Item | Question) -> bool:
    """Whether an item stops being true, or clear, when its options move.

    Stem or options name a letter or a place ("both A and B", "all of the above"), or an option is a letter itself.
    """
    if any(len(option.strip()) == 1 and option.strip().upper() in LETTERS for option in item.options):
        return True
    return any(names_place(text) is not None for text in (item.question, *item.options))


def shuffle(item: Item, seed: int) -> Item:
    """The item with its options in an order drawn from the seed and its id; as it was where its words name letters.

    Reasoning is relabelled where every letter in it is plainly one of an option; else the item stays as it was.
    """
    if mentions_letters(item):
        return item
    letters = LETTERS[: len(item.options)]
    order = sorted(range(len(letters)), key=lambda place: draw(seed, "shuffle", item.item_id, letters[place]))
    moved = {letters[old]: letters[new] for new, old in enumerate(order)}
    return _moved(item, moved)


def _moved(item: Item, moved: Mapping[str, str]) -> Item:
    """The item with each option under its new letter."""
    reasoning = item.reasoning
    if reasoning is not None:
        reasoning = _relabelled(reasoning, moved)
        if reasoning is None:
            return item
    options = dict(sorted((moved[letter], text) for letter, text in item.lettered.items()))
    return item.model_copy(
        update={"options": tuple(options.values()), "answer": moved[item.answer], "reasoning": reasoning}
    )


def _relabelled(text: str, moved: Mapping[str, str]) -> str | None:
    """A text with the letters of its options changed; None where a letter stands alone that may be one or may not."""
    if _LONE.search(_SAID.sub("", text)):
        return None
    return _SAID.sub(lambda match: match["before"] + moved.get(match["letter"], match["letter"]), text)


Members = Callable[[], Iterable[tuple[str, str]]]
"""Gives group and member of everything there is to choose from, anew at each call: the key's letter, a modality, …"""


class Subset:
    """`size` members, as even over the groups as they allow; all where there are fewer.

    Who is drawn depends on the seed and the ids alone, never on their order. Holds counts, not members.
    """

    def __init__(self, members: Members, size: int, seed: int) -> None:
        self._seed = seed
        self._cut = lowest(lambda: ((g, self._ranked(m)) for g, m in members()), lambda sizes: _even(sizes, size))

    def takes(self, group: str, member: str) -> bool:
        """Whether a member of a group was drawn."""
        return self._cut.takes(group, self._ranked(member))

    def _ranked(self, member: str) -> Ranked:
        return Ranked(draw(self._seed, "subset", member), member)


def _even(available: Mapping[str, int], size: int) -> dict[str, int]:
    """How many to take of each group: what a small group lacks, the others share; earlier names get the remainder."""
    quotas = dict.fromkeys(sorted(available), 0)
    left = min(size, sum(available.values()))
    while left > 0:
        open_groups = [group for group in quotas if quotas[group] < available[group]]
        share, rest = divmod(left, len(open_groups))
        for place, group in enumerate(open_groups):
            # The remainder is dealt last, when all open groups stand equal.
            take = min(share or int(place < rest), available[group] - quotas[group])
            quotas[group] += take
            left -= take
    return quotas


# ------------------------------------------------------------------------------------------ as published


def released_targets(count: int, letters: str = "ABCDE") -> dict[str, int]:
    """How often each letter shall be the key among `count` items: evenly, the first letters once more."""
    share, rest = divmod(count, len(letters))
    return {letter: share + (place < rest) for place, letter in enumerate(letters)}


def released_next(counts: Mapping[str, int], targets: Mapping[str, int]) -> str:
    """The letter that lacks most, the first among equals."""
    return max(targets, key=lambda letter: targets[letter] - counts.get(letter, 0))


def released_turns(count: int, letters: str = "ABCDE") -> Iterator[str]:
    """The key's letter for each of `count` items, in order."""
    counts: Counter[str] = Counter()
    targets = released_targets(count, letters)
    for _ in range(count):
        letter = released_next(counts, targets)
        counts[letter] += 1
        yield letter


def released_mapping(old: str, new: str, letters: str = "ABCDE") -> dict[str, str]:
    """Old letter to new one: the key goes to `new`, the others keep their order."""
    others = zip((each for each in letters if each != old), (each for each in letters if each != new), strict=True)
    return {old: new, **dict(others)}


def released_options(options: Mapping[str, str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The options under their new letters, in order; an option beyond the letters is dropped."""
    return dict(sorted((new, options[old]) for old, new in mapping.items()))


def released(items: Iterable[Item], sizes: Mapping[int, int]) -> Iterator[Item]:
    """The published rotation: keys dealt in turn over the letters of items with equally many options.

    `sizes` says how many items have how many options. Whatever an item says about letters stays as it is. Reasoning is
    relabelled as by `shuffle`.
    """
    turns = {size: released_turns(count, LETTERS[:size]) for size, count in sizes.items()}
    for item in items:
        letters = LETTERS[: len(item.options)]
        yield _moved(item, released_mapping(item.answer, next(turns[len(letters)]), letters))


def released_sound(row: object, letters: str = "ABCDE", *, texts: bool) -> bool:
    """Whether the published scripts take a generated item as one; rebalancing also asks that options are `texts`."""
    if not isinstance(row, dict) or not isinstance(row.get("question"), str):
        return False
    options, answer = row.get("options"), row.get("answer")
    if not isinstance(options, dict) or not isinstance(answer, str) or answer not in tuple(letters):
        return False
    return all(letter in options and (not texts or isinstance(options[letter], str)) for letter in letters)


def released_rows(rows: Iterable[Mapping[str, Any]], letters: str = "ABCDE") -> list[dict[str, Any]]:
    """Rows as the published script writes them: `generated_vqa` relabelled and its other keys dropped."""
    kept = [dict(row) for row in rows]
    sound = [row for row in kept if released_sound(row.get("generated_vqa"), letters, texts=True)]
    for row, letter in zip(sound, released_turns(len(sound), letters), strict=True):
        item = row["generated_vqa"]
        mapping = released_mapping(item["answer"], letter, letters)
        row["generated_vqa"] = {
            "question": item["question"],
            "options": released_options(item["options"], mapping),
            "answer": letter,
        }
    return kept


def released_subset(answers: Sequence[str], size: int, seed: int = 42, letters: str = "ABCDE") -> list[int]:
    """Places of the `size` items that the published script draws, in its order, from the keys of all sound items.

    Raises: BadSetting where a letter has fewer items than its even share.
    """
    targets = released_targets(size, letters)
    places = {letter: [place for place, answer in enumerate(answers) if answer == letter] for letter in letters}
    short = [letter for letter in letters if len(places[letter]) < targets[letter]]
    if short or size > len(answers):
        raise BadSetting(
            f"No {size} items evenly over {', '.join(letters)}", where="size", mend="Take fewer, or rebalance first"
        )
    # The published draw is Mersenne Twister's; a generator of its own gives the same numbers and touches no other.
    chance = random.Random(seed)
    drawn: list[int] = []
    for letter in letters:
        chance.shuffle(places[letter])
        drawn += places[letter][: targets[letter]]
    chance.shuffle(drawn)
    return drawn
