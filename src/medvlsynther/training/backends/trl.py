"""TRL: SFT on one or several GPUs (FSDP by accelerate), GRPO on one GPU, and both on a CPU for tiny models.

The trainer itself is `_trl_child`, which runs under the place's Python; nothing of TRL is imported here.
Source: TRL 1.16.
"""

from pathlib import Path

import yaml

from medvlsynther.errors import BadSetting
from medvlsynther.store.layout import write_aside
from medvlsynther.training.backends import _trl_numbers
from medvlsynther.training.base import JOB, MODEL, Job, Place
from medvlsynther.training.launching import python
from medvlsynther.training.memory import check_memory
from medvlsynther.training.survey import Survey, require, require_gpu, survey

EXPORT = "export.trl"
PACKAGES = ("torch", "transformers", "accelerate", "datasets", "trl", "medvlsynther")
CHILD = "medvlsynther.training.backends._trl_child"
ACCELERATE = "accelerate.yaml"


def check(job: Job, place: Place) -> None:
    """Nothing, when the job can start.

    Raises: MissingExtra; BadSetting for what TRL cannot do; UserError for a GPU that is not there, or too small.
    """
    if job.card.dynamic_sampling:
        raise BadSetting("TRL has no dynamic sampling", where=f"trainers/{job.card_name}", mend="Train with verl")
    if place.nodes > 1 and not place.launch:
        raise BadSetting("Several machines need a command that starts them", mend="Give training.trl.launch")
    found = survey(place)
    wanted = [*PACKAGES, *(["peft"] if job.card.lora_rank else [])]
    wanted += [place.log_to] if place.log_to != "none" else []
    require(found, tuple(wanted), "trl")
    count = processes(job, place, found)
    _trl_numbers.numbers(job.card, count, "trl")
    if found.gpus:
        check_memory(job.card, "trl", count, min(gpu.memory_bytes for gpu in found.gpus))


def processes(job: Job, place: Place, found: Survey) -> int:
    """Processes that train at once: one for each GPU for SFT, one for GRPO."""
    gpus = require_gpu(job, place, found)
    return max(1, gpus) if job.method == "sft" else 1


def command(job: Job, place: Place) -> list[str]:
    """The child, behind accelerate where several processes train at once."""
    child = ["-m", CHILD, str(job.path(JOB)), "--log-to", place.log_to]
    if place.launch:
        return [*place.launch, *child]
    count = processes(job, place, survey(place))
    if count == 1:
        return [python(place), *child]
    write_aside(job.path(ACCELERATE), yaml.safe_dump(_sharded(job, count)).encode())
    return [python(place), "-m", "accelerate.commands.launch", "--config_file", str(job.path(ACCELERATE)), *child]


def _sharded(job: Job, count: int) -> dict[str, object]:
    """Weights, gradients and the optimizer's state in equal parts on all GPUs."""
    return {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "FSDP",
        "mixed_precision": "bf16" if job.card.precision == "bf16" else "no",
        "num_machines": 1,
        "num_processes": count,
        "fsdp_config": {
            "fsdp_version": 2,
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_reshard_after_forward": True,
            "fsdp_cpu_ram_efficient_loading": True,
            "fsdp_state_dict_type": "SHARDED_STATE_DICT",
            "fsdp_activation_checkpointing": job.card.recompute,
        },
    }


def finished(job: Job) -> Path | None:
    """The model's folder, once it is whole: it gets its name when all of it is written."""
    folder = job.path(MODEL)
    return folder if folder.is_dir() else None
