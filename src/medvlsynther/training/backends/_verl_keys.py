"""A trainer card in verl's words: Hydra overrides, in the spelling of each version.

Hydra accepts keys that verl no longer reads: since 0.8 the published `custom_reward_function.path` changes nothing and
another reward is taken in silence. So the keys that moved stand in one table, and a version that the table does not
know is refused.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medvlsynther import reward
from medvlsynther.cards import Trainer
from medvlsynther.errors import BadSetting
from medvlsynther.records import Record
from medvlsynther.training.base import CHECKPOINTS, Job, Place
from medvlsynther.training.memory import ENGINE_SHARE, packed_tokens

PROJECT, BOARD = "medvlsynther", "tensorboard"
MOST_DRAWS = 10
"""Batches that dynamic sampling may draw for one step before it gives up."""
WEIGHTS_SHARE = 0.25
"""Part of a GPU that the rollout engine's weights may take before they are split over several."""
USUAL_BYTES = 80e9
PLAIN = re.compile(r"(?:/|[A-Za-z][\w.-]*/)[\w./-]+", re.ASCII)
"""Paths and hub ids that need no quotes."""
ACTOR, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"


@dataclass(frozen=True)
class Era:
    """Versions of verl that share their keys."""

    since: tuple[int, int]
    """First version."""
    reward: str
    """Where a reward function is named."""
    schedule: str
    """Key of the learning rate's schedule, below the actor's optimizer."""
    seeds: tuple[str, ...]
    """Keys that take the seed."""
    ray: str
    """Where `ray.init` gets its arguments."""
    betas: bool
    """The optimizer's betas have a key."""
    dynamic_sampling: bool
    """Groups without signal can be replaced."""


OLD_REWARD, NEW_REWARD = "custom_reward_function", "reward.custom_reward_function"
DRAWN = ("data.seed", f"{ACTOR}.data_loader_seed")

ERAS = (
    Era((0, 9), NEW_REWARD, "lr_scheduler_type", (*DRAWN, f"{ROLLOUT}.seed"), "ray_kwargs.ray_init", True, True),
    Era((0, 8), NEW_REWARD, "lr_scheduler_type", DRAWN, "ray_kwargs.ray_init", True, False),
    Era((0, 6), OLD_REWARD, "lr_scheduler_type", DRAWN, "ray_kwargs.ray_init", True, False),
    Era((0, 5), OLD_REWARD, "warmup_style", ("data.seed",), "ray_init", False, False),
)
"""Newest first. The published runs used the commit 54b2677, of the last era."""

NEWEST = (0, 9)


class Facts(Record):
    """What is known about the data and the weights once they were looked at."""

    model: str
    """Folder of the weights, or a hub id."""
    train: tuple[str, ...]
    """Parquet files to train on."""
    validation: tuple[str, ...] = ()
    """Parquet files to validate on."""
    rows: int
    """Rows to train on."""
    images: int
    """Most images of a row."""
    prompt_tokens: int
    """Longest prompt, images included, by the model's own processor."""


def era_of(version: str) -> Era:
    """The era of a version such as "0.9.1".

    Raises: BadSetting for one whose keys are not known.
    """
    parts = version.split(".")
    number = (int(parts[0]), int(parts[1])) if len(parts) > 1 and parts[0].isdigit() and parts[1].isdigit() else (0, 0)
    era = next((era for era in ERAS if era.since <= number), None)
    if era is None or number > NEWEST:
        raise BadSetting(f"The keys of verl {version} are not known", mend="Install verl 0.9.1, or any from 0.5 to 0.9")
    return era


def steps_of(card: Trainer, rows: int) -> int:
    """Steps of a training; verl leaves out what does not fill a batch.

    Raises: BadSetting where not even one batch can be filled.
    """
    an_epoch = rows // card.batch_rows
    if not an_epoch:
        raise BadSetting(
            f"{rows} rows do not fill one batch of {card.batch_rows}", mend="Lower batch_rows, or train on more rows"
        )
    return card.updates or max(1, int(card.epochs * an_epoch))


def overrides(job: Job, place: Place, facts: Facts, gpus: int, version: str) -> list[str]:
    """The overrides of `ppo_trainer.yaml` for a version of verl; the place's own options come last.

    Raises: BadSetting for what that version cannot do.
    """
    era = era_of(version)
    lines = [*_algorithm(job.card, era), *_data(job, facts, era), *_actor(job.card, era)]
    lines += [*_rollout(job, facts, gpus), *_reward(job.card, era), *_trainer(job, place, facts, gpus, era)]
    return [*lines, *place.options]


def _algorithm(card: Trainer, era: Era) -> Iterator[str]:
    yield "algorithm.adv_estimator=grpo"
    yield f"algorithm.norm_adv_by_std_in_grpo={card.scale_by_spread}"
    yield "algorithm.use_kl_in_reward=False"
    if card.dynamic_sampling:
        if not era.dynamic_sampling:
            raise BadSetting("This verl cannot replace groups without signal", mend="Install verl 0.9.1")
        yield "algorithm.filter_groups.enable=True"
        yield f"algorithm.filter_groups.max_num_gen_batches={MOST_DRAWS}"


def _data(job: Job, facts: Facts, era: Era) -> Iterator[str]:
    card = job.card
    yield f"data.train_files={listed(facts.train)}"
    yield f"data.val_files={listed(facts.validation or facts.train[:1])}"
    yield "data.prompt_key=prompt"
    yield "data.image_key=images"
    yield f"data.train_batch_size={card.batch_rows}"
    yield f"data.max_prompt_length={facts.prompt_tokens}"
    yield f"data.max_response_length={card.max_reply_tokens}"
    yield "data.filter_overlong_prompts=False"
    yield "data.truncation=error"
    yield f"data.shuffle={card.shuffle}"
    for key in era.seeds:
        yield f"++{key}={job.seed}"


