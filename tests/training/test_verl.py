"""verl as a backend, as far as it goes without verl: keys of each version, refusals, what it logs, what is shown."""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.cards import Change, Trainer
from medvlsynther.errors import BadSetting, MissingExtra, UserError
from medvlsynther.pipeline.plan import signature
from medvlsynther.pipeline.site import Site
from medvlsynther.training import memory
from medvlsynther.training.backends import _verl_child, verl
from medvlsynther.training.backends._verl_keys import ERAS, Facts, era_of, overrides, steps_of
from medvlsynther.training.base import CHECKPOINTS, Job, Place
from medvlsynther.training.memory import packed_tokens
from medvlsynther.training.survey import Gpu, Survey

H100 = Gpu(name="a GPU", memory_bytes=85_000_000_000)
VERSIONS = {"verl": "0.9.1", "ray": "2.60", "transformers": "5.9", "flash-attn": "2.8", "vllm": "0.24"}
FACTS = Facts(model="/models/base", train=("/data/train-0.parquet",), rows=13_087, images=2, prompt_tokens=1723)


def job(folder: Path, card: str = "grpo-7b", rows: int = 1000, **change: Any) -> Job:
    """A job on so many rows without content."""
    data = folder / "dataset"
    (data / "data").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"prompt": [""] * rows}), data / "data/train-00000-of-00001.parquet")
    trainer = Trainer.load(card)
    return Job(
        method=trainer.method,
        card=trainer.changed(Change(change)),
        card_name=trainer.name,
        card_hash=trainer.hash,
        seed=7,
        initial=trainer.base,
        data=str(data),
        folder=str(folder / "lasting"),
    )


def keys(lines: list[str]) -> dict[str, str]:
    """Overrides by key, without what marks a key as new."""
    return {key.lstrip("+"): value for key, _, value in (line.partition("=") for line in lines)}


def written(folder: Path, version: str = "0.9.1", place: Place | None = None, **change: Any) -> dict[str, str]:
    """Overrides of a job by key."""
    return keys(overrides(job(folder, **change), place or Place(), FACTS, 8, version))


