"""GRPO by verl: sharded training and a rollout engine on the same GPUs, on one machine or several."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from medvlsynther.cards import Trainer
from medvlsynther.errors import BadSetting, UserError
from medvlsynther.training.backends._verl_keys import ROLLOUT, Facts, era_of, overrides, steps_of
from medvlsynther.training.base import JOB, MODEL, Job, Place
from medvlsynther.training.launching import python
from medvlsynther.training.memory import check_memory
from medvlsynther.training.survey import require, require_gpu, survey

EXPORT = "export.verl"
CHILD = "medvlsynther.training.backends._verl_child"
SHOWN = "0.9"
"""Version in whose words a command is shown before anything is installed."""
PORT = 6379
PACKAGES = ("verl", "ray", "transformers", "flash-attn")
"""Rows are packed without padding, which its Qwen2.5-VL does by FlashAttention alone."""
ENGINES = {"vllm": "vllm", "sglang": "sglang"}
"""Rollout engine to its package."""


def check(job: Job, place: Place) -> None:
    """Nothing, when the job can start as far as the parent can know; the child looks at the data and asks verl.

    Raises: BadSetting for what verl cannot do, MissingExtra, UserError without a GPU or enough memory.
    """
    card = job.card
    _check_card(job)
    found = survey(place)
    logger = (place.log_to,) if place.log_to != "none" else ()
    require(found, (*PACKAGES, ENGINES[engine(place)], *logger), "verl")
    era_of(found.versions["verl"])
    if not found.gpus or place.gpus == 0:
        what = f"verl samples with {engine(place)}, which needs a GPU, and none is visible"
        raise UserError(what, mend="Run where one is, or train a tiny model on the CPU with `backend: trl`")
    gpus = require_gpu(job, place, found)
    replies = (card.mini_batch_rows or card.batch_rows) * card.rollouts
    if replies % (gpus * place.nodes):
        what = f"{replies} replies an update cannot be dealt to {gpus * place.nodes} GPUs alike"
        raise BadSetting(what, mend="Use a number of GPUs that divides them")
    check_memory(card, "verl", gpus * place.nodes, min(gpu.memory_bytes for gpu in found.gpus))
    steps_of(card, sum(pq.ParquetFile(path).metadata.num_rows for path in Path(job.data).glob("data/train-*.parquet")))


def _check_card(job: Job) -> None:
    reason = next(_cannot(job.card, job.method), None)
    if reason:
        raise BadSetting(f"verl {reason}", where=f"trainers/{job.card_name}", mend="Change it, or take `backend: trl`")


def _cannot(card: Trainer, method: str) -> Iterator[str]:
    if method != "grpo":
        yield f"is used for grpo alone here, not for {method}"
    if card.lora_rank is not None:
        yield "trains whole weights here: lora_rank is set"
    if card.drop_cut_replies:
        yield "cannot leave out cut replies: drop_cut_replies is set"
    if card.schedule == "linear":
        yield "knows no linear schedule"
    if card.precision != "bf16":
        yield f"computes in bf16, not in {card.precision}"


def engine(place: Place) -> str:
    """The rollout engine: vLLM, unless the place's options name another.

    Raises: BadSetting for one that is not known.
    """
    named = [option.partition("=")[2] for option in place.options if option.startswith(f"{ROLLOUT}.name=")]
    name = named[-1] if named else "vllm"
    if name not in ENGINES:
        raise BadSetting(f"No rollout engine {name!r}", where="training.verl.options", mend="Name vllm or sglang")
    return name


def command(job: Job, place: Place) -> list[str]:
    """The child that looks, trains and merges."""
    return [python(place), "-m", CHILD, str(job.path(JOB)), place.model_dump_json()]


def finished(job: Job) -> Path | None:
    """The merged model, which has answered; None while there is none."""
    model = job.path(MODEL)
    return model if (model / "config.json").is_file() else None


def preview(job: Job, place: Place, rows: int) -> list[str]:
    """What is run, line by line as for a shell: on every machine first, then on the first one.

    The trainer's limits stand where the data decides: the longest prompt and the most images of a row.
    """
    card = job.card
    facts = Facts(
        model=job.initial,
        train=(f"{job.data}/data/train-00000-of-00001.parquet",),
        rows=rows,
        images=card.max_images,
        prompt_tokens=card.max_prompt_tokens,
    )
    gpus = place.gpus or max(card.gpus // place.nodes, 1)
    keys = overrides(job, place, facts, gpus, SHOWN)
    run = shlex.join([*place.launch, python(place), "-m", "verl.trainer.main_ppo", *keys])
    if place.nodes == 1:
        return [run]
    return [
        f"ray start --head --port={PORT}  # on the first machine",
        f"ray start --address=<first machine>:{PORT}  # on each of the {place.nodes - 1} others",
        f"{run}  # on the first machine",
    ]
