"""The installed verl takes our configuration, reads our rows, calls our reward, and its checkpoints become models."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("verl", reason="verl has an environment of its own: make test-verl")

from hypothesis import given, settings
from hypothesis import strategies as st

from medvlsynther import catalog, reward
from medvlsynther.cards import Change, Prompt, Trainer
from medvlsynther.errors import BadSetting, MissingInput, TrainingStopped
from medvlsynther.export.processor import ModelFolder
from medvlsynther.export.prompt import asked
from medvlsynther.pipeline.plan import plan
from medvlsynther.pipeline.recipe import expand, load_recipe
from medvlsynther.store.corpus import Corpus
from medvlsynther.store.images import ImageStore
from medvlsynther.training import merging
from medvlsynther.training.backends import _verl_child, verl
from medvlsynther.training.backends._verl_child import compose
from medvlsynther.training.backends._verl_data import look
from medvlsynther.training.backends._verl_keys import Facts, overrides, quoted
from medvlsynther.training.base import Job, Place
from medvlsynther.training.outcome import read_curves
from medvlsynther.training.steps import planned
from tests.export.material import Material, item, picture
from tests.stages.harness import run_stage
from tests.trainers import tiny_vlm

SHIM = str(Path(__file__).parents[1] / "tools/shim")
SIZES = ((48, 40), (112, 84), (400, 300))
FACTS = Facts(model="base", train=("/data/train-0.parquet",), rows=13_087, images=6, prompt_tokens=1723)
BY_VERL = [name for name in catalog.names("trainers") if Trainer.load(name).backend == "verl"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vlm.build(tmp_path_factory.mktemp("model"))


def job(folder: Path, model: str = "base", card: str = "grpo-3b", **change: Any) -> Job:
    """A job on what `exported` writes."""
    trainer = Trainer.load(card)
    (folder / "lasting").mkdir(exist_ok=True)
    return Job(
        method="grpo",
        card=trainer.changed(Change(change)),
        card_name=card,
        card_hash=trainer.hash,
        seed=42,
        initial=model,
        data=str(folder / "step/dataset"),
        folder=str(folder / "lasting"),
    )


# ------------------------------------------------------------------------------------------------ configuration


@pytest.mark.parametrize("card", BY_VERL)
@pytest.mark.parametrize("place", [Place(), Place(nodes=2, log_to="tensorboard", environment={"A": "b c"})])
def test_verl_composes_and_validates_every_card(card: str, place: Place, tmp_path: Path) -> None:
    config = compose(overrides(job(tmp_path, card=card), place, FACTS, 8, "0.9.1"))
    trainer = Trainer.load(card)
    actor = config.actor_rollout_ref.actor
    assert config.reward.custom_reward_function.path == reward.__file__
    assert dict(config.reward.custom_reward_function.get("reward_kwargs") or {}) == trainer.reward
    assert (actor.optim.lr, actor.kl_loss_coef) == (trainer.learning_rate, trainer.kl)
    assert config.actor_rollout_ref.rollout.limit_images == 6
    assert config.data.train_files == list(FACTS.train)
    assert config.trainer.nnodes == place.nodes


def test_verl_composes_and_validates_every_variant_of_the_recipe(tmp_path: Path) -> None:
    steps = [step for ref in expand("train@*") for step in plan(load_recipe(ref, after="quickstart"))]
    jobs = [planned(step.settings, None, tmp_path, tmp_path) for step in steps if step.stage == "train.grpo"]
    by_verl = [made for made, backend in jobs if backend == "verl"]
    assert len(by_verl) >= 20, "all published runs of GRPO"
    for made in {repr(made.card): made for made in by_verl}.values():
        config = compose(overrides(made, Place(), FACTS, made.card.gpus, "0.9.1"))
        actor = config.actor_rollout_ref.actor
        assert config.data.train_batch_size == made.card.batch_rows
        assert actor.ppo_mini_batch_size == (made.card.mini_batch_rows or made.card.batch_rows)
        assert actor.use_kl_loss == (made.card.kl > 0)
        assert config.trainer.n_gpus_per_node == made.card.gpus


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("actor_rollout_ref.actor.nonsense=1", "nonsense"),
        ("actor_rollout_ref.actor.loss_agg_mode=by-the-moon", "loss_agg_mode"),
    ],
)
def test_what_verl_refuses_is_told_before_it_starts(option: str, told: str, tmp_path: Path) -> None:
    keys = overrides(job(tmp_path), Place(options=(option,)), FACTS, 8, "0.9.1")
    with pytest.raises(BadSetting, match=f"verl refuses the configuration: .*{told}"):
        compose(keys)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=30))
@settings(deadline=None)
def test_hydra_reads_back_what_we_quote(text: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    value = OverridesParser.create().parse_override(f"key={quoted(text)}").value()
    assert str(value) == text.replace("${", r"\${")
    if "\\" not in text:
        assert OmegaConf.create({"key": str(value)}).key == text


# ---------------------------------------------------------------------------------------------------------- data


def exported(folder: Path, counts: tuple[int, ...] = (1, 6, 0, 2), **settings: Any) -> Material:
    """Rows with so many images each, exported for verl."""
    material = Material(folder)
    for number, count in enumerate(counts):
        pictures = [picture(10 * number + n, *SIZES[n % len(SIZES)]) for n in range(count)]
        material.items.append(item(material.figure(number, pictures)))
    material.run("export.verl", **settings)
    return material


@pytest.mark.parametrize("measured", [True, False])
def test_the_data_is_measured_with_the_models_own_processor(measured: bool, model: Path, tmp_path: Path) -> None:
    folder = ModelFolder.at(str(model))
    material = exported(tmp_path, processor=folder if measured else None)
    count = folder.counter()
    read = ImageStore(material.store.images).read
    pictures = {figure.figure_id: tuple(read(i.sha256 or "") for i in figure.images) for figure in material.figures}
    words = Prompt.load("answer")
    longest = max(count(asked(words, each), pictures[each.figure_id]).prompt for each in material.items)
    facts = look(job(tmp_path, str(model)))
    assert (facts.rows, facts.images, facts.prompt_tokens) == (4, 6, longest)
    assert look(job(tmp_path, str(model))) == facts, "and remembered"


def test_stated_lengths_of_another_model_are_not_believed(model: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    exported(tmp_path, processor=ModelFolder.at(str(model)))
    right = look(job(tmp_path, str(model))).prompt_tokens
    path = tmp_path / "step/dataset/data/train-00000-of-00001.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    for row in rows:
        row["extra_info"]["n_prompt_tokens"] = 7
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    assert look(job(tmp_path, str(model))).prompt_tokens == right


@pytest.mark.parametrize(
    ("change", "told"),
    [({"max_images": 2}, "A row has 6 images and the trainer allows 2"), ({"max_prompt_tokens": 99}, "allows 99")],
)
def test_rows_beyond_the_trainers_limits_stop_it_before_it_starts(
    change: dict[str, Any], told: str, model: Path, tmp_path: Path
) -> None:
    exported(tmp_path)
    with pytest.raises(BadSetting, match=told):
        look(job(tmp_path, str(model), **change))


def test_a_model_without_a_chat_template_is_refused(model: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(model, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink(missing_ok=True)
    for name in ("tokenizer_config.json", "processor_config.json"):
        told = json.loads((bare / name).read_text())
        told.pop("chat_template", None)
        (bare / name).write_text(json.dumps(told))
    exported(tmp_path)
    with pytest.raises(BadSetting, match="has no chat template"):
        look(job(tmp_path, str(bare)))


def test_no_rows_and_no_model_are_said(model: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no rows to train on"):
        look(job(tmp_path, str(model)))
    with pytest.raises(BadSetting, match="verl trains no bundled model"):
        look(job(tmp_path, "bundled:tiny"))


# -------------------------------------------------------------------------------------------------------- reward


def said(answer: str) -> str:
    return f"<think>The image shows it.</think>\n<answer>{answer}</answer>"


def test_verls_reward_manager_pays_what_we_pay(model: Path, tmp_path: Path) -> None:
    import numpy as np
    import torch
    from verl import DataProto
    from verl.trainer.ppo.reward import load_reward_manager
    from verl.utils import hf_processor, hf_tokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset

    material = exported(tmp_path, (1,))
    key = material.items[0]
    place = Place(options=(f"+data.cache_dir={quoted(str(tmp_path / 'cache'))}",))
    config = compose(overrides(job(tmp_path, card="grpo-modern-7b"), place, FACTS, 8, "0.9.1"))
    words = hf_tokenizer(str(model))
    path = str(tmp_path / "step/dataset/data/train-00000-of-00001.parquet")
    row = RLHFDataset([path], words, config.data, hf_processor(str(model)))[0]

    async def score(reply: str) -> dict[str, Any]:
        ids = torch.tensor([words(reply)["input_ids"]])
        held = {name: np.array([row[name]], dtype=object) for name in ("data_source", "reward_model", "extra_info")}
        data = DataProto.from_dict({"responses": ids, "attention_mask": torch.ones_like(ids)}, held)
        return dict(await load_reward_manager(config, words).run_single(data))

    wrong = next(letter for letter in "ABCDE" if letter != key.answer)
    replies = {
        said(key.answer): 1.0,
        said(key.key): 1.0,
        said(wrong): 0.0,
        said(f"{key.answer} or {wrong}"): 0.0,
        said("perhaps"): 0.0,
        said(key.answer)[:-4]: 0.0,
        f"The answer is {key.answer}.": 0.0,
    }
    for reply, wanted in replies.items():
        paid = asyncio.run(score(reply))
        assert paid["reward_score"] == wanted, reply
        assert tuple(paid["reward_extra_info"]) == reward.KEYS
        assert "reward" not in paid["reward_extra_info"]


# --------------------------------------------------------------------------------------------------------- merge

SHARDED = """
import json, os, sys
import torch, torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from torch.distributed.device_mesh import init_device_mesh
torch.set_num_threads(1)
import tests.trainers.shim as shim; shim.install()
from transformers import AutoModelForImageTextToText, AutoProcessor
model_folder, folder = sys.argv[1:]
dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
model = AutoModelForImageTextToText.from_pretrained(model_folder, dtype=torch.float32)
mesh = init_device_mesh("cpu", (world,), mesh_dim_names=("fsdp",))
for block in model.model.language_model.layers:
    fully_shard(block, mesh=mesh)