def test_the_published_values_reach_verl(tmp_path: Path) -> None:
    found = written(tmp_path)
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    wanted = {
        "algorithm.adv_estimator": "grpo",
        "algorithm.use_kl_in_reward": "False",
        "data.train_batch_size": "64",
        f"{actor}.ppo_mini_batch_size": "32",
        f"{actor}.optim.lr": "1e-06",
        f"{actor}.use_kl_loss": "True",
        f"{actor}.kl_loss_coef": "0.01",
        f"{actor}.kl_loss_type": "low_var_kl",
        f"{actor}.loss_agg_mode": "token-mean",
        f"{rollout}.n": "8",
        f"{rollout}.temperature": "1.0",
        "data.max_response_length": "4096",
        "trainer.total_epochs": "1",
        "trainer.total_training_steps": str(13_087 // 64),
        "reward.custom_reward_function.reward_kwargs.rule": "released",
    }
    assert {key: found[key] for key in wanted} == wanted


def test_what_was_measured_and_guarded_reaches_verl(tmp_path: Path) -> None:
    found = written(tmp_path)
    assert found["data.max_prompt_length"] == "1723", "the data's longest prompt, not a number that fits all"
    assert found["actor_rollout_ref.rollout.limit_images"] == "2"
    assert (found["data.filter_overlong_prompts"], found["data.truncation"]) == ("False", "error")
    assert (found["data.seed"], found["actor_rollout_ref.actor.data_loader_seed"]) == ("7", "7")
    assert found["trainer.resume_mode"] == "auto"
    assert found["trainer.default_local_dir"] == f"{tmp_path}/lasting/{CHECKPOINTS}"
    assert found["actor_rollout_ref.actor.ppo_max_token_len_per_gpu"] == str(packed_tokens(Trainer.load("grpo-7b")))
    assert written(tmp_path, shuffle=False)["data.shuffle"] == "False"


@pytest.mark.parametrize(
    ("version", "key", "other"),
    [
        ("0.9.1", "reward.custom_reward_function.path", "custom_reward_function.path"),
        ("0.8.0", "reward.custom_reward_function.path", "custom_reward_function.path"),
        ("0.7.1", "custom_reward_function.path", "reward.custom_reward_function.path"),
        ("0.5.0.dev0", "custom_reward_function.path", "reward.custom_reward_function.path"),
    ],
)
def test_the_reward_is_named_where_each_version_looks_for_it(
    version: str, key: str, other: str, tmp_path: Path
) -> None:
    found = written(tmp_path, version)
    assert other not in found
    path = Path(found[key].strip("'"))
    assert "def compute_score(" in path.read_text(encoding="utf-8")
    assert found[key.replace(".path", ".name")] == "compute_score"


def test_the_pinned_version_gets_its_own_words(tmp_path: Path) -> None:
    found = written(tmp_path, "0.5.0", Place(nodes=2))
    assert found["actor_rollout_ref.actor.optim.warmup_style"] == "constant"
    assert found["ray_init.address"] == "auto"
    assert not {key for key in found if key.endswith((".betas", ".lr_scheduler_type")) or "filter_groups" in key}


@pytest.mark.parametrize("version", ["0.4.1", "0.10.0", "1.0", "main"])
def test_a_version_whose_keys_are_not_known_is_refused(version: str) -> None:
    with pytest.raises(BadSetting, match=f"keys of verl {version} are not known"):
        era_of(version)


def test_eras_stand_newest_first() -> None:
    assert [era.since for era in ERAS] == sorted((era.since for era in ERAS), reverse=True)


def test_groups_without_signal_are_replaced_where_verl_can(tmp_path: Path) -> None:
    modern = job(tmp_path, "grpo-modern-7b")
    found = keys(overrides(modern, Place(), FACTS, 8, "0.9.1"))
    assert found["algorithm.filter_groups.enable"] == "True"
    assert found["actor_rollout_ref.actor.use_kl_loss"] == "False"
    assert found["actor_rollout_ref.actor.clip_ratio_high"] == "0.28"
    with pytest.raises(BadSetting, match=r"cannot replace groups"):
        overrides(modern, Place(), FACTS, 8, "0.8.0")


def test_validation_files_are_used_where_they_are(tmp_path: Path) -> None:
    facts = FACTS.model_copy(update={"validation": ("/data/validation-0.parquet",)})
    found = keys(overrides(job(tmp_path), Place(), facts, 8, "0.9.1"))
    assert found["data.val_files"] == "[/data/validation-0.parquet]"
    assert (found["trainer.test_freq"], found["trainer.val_before_train"]) == ("50", "True")
    assert written(tmp_path)["trainer.test_freq"] == "-1"


@pytest.mark.parametrize(("log_to", "wanted"), [("none", []), ("tensorboard", ["tensorboard"]), ("wandb", ["wandb"])])
def test_loggers_are_chosen_by_the_site(log_to: str, wanted: list[str], tmp_path: Path) -> None:
    found = written(tmp_path, place=Place.model_validate({"log_to": log_to}))["trainer.logger"]
    assert found == f"[{','.join(repr(name) for name in ['console', *wanted])}]"


def test_the_sites_own_options_have_the_last_word(tmp_path: Path) -> None:
    place = Place(options=("actor_rollout_ref.rollout.name=sglang",))
    assert overrides(job(tmp_path), place, FACTS, 8, "0.9.1")[-1] == "actor_rollout_ref.rollout.name=sglang"
    assert verl.engine(place) == "sglang"
    with pytest.raises(BadSetting, match="No rollout engine 'abacus'"):
        verl.engine(Place(options=("actor_rollout_ref.rollout.name=abacus",)))


def test_steps_count_full_batches() -> None:
    card = Trainer.load("grpo-7b")
    assert steps_of(card, 13_087) == 204
    assert steps_of(card.changed(Change({"epochs": 2})), 130) == 4
    assert steps_of(card.changed(Change({"epochs": 0.1})), 128) == 1
    assert steps_of(card.changed(Change({"updates": 5})), 64) == 5
    with pytest.raises(BadSetting, match="63 rows do not fill one batch of 64"):
        steps_of(card, 63)


# --------------------------------------------------------------------------------------------- before it starts


def check(monkeypatch: pytest.MonkeyPatch, made: Job, *gpus: Gpu, **versions: str) -> None:
    """The backend's check beside such GPUs and packages; an empty version is a missing package."""
    there = {name: version for name, version in (VERSIONS | versions).items() if version}
    found = Survey(python="3.11", system="Linux", machine="x86_64", cores=8, gpus=gpus, versions=there)
    monkeypatch.setattr(verl, "survey", lambda _: found)
    verl.check(made, Place())


def test_a_published_run_may_start_on_eight_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    check(monkeypatch, job(tmp_path), *[H100] * 8)


def test_without_a_gpu_nothing_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"vllm, which needs a GPU, and none is visible.*backend: trl"):
        check(monkeypatch, job(tmp_path))


@pytest.mark.parametrize("package", ["verl", "ray", "flash-attn", "vllm"])
def test_a_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match=rf"'{package}' is not installed.*medvlsynther\[verl\]"):
        check(monkeypatch, job(tmp_path), H100, **{package: ""})


