"""Assets as typed values: each card carries the hash of its text, and that hash is its identity.

A card's name is for people. Two cards with equal text are the same card to a fingerprint; editing a comment in a
card makes it another one, because a reader cannot tell which edits are harmless.
"""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import yaml
from pydantic import (
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    RootModel,
    ValidationError,
    model_validator,
)

from medvlsynther import catalog
from medvlsynther.errors import BadSetting
from medvlsynther.fingerprint import text_hash
from medvlsynther.records import Checkpoint, Item, Mark, Origin, Record, Term, Verdict
from medvlsynther.reward import Settings as RewardSettings
from medvlsynther.rules import rubric as rubrics


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


class Prompt(Card):
    """Words for a model, in the order that prefix caches like: static, material, task."""

    FOLDER: ClassVar[str] = "prompts"

    task: Literal["write", "judge", "answer", "label", "explain", "repair", "classify"]
    """What is asked: engines without a model (lexical) read this instead of the words."""
    system: str
    """Static text: role, rules; the same for every request, so that it is computed once. Jinja, rubric slots only."""
    material: str = ""
    """One figure's text, after its images. Jinja over slots; the same for all calls about one figure."""
    request: str
    """What differs between calls on one figure, last. Jinja over slots."""


class Model(Card):
    """A model: which weights, what it can take, how it is asked. Not where it runs: that is the site's."""

    FOLDER: ClassVar[str] = "models"

    repo: str
    """Hub id or API name."""
    revision: str | None = None
    """Commit of the weights, where fixed."""
    family: str
    """Lineage, to pick a verifier from another one: "qwen", "glm", "internvl", "lexical", …"""
    engine: str = "openai"
    """Engine used where the site names none."""
    context_tokens: int = 32768
    """Longest prompt plus reply."""
    max_images: int = 6
    """Images a request may carry."""
    pixels_per_token: float = 784.0
    """Image pixels that make one prompt token (28 x 28 for Qwen2.5-VL), for estimates."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """Fields added to the request body, e.g. `chat_template_kwargs: {enable_thinking: false}`."""

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Self:
        """The card of a trained model: its weights are known by their digest, not by where they lie."""
        description = f"{checkpoint.base} after {checkpoint.step} steps of {checkpoint.trainer}"
        made = cls(
            description=description,
            repo=checkpoint.checkpoint_id,
            revision=checkpoint.checkpoint_id,
            family="trained",
            engine="transformers",
        )
        made._name, made._hash = checkpoint.name, text_hash(checkpoint.checkpoint_id)
        return made

    def origin(self, prompt: Prompt) -> Origin:
        """The provenance of what this model writes for `prompt`."""
        return Origin(prompt=prompt.name, prompt_hash=prompt.hash, model=self.name, model_hash=self.hash)


class Sampling(Record):
    """How replies are drawn; part of a step's identity and of the ledger's key."""

    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    """Nucleus."""
    max_tokens: int = 2048
    """Longest reply."""
    extend: bool = True
    """A reply that the limit cuts is asked for once more with twice the limit, and fails where that cuts it too; False:
    the limit is a fixed budget, and a reply that it cuts is kept as it is, with the finish "length"."""
    seed: int | None = 42
    """Sent to servers that take one."""
    rollouts: int = 1
    """Independent replies a request."""


class Vocabulary(Card):
    """A closed list of terms: modalities, anatomy, findings, categories, question types."""

    FOLDER: ClassVar[str] = "vocab"

    terms: tuple[Term, ...]
    """The entries, in the card's order."""


class Shape(Record):
    """The language model of a base, as far as memory depends on it."""

    layers: int = Field(ge=1)
    """Transformer blocks."""
    hidden: int = Field(ge=1)
    """Width of the stream between them."""
    feed_forward: int = Field(ge=1)
    """Width of the gated layer inside one."""
    kv_width: int = Field(ge=1)
    """Key-value heads times their width."""
    vocabulary: int = Field(ge=1)
    """Rows of the embedding."""


