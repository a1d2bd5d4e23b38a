"""How a model is trained."""

from dataclasses import fields
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, RootModel, ValidationError, model_validator

from medvlsynther.cards._base import Card, describe
from medvlsynther.errors import BadSetting
from medvlsynther.records import Record
from medvlsynther.reward import Settings as RewardSettings


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
