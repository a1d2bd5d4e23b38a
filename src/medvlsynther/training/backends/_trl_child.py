"""The process that trains with TRL: `python -m medvlsynther.training.backends._trl_child job.json`.

It resumes from the last whole checkpoint, says in `stopped.json` why it stopped early, and gives the model its name
when all of it is written.
"""

import argparse
import importlib.util
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from medvlsynther.reward import for_trl
from medvlsynther.store.layout import write_aside
from medvlsynther.training.backends import _trl_rows, _trl_settings
from medvlsynther.training.backends._trl_rows import CACHE, Stop
from medvlsynther.training.backends._trl_watch import Watch, last_whole
from medvlsynther.training.base import MODEL, STOPPED, TINY, Job

BASE = "base"
STOPPED_CODE = 3


def initial(job: Job) -> str:
    """Where the weights to begin with lie: a tiny model is built where it is asked for."""
    if job.initial != TINY:
        return job.initial
    from medvlsynther.training import tiny

    folder = job.path(BASE)
    if not folder.is_dir():
        part = folder.with_name(f".{BASE}.{os.getpid()}")
        tiny.build(part)
        part.rename(folder)
    return str(folder)


def processor_of(source: str, revision: str | None) -> Any:
    """The processor of a model, padding at the left as sampling wants.

    Raises: Stop where there is none.
    """
    try:
        return AutoProcessor.from_pretrained(source, revision=revision)
    except (OSError, ValueError, ImportError) as error:
        raise Stop(f"The processor of {source} cannot be loaded: {_line(error)}", LOADABLE) from None


def model_of(source: str, revision: str | None, *, full: bool) -> Any:
    """The weights. All weights are trained in 32 bits, because steps of 1e-6 vanish in 16; adapters stand on 16.

    Raises: Stop where they cannot be loaded.
    """
    cuda = torch.cuda.is_available()
    dtype = torch.float32 if full or not cuda else torch.bfloat16
    try:
        model = AutoModelForImageTextToText.from_pretrained(source, revision=revision, dtype=dtype)
    except (OSError, ValueError, ImportError) as error:
        raise Stop(f"The weights of {source} cannot be loaded: {_line(error)}", LOADABLE) from None
    model.config.use_cache = False
    return model


LOADABLE = "Give `base` as a hub id that can be reached, or as a model's folder"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def trainer_of(job: Job, log_to: str = "none") -> Any:
    """The trainer, ready to train.

    Raises: Stop for what can be known before training starts.
    """
    source = initial(job)
    config_tokens = _context_tokens(source, job)
    processor = processor_of(source, _revision(job))
    rows = _trl_rows.load(job)
    _trl_rows.check(job, rows, processor, config_tokens)
    processes, cuda = int(os.environ.get("WORLD_SIZE", "1")), torch.cuda.is_available()
    model = model_of(source, _revision(job), full=job.card.lora_rank is None)
    given = {
        "model": model,
        "train_dataset": rows,
        "processing_class": processor,
        "peft_config": _trl_settings.adapters(job.card),
        "callbacks": [Watch(job)],
    }
    if job.method == "sft":
        from trl import SFTTrainer

        return SFTTrainer(args=_trl_settings.sft(job, processes, log_to, cuda), **given)
    from trl import GRPOTrainer

    vllm = cuda and importlib.util.find_spec("vllm") is not None
    settings = _trl_settings.grpo(job, processes, log_to, cuda, vllm)
    trainer = GRPOTrainer(args=settings, reward_funcs=for_trl(**job.card.reward), **given)
    check_reference(trainer)
    return trainer


def _revision(job: Job) -> str | None:
    return job.card.revision if job.initial == job.card.base else None


def _context_tokens(source: str, job: Job) -> int | None:
    try:
        config = AutoConfig.from_pretrained(source, revision=_revision(job))
    except (OSError, ValueError) as error:
        raise Stop(f"{source} cannot be loaded: {_line(error)}", LOADABLE) from None
    longest = getattr(config.get_text_config(), "max_position_embeddings", None)
    return longest if isinstance(longest, int) else None


def check_reference(trainer: Any) -> None:
    """Nothing, when the policy is held close to the very weights that it begins with.

    TRL reads the reference again from where the policy's configuration says that it came from, in silence; a model that
    was trained in memory since would be held close to what it was before.

    Raises: Stop.
    """
    reference = getattr(trainer, "ref_model", None)
    if reference is None or trainer.accelerator.num_processes > 1:
        return
    known = trainer.accelerator.unwrap_model(reference).state_dict()
    for name, weight in trainer.accelerator.unwrap_model(trainer.model).state_dict().items():
        if name not in known or not torch.equal(known[name].to(weight), weight):
            raise Stop(f"The reference policy differs from the initial policy in {name}", "Train from a folder")


def restore(trainer: Any, folder: str, model: Any = None) -> None:
    """Put a checkpoint's weights into the model, every one of them.

    transformers writes a checkpoint under the names of the weights on the hub, and resuming looks for the names in
    memory: for Qwen2.5-VL it finds none, warns, and goes on with the weights of the beginning.
    """
    policy = trainer.accelerator.unwrap_model(model or trainer.model)
    policy.load_state_dict(type(policy).from_pretrained(folder, dtype=policy.dtype).state_dict())


def save(job: Job, trainer: Any) -> None:
    """Write model and processor aside, adapters merged, in the precision they were computed in; then name them."""
    part = job.path(f".{MODEL}.part")
    accelerator = trainer.accelerator
    state = accelerator.get_state_dict(trainer.model) if accelerator.num_processes > 1 else None
    if trainer.is_world_process_zero():
        shutil.rmtree(part, ignore_errors=True)
        model = accelerator.unwrap_model(trainer.model)
        if job.card.lora_rank is not None:
            model = model.merge_and_unload()
        dtype = torch.bfloat16 if job.card.precision == "bf16" else torch.float32
        model.config.use_cache = True
        if state is None:
            model.to(dtype).save_pretrained(part)
        else:
            model.config.dtype = dtype
            model.save_pretrained(part, state_dict={name: each.to(dtype) for name, each in state.items()})
        trainer.processing_class.save_pretrained(part)
        part.rename(job.path(MODEL))
        shutil.rmtree(job.path(CACHE), ignore_errors=True)
    accelerator.wait_for_everyone()


def train(job: Job, log_to: str) -> None:
    """The whole of it.

    Raises: Stop.
    """
    trainer = trainer_of(job, log_to)
    with trainer.accelerator.main_process_first():
        last = last_whole(job)
    if last and not trainer.is_fsdp_enabled and job.card.lora_rank is None:
        trainer._load_from_checkpoint = partial(restore, trainer)
    try:
        trainer.train(resume_from_checkpoint=last)
    except torch.OutOfMemoryError:
        what = f"Out of GPU memory at step {trainer.state.global_step}"
        raise Stop(what, "Lower device_rows, set recompute: true or lora_rank, or use more GPUs") from None
    save(job, trainer)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Train with TRL.")
    parser.add_argument("job", type=Path)
    parser.add_argument("--log-to", choices=("none", "tensorboard", "wandb"), default="none")
    arguments = parser.parse_args()
    job = Job.model_validate_json(arguments.job.read_bytes())
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(job.path("tensorboard")))
    os.environ.setdefault("WANDB_DIR", job.folder)
    try:
        train(job, arguments.log_to)
    except Stop as stop:
        write_aside(job.path(STOPPED), orjson.dumps({"what": stop.what, "mend": stop.mend}))
        return STOPPED_CODE
    return 0


if __name__ == "__main__":
    sys.exit(main())