class Trainer(Card):
    """How a model is trained: one method, one base, every hyper-parameter under a name of our own."""

    FOLDER: ClassVar[str] = "trainers"

    method: Literal["sft", "grpo"]
    """Supervised on replies with thoughts, or by reward on sampled replies (GRPO)."""
    base: str
    """Hub id, a folder, or "bundled:tiny" for a tiny model with random weights; a checkpoint of the run replaces it."""
    revision: str | None = None
    """Commit of the base, for a hub id."""
    parameters: float = Field(gt=0)
    """Parameters of the base, for estimates of memory."""
    shape: Shape | None = None
    """Its form, for the same; None: that of an ordinary model with so many parameters."""
    backend: str = "trl"
    """Module of `training/backends` that trains where the recipe names none."""
    gpus: int = Field(default=1, ge=0)
    """GPUs that the source used; 0 for a tiny model that trains on a CPU. Which there are is the site's."""
    epochs: float = Field(default=1.0, gt=0)
    """Passes over the rows, where `updates` is not given."""
    updates: int | None = Field(default=None, ge=1)
    """Steps as the curves count them, whatever that makes in epochs."""
    batch_rows: int = Field(ge=1)
    """SFT: rows an update. GRPO: prompts sampled for at once."""
    mini_batch_rows: int | None = Field(default=None, ge=1)
    """GRPO: prompts an update; None: all that were sampled for."""
    device_rows: int = Field(default=1, ge=1)
    """Rows (GRPO: replies) that one GPU computes at once; no part of the mathematics."""
    learning_rate: float = Field(gt=0)
    """At its highest."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """What becomes of it after the warm-up."""
    warmup: float = Field(default=0.0, ge=0, lt=1)
    """Share of all steps in which it rises."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Of AdamW."""
    betas: tuple[float, ...] = (0.9, 0.999)
    """Of AdamW, two."""
    clip_gradient: float = Field(default=1.0, gt=0)
    """Longest gradient."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """What is computed in; bf16 needs a GPU."""
    recompute: bool = False
    """Recompute activations on the way back: slower, less memory."""
    lora_rank: int | None = Field(default=None, ge=1)
    """Rank of low-rank adapters on all linear layers; None trains all weights."""
    lora_alpha: float = Field(default=32.0, gt=0)
    """Their scale."""
    max_prompt_tokens: int = Field(default=4096, ge=1)
    """Longest prompt, images included; a longer one stops the training before it starts."""
    max_reply_tokens: int = Field(default=4096, ge=1)
    """Longest reply: sampled (GRPO), or of a row (SFT)."""
    max_images: int = Field(default=6, ge=0)
    """Most images of a row."""
    rollouts: int = Field(default=8, ge=2)
    """GRPO: replies sampled a prompt."""
    temperature: float = Field(default=1.0, gt=0)
    """GRPO: of sampling."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """GRPO: of sampling."""
    kl: float = Field(default=0.01, ge=0)
    """GRPO: weight of the distance to the policy that training began with (low-variance estimate); 0: none."""
    clip_low: float = Field(default=0.2, gt=0, lt=1)
    """GRPO: how far the ratio of probabilities may fall below 1 and still count."""
    clip_high: float = Field(default=0.2, gt=0)
    """GRPO: how far it may rise above 1."""
    average: Literal["tokens", "replies"] = "tokens"
    """GRPO: over what the loss is averaged: all tokens of the batch alike, or replies alike."""
    scale_by_spread: bool = True
    """GRPO: advantages are divided by the spread of the group's rewards."""
    dynamic_sampling: bool = False
    """GRPO: groups whose replies all get the same reward are replaced by others."""
    drop_cut_replies: bool = False
    """GRPO: replies that their limit cut teach nothing."""
    reward: dict[str, str | float] = Field(default_factory=dict)
    """GRPO: settings of `reward.Settings`; `{rule: released}` pays as published."""
    shuffle: bool = True
    """Every epoch draws its own order of rows; false keeps theirs, such as easy ones first."""
    save_every: int = Field(default=50, ge=1)
    """Steps between two checkpoints to resume from."""
    keep: int = Field(default=3, ge=1)
    """Checkpoints kept."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.betas) != 2:
            raise ValueError("betas are two numbers")
        mini = self.mini_batch_rows or self.batch_rows
        if self.batch_rows % mini:
            raise ValueError("batch_rows is not a multiple of mini_batch_rows")
        known = {field.name for field in fields(RewardSettings)}
        if unknown := sorted(set(self.reward) - known):
            raise ValueError(f"reward has no {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        if unfit := sorted(set(self.reward) - set(RewardSettings.given(self.reward))):
            raise ValueError(f"reward takes no such {', '.join(unfit)}")
        return self

    def changed(self, change: "Change") -> Self:
        """The card with some values replaced; name and hash stay those of the file.

        Raises: BadSetting where the values do not fit together.
        """
        try:
            made = type(self).model_validate({**self.model_dump(), **change.root})
        except ValidationError as error:
            raise BadSetting(f"{self.name} changed: {describe(error)}", mend="Mend `change`") from None
        made._name, made._hash = self._name, self._hash
        return made


class Change(RootModel[dict[str, Any]]):
    """Values that a recipe puts in place of a trainer card's."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _known(self) -> Self:
        fixed = {"description", "source", "method"}
        unknown = sorted(set(self.root) - (set(Trainer.model_fields) - fixed))
        if unknown:
            raise ValueError(f"a trainer has no {', '.join(unknown)} to change")
        return self


