"""A trainer card in TRL's words. Runs in the child: torch and trl are there.

Source: TRL 1.16; names and defaults that differ from the published runs are set, not relied upon.
"""

from pathlib import Path
from typing import Any

from medvlsynther.cards import Trainer
from medvlsynther.training.backends._trl_numbers import numbers
from medvlsynther.training.base import CHECKPOINTS, Job

AVERAGES = {"tokens": "dapo", "replies": "grpo"}
"""What the loss is averaged over, in TRL's names of losses."""


def sft(job: Job, processes: int, log_to: str, cuda: bool) -> Any:
    """`SFTConfig`. Nothing is cut: TRL's own limit of 1,024 tokens would leave long prompts without any loss."""
    from trl import SFTConfig

    return SFTConfig(
        **_shared(job, processes, log_to, cuda),
        max_length=None,
        completion_only_loss=True,
        train_sampling_strategy="random" if job.card.shuffle else "sequential",
    )


def grpo(job: Job, processes: int, log_to: str, cuda: bool, vllm: bool) -> Any:
    """`GRPOConfig`. The weight of the KL term is not multiplied by the importance ratio, as in verl."""
    from trl import GRPOConfig

    card = job.card
    shared = _shared(job, processes, log_to, cuda)
    count = numbers(card, processes, "trl")
    engine: dict[str, Any] = {"use_vllm": False}
    if vllm:
        longest = card.max_prompt_tokens + card.max_reply_tokens
        engine = {"use_vllm": True, "vllm_mode": "colocate", "vllm_max_model_length": longest}
    return GRPOConfig(
        **shared,
        **engine,
        num_generations=card.rollouts,
        steps_per_generation=count.accumulated * count.updates_a_batch,
        num_iterations=1,
        max_completion_length=card.max_reply_tokens,
        temperature=card.temperature,
        top_p=card.top_p,
        beta=card.kl,
        use_bias_correction_kl=False,
        epsilon=card.clip_low,
        epsilon_high=card.clip_high,
        loss_type=AVERAGES[card.average],
        scale_rewards="group" if card.scale_by_spread else "none",
        mask_truncated_completions=card.drop_cut_replies,
        shuffle_dataset=card.shuffle,
    )


def _shared(job: Job, processes: int, log_to: str, cuda: bool) -> dict[str, Any]:
    card = job.card
    count = numbers(card, processes, "trl")
    return {
        "output_dir": str(Path(job.folder) / CHECKPOINTS),
        "seed": job.seed,
        "data_seed": job.seed,
        "per_device_train_batch_size": count.device_rows,
        "gradient_accumulation_steps": count.accumulated,
        "learning_rate": card.learning_rate,
        "lr_scheduler_type": "constant_with_warmup" if card.schedule == "constant" else card.schedule,
        "warmup_steps": card.warmup,
        "weight_decay": card.weight_decay,
        "adam_beta1": card.betas[0],
        "adam_beta2": card.betas[1],
        "max_grad_norm": card.clip_gradient,
        "num_train_epochs": card.epochs,
        "max_steps": card.updates or -1,
        "bf16": card.precision == "bf16",
        "use_cpu": not cuda,
        "gradient_checkpointing": card.recompute,
        "save_strategy": "steps",
        "save_steps": card.save_every,
        "save_total_limit": card.keep,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": log_to,
        "run_name": job.card_name,
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
    }


def adapters(card: Trainer) -> Any:
    """Low-rank adapters on all linear layers, or None."""
    if card.lora_rank is None:
        return None
    from peft import LoraConfig

    return LoraConfig(r=card.lora_rank, lora_alpha=card.lora_alpha, target_modules="all-linear", task_type="CAUSAL_LM")
