"""Every way in which medvlsynther says no.

MedvlsyntherError
 ├── UserError                 the user can mend it: exit code 2; says what, where and the mend
 │    ├── UnknownName          no such recipe, stage, model, prompt, …; "did you mean"
 │    ├── BadSetting           a key or a value that a stage or a card does not know
 │    ├── MissingInput         a path, a folder or an earlier table that is not there
 │    ├── MissingExtra         an optional dependency; names the install line
 │    ├── EngineRefused        a server that cannot be reached, or that rejects the key or the model
 │    ├── ClusterTrouble       a Ray cluster that cannot be joined, or whose nodes differ from here
 │    ├── BatchWaits           requests were written for a batch, and no more can be done before its replies come
 │    ├── TrainingStopped      a training ended early; its checkpoints stay, and running again resumes
 │    ├── BudgetSpent          the money or the tokens that a run may use are used up
 │    └── StoreTrouble         a full disk, a store that cannot be written
 │         └── StoreInUse      somebody else works on the same now
 ├── StepFailed                a stage broke its promise (a bug): exit code 1
 └── ShareDone                 a share did what it can before others did theirs: exit code 0

Unusable                       one input among many; never ends a run, always ends as a reject
 ├── InputError                an article, an image, a table row
 └── ReplyError                a model's reply
"""

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class MedvlsyntherError(Exception):
    """Base of all errors that end a command with a message instead of a traceback."""

    exit_code = 1

    def __reduce__(self) -> "tuple[Callable[..., MedvlsyntherError], tuple[object, ...]]":
        """Travel between processes as it is: subclasses take other arguments than the message."""
        return _revived, (type(self), self.args, self.__dict__)


def _revived(kind: type[MedvlsyntherError], args: tuple[object, ...], state: dict[str, object]) -> MedvlsyntherError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class UserError(MedvlsyntherError):
    """What the user can mend: one line with what is wrong, where, and the mend."""

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.mend = what, where, mend

    def __str__(self) -> str:
        what = f"{self.where}: {self.what}" if self.where else self.what
        return f"{what}. {self.mend}" if self.mend else what


class UnknownName(UserError):
    """A name that no file in the folder of choices bears."""

    def __init__(self, name: str, folder: str, known: "Iterable[str]", *, where: str = "") -> None:
        choices = sorted(known)
        close = get_close_matches(name, choices, n=1, cutoff=0.5)
        mend = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(choices) or 'none'}"
        super().__init__(f"No {name!r} in {folder}/", where=where, mend=mend)


class BadSetting(UserError):
    """A setting that cannot be understood."""


class MissingInput(UserError):
    """Something to read that is not there."""


class MissingExtra(UserError):
    """An optional dependency that is not installed."""

    def __init__(self, package: str, extra: str, *, where: str = "") -> None:
        super().__init__(
            f"The package {package!r} is not installed",
            where=where,
            mend=f"pip install 'medvlsynther[{extra}]'",
        )


class EngineRefused(UserError):
    """A server that cannot be reached or will not serve us; retrying cannot help."""


class ClusterTrouble(UserError):
    """A cluster that cannot be joined, or a node of it on which the work would come out differently."""


class BatchWaits(UserError):
    """Requests wait for their batch; what comes after them has to wait as well."""


class TrainingStopped(UserError):
    """A training that ended before it was done; what it kept is resumed from."""


class BudgetSpent(UserError):
    """The run's budget is used up; what was answered is kept."""


class StoreTrouble(UserError):
    """The store cannot be written, is full, or is in use by somebody else."""


class StoreInUse(StoreTrouble):
    """Somebody else works on the same now, or has just done it."""


class StepFailed(MedvlsyntherError):
    """A stage broke its contract: rows and rejects do not add up, or it raised."""


class ShareDone(MedvlsyntherError):
    """A share of a run did its part, and what follows needs parts that nobody works on: no fault at all."""

    exit_code = 0

    def __init__(self, share: object, step: str, lacking: "Iterable[object]", recipe: str) -> None:
        others = ", ".join(f"--shard {other}" for other in lacking)
        whole = f"medvlsynther run {recipe}"
        super().__init__(f"Share {share} is done up to {step!r}. Run the other shares ({others}), then `{whole}`")


class Unusable(Exception):
    """One bad input among good ones.

    `reason` is a counted code in snake_case; `detail` is for people and is bounded in length.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail[:500]
        super().__init__(f"{reason}: {self.detail}" if detail else reason)


class InputError(Unusable):
    """An article, an image or a row that cannot be used."""


class ReplyError(Unusable):
    """A model's reply that cannot be used."""