class Benchmark(Card):
    """A published set of questions: where it is, how its own files are read, and what is known to be wrong with it."""

    FOLDER: ClassVar[str] = "benchmarks"

    title: str
    """As its authors call it."""
    repo: str
    """Hub id of the authors' own files."""
    revision: str | None = None
    """Commit of those files, where fixed."""
    split: str = "test"
    """Split that is evaluated."""
    format: str
    """Module of `questions/formats` that reads the authors' own files."""
    served_as: str
    """`dataset_name` of its rows in the joint evaluation set."""
    served_repo: str = "UCSC-VLAA/MedVLThinker-Eval"
    """Hub id of that joint set."""
    count: int
    """Questions of the evaluated part."""
    select: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Which of the authors' own rows are evaluated: column to values, as text, case-blind."""
    files: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Split to patterns of the authors' own files, where their names do not tell it."""
    licence: str
    """SPDX identifier, or "unknown"."""
    faults: tuple[str, ...] = ()
    """What a reader of a score has to know."""


class PublishedRow(Record):
    """One model's row of a published table."""

    model: str
    """As the table names it."""
    percent: dict[str, float]
    """Benchmark card to accuracy in percent."""
    average: float | None = None
    """The mean over data sets as printed."""
    protocol: str = ""
    """How it was asked and graded, where that differs from the other rows."""


class PublishedScores(Card):
    """A published table, to stand beside our own rows."""

    FOLDER: ClassVar[str] = "published"

    protocol: str
    """How its rows came about, and what a reader has to know before comparing."""
    rows: tuple[PublishedRow, ...]
    """Its rows, in its order."""


class Rubric(Card):
    """What an item is judged by, who judges it, and how the marks are weighed."""

    FOLDER: ClassVar[str] = "rubrics"

    formula: rubrics.Formula = "strict"
    """How marks become a score."""
    reply_form: rubrics.Form = "keyed"
    """The form in which the verifier is asked to reply; every form is read."""
    criteria: tuple[rubrics.Criterion, ...] = Field(min_length=1)
    """The criteria in the order of prompts, marks and tables."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        ids = [each.id for each in self.criteria]
        if len(set(ids)) < len(ids):
            raise ValueError("two criteria share an id")
        unknown = [each.id for each in self.criteria if each.decided_by == "code" and not rubrics.decidable(each)]
        if unknown:
            raise ValueError(f"no code decides {', '.join(unknown)}")
        return self

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The criteria that the verifier decides, for its prompt: id, title, category, weight and text."""
        fields = {"id", "title", "category", "weight", "text"}
        return [each.model_dump(include=fields) for each in rubrics.asked(self.criteria)]

    def schema(self) -> dict[str, Any]:  # type: ignore[override]  # pydantic's own is deprecated and about classes
        """The JSON schema of the verifier's reply."""
        return rubrics.reply_schema(self.criteria, self.reply_form)

    def read(self, reply: str) -> tuple[Mark, ...]:
        """The verifier's marks. Raises: ReplyError with the reasons of `rules.rubric`."""
        return rubrics.read_marks(reply, self.criteria, formula=self.formula)

    def weigh(self, item: Item, marks: Sequence[Mark], origin: Origin) -> Verdict:
        """The verdict on an item: the verifier's marks, and code's own for the criteria that it decides."""
        return rubrics.weigh(
            self.criteria,
            self.formula,
            (*marks, *rubrics.code_marks(self.criteria, item)),
            item_id=item.item_id,
            rubric=self.name,
            rubric_hash=self.hash,
            origin=origin,
        )
