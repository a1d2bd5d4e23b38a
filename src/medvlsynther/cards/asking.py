"""What is asked, and whom: the words, the model, and how its replies are drawn."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from medvlsynther.cards._base import Card
from medvlsynther.fingerprint import text_hash
from medvlsynther.records import Checkpoint, Origin, Record


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