def test_too_little_memory_is_told_with_what_fits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"are needed on each of 1 GPUs and 25\.8 GB are there.*backend: trl.*lora_rank"
    ):
        check(monkeypatch, job(tmp_path), Gpu(name="small", memory_bytes=24 * memory.GIB))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lora_rank": 8}, "whole weights"),
        ({"drop_cut_replies": True}, "cannot leave out cut replies"),
        ({"schedule": "linear"}, "no linear schedule"),
        ({"precision": "fp32"}, "computes in bf16"),
        ({"batch_rows": 3, "mini_batch_rows": 3}, "24 replies an update cannot be dealt to 5 GPUs"),
        ({"batch_rows": 2000, "mini_batch_rows": 1000}, "1000 rows do not fill one batch of 2000"),
    ],
)
def test_what_verl_cannot_do_is_refused(
    change: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(BadSetting, match=told):
        check(monkeypatch, job(tmp_path, **change), *[H100] * 5)


def test_sft_is_sent_to_trl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"grpo alone here, not for sft.*backend: trl"):
        check(monkeypatch, job(tmp_path, "sft-7b"), H100)


def test_an_unknown_version_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"keys of verl 0\.12\.0"):
        check(monkeypatch, job(tmp_path), *[H100] * 8, verl="0.12.0")


# ------------------------------------------------------------------------------------------------ what is shown


def test_the_command_is_shown_as_a_shell_takes_it(tmp_path: Path) -> None:
    (line,) = verl.preview(job(tmp_path), Place(python="/envs/verl/bin/python"), 13_087)
    words = shlex.split(line)
    assert words[:3] == ["/envs/verl/bin/python", "-m", "verl.trainer.main_ppo"]
    assert keys(words[3:])["trainer.n_gpus_per_node"] == "8"


def test_several_machines_begin_with_ray(tmp_path: Path) -> None:
    place = Place(nodes=4, gpus=8, environment={"NCCL_IB_HCA": "mlx5"})
    head, others, run = verl.preview(job(tmp_path), place, 13_087)
    assert head.startswith("ray start --head")
    assert "each of the 3 others" in others
    assert "trainer.nnodes=4" in run
    assert "++ray_kwargs.ray_init.address=auto" in run
    found = keys(shlex.split(run.partition("  #")[0])[3:])
    assert found["ray_kwargs.ray_init.runtime_env.env_vars.NCCL_IB_HCA"] == "'mlx5'"


def test_the_child_is_told_its_job_and_its_place(tmp_path: Path) -> None:
    place = Place(python="/envs/verl/bin/python", gpus=2)
    python, _, module, job_file, told = verl.command(job(tmp_path), place)
    assert (python, module) == (place.python, _verl_child.__name__)
    assert Path(job_file) == tmp_path / "lasting/job.json"
    assert Place.model_validate_json(told) == place