def _actor(card: Trainer, era: Era) -> Iterator[str]:
    yield f"actor_rollout_ref.model.enable_gradient_checkpointing={card.recompute}"
    yield "actor_rollout_ref.model.use_remove_padding=True"
    yield f"{ACTOR}.optim.lr={card.learning_rate}"
    yield f"{ACTOR}.optim.{era.schedule}={card.schedule}"
    yield f"{ACTOR}.optim.lr_warmup_steps_ratio={card.warmup}"
    yield f"{ACTOR}.optim.weight_decay={card.weight_decay}"
    if era.betas:
        yield f"{ACTOR}.optim.betas={list(card.betas)}".replace(" ", "")
    yield f"{ACTOR}.grad_clip={card.clip_gradient}"
    yield f"{ACTOR}.ppo_mini_batch_size={card.mini_batch_rows or card.batch_rows}"
    yield f"{ACTOR}.use_dynamic_bsz=True"
    yield f"{ACTOR}.ppo_max_token_len_per_gpu={packed_tokens(card)}"
    yield f"{ACTOR}.use_kl_loss={card.kl > 0}"
    yield f"{ACTOR}.kl_loss_coef={card.kl}"
    yield f"{ACTOR}.kl_loss_type=low_var_kl"
    yield f"{ACTOR}.clip_ratio={card.clip_low}"
    yield f"{ACTOR}.clip_ratio_low={card.clip_low}"
    yield f"{ACTOR}.clip_ratio_high={card.clip_high}"
    yield f"{ACTOR}.entropy_coeff=0"
    yield f"{ACTOR}.loss_agg_mode={'token-mean' if card.average == 'tokens' else 'seq-mean-token-mean'}"
    yield "actor_rollout_ref.ref.fsdp_config.param_offload=True"


def _rollout(job: Job, facts: Facts, gpus: int) -> Iterator[str]:
    card = job.card
    yield f"actor_rollout_ref.model.path={quoted(facts.model)}"
    yield f"{ROLLOUT}.name=vllm"
    yield f"{ROLLOUT}.n={card.rollouts}"
    yield f"{ROLLOUT}.temperature={card.temperature}"
    yield f"{ROLLOUT}.top_p={card.top_p}"
    yield f"{ROLLOUT}.gpu_memory_utilization={ENGINE_SHARE}"
    yield f"{ROLLOUT}.tensor_model_parallel_size={_split(card, gpus)}"
    yield f"++{ROLLOUT}.limit_images={max(facts.images, 1)}"


def _split(card: Trainer, gpus: int) -> int:
    """GPUs over which the rollout engine spreads one copy of the weights: a power of two that divides them."""
    parts = 1
    while gpus % (2 * parts) == 0 and 2 * card.parameters / parts > WEIGHTS_SHARE * USUAL_BYTES:
        parts *= 2
    return parts


def _reward(card: Trainer, era: Era) -> Iterator[str]:
    yield f"{era.reward}.path={quoted(str(Path(reward.__file__).absolute()))}"
    yield f"{era.reward}.name=compute_score"
    for name, value in sorted(card.reward.items()):
        yield f"+{era.reward}.reward_kwargs.{name}={value}"


def _trainer(job: Job, place: Place, facts: Facts, gpus: int, era: Era) -> Iterator[str]:
    card = job.card
    steps = steps_of(card, facts.rows)
    loggers = ["console", *([place.log_to] if place.log_to != "none" else [])]
    yield f"trainer.total_epochs={-(-steps // (facts.rows // card.batch_rows))}"
    yield f"trainer.total_training_steps={steps}"
    yield f"trainer.save_freq={card.save_every}"
    yield f"trainer.max_actor_ckpt_to_keep={card.keep}"
    yield f"trainer.test_freq={card.save_every if facts.validation else -1}"
    yield f"trainer.val_before_train={bool(facts.validation)}"
    yield "trainer.resume_mode=auto"
    yield f"trainer.default_local_dir={quoted(str(job.path(CHECKPOINTS)))}"
    yield f"trainer.n_gpus_per_node={gpus}"
    yield f"trainer.nnodes={place.nodes}"
    yield f"trainer.project_name={PROJECT}"
    yield f"trainer.experiment_name={quoted(Path(job.folder).name)}"
    yield f"trainer.logger={listed(loggers)}"
    if place.nodes > 1:
        yield f"++{era.ray}.address=auto"
        told = {"TENSORBOARD_DIR": str(job.path(BOARD)), **place.environment}
        for name, value in sorted(told.items()):
            yield f"++{era.ray}.runtime_env.env_vars.{name}={quoted(value)}"


def quoted(text: str) -> str:
    """A string as Hydra's grammar reads it back: ordinary paths as they are, all else in quotes, which are escaped.

    Source: Hydra 1.3, override grammar: inside quotes a backslash counts only before a quote, or before another one
    that stands before a quote.
    """
    if PLAIN.fullmatch(text):
        return text
    escaped, backslashes = [], 0
    for letter in text.replace("${", "\\${") + "'":
        if letter == "\\":
            backslashes += 1
            continue
        escaped.append("\\" * (2 * backslashes + 1 if letter == "'" else backslashes) + letter)
        backslashes = 0
    body = "".join(escaped)
    return f"'{body[:-2]}'"


def listed(texts: Sequence[str]) -> str:
    """A list of strings in Hydra's grammar."""
    return f"[{','.join(map(quoted, texts))}]"