fully_shard(model, mesh=mesh)
os.makedirs(folder, exist_ok=True)
torch.save(model.state_dict(), f"{folder}/model_world_size_{world}_rank_{rank}.pt")
if rank == 0:
    model.config.save_pretrained(f"{folder}/huggingface")
    model.generation_config.save_pretrained(f"{folder}/huggingface")
    AutoProcessor.from_pretrained(model_folder).save_pretrained(f"{folder}/huggingface")
    with open(f"{folder}/fsdp_config.json", "w") as file:
        json.dump({"FSDP_version": 2, "world_size": world}, file)
dist.destroy_process_group()
"""


@pytest.fixture(scope="module", params=[1, 2])
def checkpoint(request: pytest.FixtureRequest, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of steps with one whole checkpoint, written by so many processes."""
    folder = tmp_path_factory.mktemp("checkpoints")
    script = folder / "sharded.py"
    script.write_text(SHARDED)
    root = Path(__file__).parents[2]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={request.param}"]
    done = subprocess.run(
        [*torchrun, str(script), str(model), str(folder / "global_step_3/actor")],
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (folder / merging.TRACKER).write_text("3")
    return folder


TRAINS = """
import pathlib, shutil, sys
keys = dict(argument.lstrip("+").split("=", 1) for argument in sys.argv if "=" in argument)
folder = pathlib.Path(keys["trainer.default_local_dir"])
shutil.copytree(pathlib.Path(sys.argv[0]).with_name("checkpoint"), folder / "global_step_1/actor")
(folder / "latest_checkpointed_iteration.txt").write_text("1")
print("step:1 - critic/score/mean:0.25 - actor/pg_loss:0.1 - response_length/mean:20.5", flush=True)
"""


@pytest.mark.parametrize("checkpoint", [1], indirect=True)
def test_the_child_looks_asks_verl_trains_logs_and_merges(checkpoint: Path, model: Path, tmp_path: Path) -> None:
    exported(tmp_path)
    (tmp_path / "trains.py").write_text(TRAINS)
    shutil.copytree(checkpoint / "global_step_3/actor", tmp_path / "checkpoint")
    made = job(tmp_path, str(model), batch_rows=4, mini_batch_rows=4, rollouts=2)
    made.path("job.json").write_text(made.model_dump_json())
    place = Place(gpus=1, launch=(sys.executable, str(tmp_path / "trains.py")))
    done = subprocess.run(
        [sys.executable, "-m", _verl_child.__name__, str(made.path("job.json")), place.model_dump_json()],
        env={**os.environ, "PYTHONPATH": SHIM, "HF_DATASETS_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert verl.finished(made) == made.path("model")
    assert ModelFolder.at(str(made.path("model"))).digest
    (row,) = read_curves(made.path("curves.jsonl"))
    assert row == {"step": 1, "steps": 1, "reward": 0.25, "loss": 0.1, "length_tokens": 20.5}


@pytest.mark.parametrize("checkpoint", [2], indirect=True)
def test_a_merged_checkpoint_loads_answers_and_is_the_model_that_was_sharded(
    checkpoint: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    monkeypatch.setenv("PYTHONPATH", SHIM)
    trainer = Trainer.load("grpo-3b")
    done = run_stage("train.merge", tmp_path, {}, checkpoint=Corpus.at(checkpoint), trainer=trainer)
    (row,) = done.rows
    assert (row.step, row.method, row.base, row.trainer_hash) == (3, "grpo", trainer.base, trainer.hash)
    target = tmp_path / "store" / row.folder
    merged = AutoModelForImageTextToText.from_pretrained(target, dtype=torch.float32).state_dict()
    wanted = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32).state_dict()
    assert set(merged) == set(wanted)
    for name, weights in wanted.items():
        assert torch.equal(merged[name], weights.bfloat16().float()), name
    assert AutoProcessor.from_pretrained(target).chat_template
    assert [path.name for path in target.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("checkpoint", [2], indirect=True)
@pytest.mark.parametrize("fault", ["missing", "short", "no config", "no processor"])
def test_a_checkpoint_that_is_not_whole_is_refused(fault: str, checkpoint: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(checkpoint, tmp_path / "steps")
    actor = broken / "global_step_3/actor"
    shard = sorted(actor.glob("model_*.pt"))[-1]
    if fault == "missing":
        shard.unlink()
    elif fault == "short":
        shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    elif fault == "no config":
        (actor / "fsdp_config.json").write_text('{"FSDP_version"')
    else:
        shutil.rmtree(actor / "huggingface")
    with pytest.raises(MissingInput, match="The checkpoint is not whole"):
        merging.merge(broken, tmp_path / "model", sys.executable, {})
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("checkpoint", [1], indirect=True)
def test_a_model_that_says_nothing_is_not_given_out(checkpoint: Path, tmp_path: Path) -> None:
    import torch

    broken = shutil.copytree(checkpoint, tmp_path / "steps")
    for shard in (broken / "global_step_3/actor").glob("model_*.pt"):
        weights = torch.load(shard, weights_only=False)
        for each in weights.values():
            getattr(each, "_local_tensor", each).fill_(float("nan"))
        torch.save(weights, shard)
    with pytest.raises(TrainingStopped, match=r"does not answer: .*its scores are not numbers"):
        merging.merge(broken, tmp_path / "model", sys.executable, {"PYTHONPATH": SHIM})
    assert not (tmp_path / "model").exists()