def test_what_the_document_shows_can_be_written_so() -> None:
    text = (Path(__file__).parents[2] / "docs/train-verl.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    sites = [Site.model_validate(block) for block in blocks if "training" in block]
    assert [site.training["verl"].nodes for site in sites] == [1, 4]
    (reward,) = [block["reward"] for block in blocks if "reward" in block]
    assert Trainer.load("grpo-modern-7b").changed(Change({"reward": reward})).reward == reward
    (merge,) = [block["stages"]["train.merge"] for block in blocks if "stages" in block]
    assert set(merge) <= set(signature("train.merge").settings)


# --------------------------------------------------------------------------------------------------- what it logs

LOGGED = (
    "\x1b[36m(TaskRunnerV1 pid=77)\x1b[0m step:12 - global_seqlen/mean:8123.5 - actor/entropy:0.41"
    " - actor/kl_loss:0.003 - actor/pg_loss:-0.021 - actor/lr:1e-06 - critic/score/mean:np.float64(0.625)"
    " - response_length/mean:211.0"
    " - val-aux/medsynvqa/format/mean@1:0.98 - val-aux/medsynvqa/accuracy/mean@1:0.55 - timing_s/step:31.2"
)


def test_curves_are_what_verl_logs() -> None:
    assert _verl_child.read_line(LOGGED) == {
        "step": 12,
        "entropy": 0.41,
        "kl": 0.003,
        "loss": -0.021,
        "learning_rate": 1e-6,
        "reward": 0.625,
        "length_tokens": 211.0,
        "format": 0.98,
        "accuracy": 0.55,
    }


@given(
    st.text()
    | st.text().map(lambda text: f"step:3 - {text}")
    | st.text().map(lambda t: f"step:3 - critic/score/mean:{t}")
)
def test_any_other_line_gives_no_curve_and_no_error(line: str) -> None:
    row = _verl_child.read_line(line)
    assert all(isinstance(value, int | float) for value in row.values())


# --------------------------------------------------------------------------- a run of a verl that only pretends


PRETENDED = """
import json, pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[0]).parent
keys = dict(a.lstrip("+").split("=", 1) for a in sys.argv if "=" in a)
checkpoints = pathlib.Path(keys["trainer.default_local_dir"].strip("'"))
tracker = checkpoints / "latest_checkpointed_iteration.txt"
begin = int(tracker.read_text()) if tracker.is_file() else 0
ends = json.loads((folder / "ends.json").read_text())
for step in range(begin + 1, int(keys["trainer.total_training_steps"]) + 1):
    actor = checkpoints / f"global_step_{step}" / "actor"
    (actor / "huggingface").mkdir(parents=True, exist_ok=True)
    (actor / "huggingface/config.json").write_text("{}")
    (actor / "fsdp_config.json").write_text(json.dumps({"FSDP_version": 2, "world_size": 1}))
    if ends.get(str(step)) == "killed":
        (actor / "model_world_size_1_rank_0.pt").write_bytes(b"PK")
        print("RuntimeError: out of memory")
        sys.exit(9)
    with zipfile.ZipFile(actor / "model_world_size_1_rank_0.pt", "w") as file:
        file.writestr("data", "weights")
    if step % 2 == 0 or step == 4:
        tracker.write_text(str(step))
    else:
        (actor / "model_world_size_1_rank_0.pt").unlink()
    loss = ends.get(str(step), 0.5)
    print(f"step:{step} - critic/score/mean:0.5 - actor/pg_loss:{loss}", flush=True)
"""


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A job of four steps, and a function that trains it by a script that logs and saves as verl does."""
    made = job(tmp_path, rows=4 * 64)
    Path(made.folder).mkdir()
    (tmp_path / "verl.py").write_text(PRETENDED)
    monkeypatch.setattr(_verl_child, "look", lambda _: FACTS.model_copy(update={"rows": 4 * 64}))
    monkeypatch.setattr(_verl_child, "compose", lambda _: None)
    monkeypatch.setattr(_verl_child, "version", lambda _: "0.9.1")
    monkeypatch.setattr(_verl_child, "merge", lambda checkpoint, target, *_: target.write_text(checkpoint.name))

    def run(**ends: str) -> dict[str, Any]:
        (tmp_path / "ends.json").write_text(json.dumps({name.strip("_"): how for name, how in ends.items()}))
        (tmp_path / "job.json").write_text(made.model_dump_json())
        place = Place(gpus=8, launch=(sys.executable, str(tmp_path / "verl.py")))
        try:
            _verl_child.main(str(tmp_path / "job.json"), place.model_dump_json())
        except SystemExit:
            return dict(json.loads(made.path("stopped.json").read_text()))
        return {"model": made.path("model").read_text(), "curves": made.path("curves.jsonl").read_text().splitlines()}

    return run


def test_a_run_ends_with_the_model_of_its_last_step(pretended: Any) -> None:
    ended = pretended()
    assert ended["model"] == "global_step_4"
    assert json.loads(ended["curves"][-1]) == {"step": 4, "steps": 4, "reward": 0.5, "loss": 0.5}


def test_a_killed_run_resumes_from_the_last_whole_checkpoint(pretended: Any, tmp_path: Path) -> None:
    assert "verl ended with 9" in pretended(_3="killed")["what"]
    assert (tmp_path / "lasting/checkpoints/latest_checkpointed_iteration.txt").read_text() == "2"
    assert [json.loads(line)["step"] for line in pretended()["curves"]] == [1, 2, 3, 4]


def test_a_tracker_that_names_a_broken_step_is_put_right(pretended: Any, tmp_path: Path) -> None:
    pretended(_3="killed")
    (tmp_path / "lasting/checkpoints/latest_checkpointed_iteration.txt").write_text("3")
    assert pretended()["model"] == "global_step_4"


def test_a_loss_that_is_no_number_ends_the_run_before_it_spoils_a_checkpoint(pretended: Any, tmp_path: Path) -> None:
    ended = pretended(_3="nan")
    assert ended["what"] == "loss was no number at step 3"
    assert "resume from step 2" in ended["mend"]
    assert (tmp_path / "lasting/checkpoints/latest_checkpointed_iteration.txt").read_text() == "2"
    assert pretended()["model"] == "global_step_4"


def test_a_first_step_without_numbers_begins_anew(pretended: Any, tmp_path: Path) -> None:
    assert "step 1" in pretended(_1="inf")["what"]
    assert not (tmp_path / "lasting/checkpoints/latest_checkpointed_iteration.txt").exists()
