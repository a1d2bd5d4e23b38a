"""The process that trains with TRL: what it refuses before it starts, what it is held close to, what it leaves."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="TRL has an environment of its own: make test-trl")

from tests.export.material import Material, item, picture
from tests.trainers import tiny_vlm

import torch  # isort: skip
from medvlsynther.export.processor import ModelFolder
from medvlsynther.training.backends import _trl_child, _trl_rows
from medvlsynther.training.backends._trl_rows import Stop
from medvlsynther.training.backends._trl_watch import WHOLE, last_whole
from medvlsynther.training.base import CHECKPOINTS, CURVES, MODEL, Job
from tests.training.material import job as job_of

torch.set_num_threads(1)

ROWS = 8


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vlm.build(tmp_path_factory.mktemp("model"))


@pytest.fixture
def material(tmp_path: Path) -> Material:
    made = Material(tmp_path)
    for number in range(ROWS):
        figure = made.figure(number, [picture(number, 56, 56)] * (1 + number % 2))
        made.items.append(item(figure, reasoning="It is bright."))
    return made


def exported(material: Material, model: Path, trainer: str, **change: Any) -> Job:
    """A job on the material's rows, with the weights in `model`; small unless a change says otherwise."""
    kind = trainer.removeprefix("tiny-")
    if not (material.root / kind).is_dir():
        material.run("export.trl", folder=kind, kind=kind)
    small = {"updates": 2, "batch_rows": 2, "rollouts": 2, "device_rows": 4, "max_reply_tokens": 64, "save_every": 1}
    small = small if kind == "grpo" else {k: v for k, v in small.items() if k != "rollouts"}
    made = job_of(material.root / f"{kind}-job", trainer, **{**small, **change})
    Path(made.folder).mkdir(parents=True, exist_ok=True)
    return made.model_copy(update={"initial": str(model), "data": str(material.root / kind / "dataset")})


@pytest.mark.parametrize(
    ("trainer", "change", "said"),
    [
        ("tiny-sft", {"max_prompt_tokens": 20}, r"8 of 8 rows are too long: .*#0 with \d+ \+ \d+ tokens; "),
        ("tiny-sft", {"max_reply_tokens": 3}, "8 of 8 rows are too long"),
        ("tiny-grpo", {"max_reply_tokens": 40000, "max_prompt_tokens": 300}, "8 of 8 rows are too long"),
        ("tiny-grpo", {"batch_rows": 16}, "8 rows do not fill one batch of 16"),
    ],
)
def test_rows_that_do_not_fit_stop_it_before_it_starts(
    trainer: str, change: dict[str, Any], said: str, material: Material, model: Path
) -> None:
    with pytest.raises(Stop, match=said):
        _trl_child.trainer_of(exported(material, model, trainer, **change))


def test_the_export_refuses_what_would_be_too_long(material: Material, model: Path) -> None:
    material.run("export.trl", kind="sft", processor=ModelFolder.at(str(model)), max_prompt_tokens=20)
    assert {reject.reason for reject in material.rejects} == {"prompt_too_long"}
    assert len(material.rejects) == ROWS


def test_rows_with_and_without_images_are_not_mixed_for_grpo(material: Material, model: Path) -> None:
    material.items += [item(material.figure(20, []), reasoning="It is dark.")]
    with pytest.raises(Stop, match="1 of 9 rows have no image"):
        _trl_child.trainer_of(exported(material, model, "tiny-grpo"))
    assert len(_trl_rows.load(exported(material, model, "tiny-sft"))) == 9


def test_a_model_that_cannot_talk_or_is_not_there_is_named(material: Material, model: Path, tmp_path: Path) -> None:
    mute = tmp_path / "mute"
    mute.mkdir()
    for file in model.iterdir():
        (mute / file.name).write_bytes(file.read_bytes())
    (mute / "chat_template.jinja").unlink(missing_ok=True)
    for name in ("tokenizer_config.json", "processor_config.json"):
        settings = json.loads((mute / name).read_text())
        settings.pop("chat_template", None)
        (mute / name).write_text(json.dumps(settings))
    with pytest.raises(Stop, match="mute has no chat template"):
        _trl_child.trainer_of(exported(material, mute, "tiny-sft"))
    with pytest.raises(Stop, match="cannot be loaded"):
        _trl_child.trainer_of(exported(material, tmp_path / "nowhere", "tiny-sft"))


def test_the_reference_of_grpo_after_sft_is_the_sft_model(material: Material, model: Path) -> None:
    sft = exported(material, model, "tiny-sft", learning_rate=0.01)
    _trl_child.train(sft, "none")
    trainer = _trl_child.trainer_of(exported(material, sft.path(MODEL), "tiny-grpo"))
    before = _trl_child.model_of(str(model), None, full=True).state_dict()
    after = _trl_child.model_of(str(sft.path(MODEL)), None, full=True).state_dict()
    reference = trainer.ref_model.state_dict()
    assert all(torch.equal(reference[name], after[name]) for name in after)
    assert any(not torch.equal(reference[name], before[name]) for name in before)


def test_a_reference_from_before_sft_is_noticed(
    material: Material, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the policy was trained in memory: TRL reads the reference from where its configuration came from."""
    load = _trl_child.model_of

    def trained_in_memory(*given: Any, **more: Any) -> Any:
        policy = load(*given, **more)
        with torch.no_grad():
            policy.lm_head.weight.add_(0.01)
        return policy

    monkeypatch.setattr(_trl_child, "model_of", trained_in_memory)
    with pytest.raises(Stop, match="reference policy differs"):
        _trl_child.trainer_of(exported(material, model, "tiny-grpo"))


def test_placeholders_are_never_sampled(material: Material, model: Path) -> None:
    trainer = _trl_child.trainer_of(exported(material, model, "tiny-grpo"))
    pad = trainer.model.config.image_token_id
    assert pad in trainer.generation_config.suppress_tokens


def test_card_values_reach_trl(material: Material, model: Path) -> None:
    change = {"clip_high": 0.28, "kl": 0, "average": "replies", "scale_by_spread": False, "drop_cut_replies": True}
    args = _trl_child.trainer_of(exported(material, model, "tiny-grpo", **change)).args
    shown = (args.epsilon, args.epsilon_high, args.beta, args.loss_type, args.scale_rewards)
    assert shown == (0.2, 0.28, 0, "grpo", "none")
    assert (args.mask_truncated_completions, args.use_bias_correction_kl, args.report_to) == (True, False, [])
    assert args.generation_batch_size == 4
    sft = _trl_child.trainer_of(exported(material, model, "tiny-sft"))
    assert (sft.args.max_length, sft.args.completion_only_loss) == (None, True)
    batch = next(iter(sft.get_train_dataloader()))
    text = sft.processing_class.tokenizer.decode(batch["labels"][0][batch["labels"][0] != -100])
    assert text.startswith("<think>It is bright.</think>")


def test_a_loss_that_is_no_number_stops_it_and_leaves_what_was_whole(material: Material, model: Path) -> None:
    with pytest.raises(Stop, match=r"Training diverged: .* no number at step"):
        _trl_child.train(exported(material, model, "tiny-sft", updates=9, learning_rate=1e30), "none")
    wanted = exported(material, model, "tiny-sft", updates=9)
    kept = last_whole(wanted)
    weights = _trl_child.model_of(kept, None, full=True).state_dict() if kept else {}
    assert all(bool(torch.isfinite(each).all()) for each in weights.values())
    assert not wanted.path(MODEL).exists()


@pytest.mark.parametrize("trainer", ["tiny-sft", "tiny-grpo"])
def test_a_resumed_training_ends_where_one_without_a_break_ends(trainer: str, material: Material, model: Path) -> None:
    """Down to the last bit: weights, optimizer, schedule, order of the rows and chance are all taken up again."""
    whole = exported(material, model, trainer, updates=4, save_every=2)
    _trl_child.train(whole, "none")
    broken = whole.model_copy(update={"folder": f"{whole.folder}-broken"})
    step = broken.path(CHECKPOINTS) / "checkpoint-2"
    shutil.copytree(whole.path(CHECKPOINTS) / "checkpoint-2", step)
    shutil.copy(whole.path(CURVES), broken.path(CURVES))
    _trl_child.train(broken, "none")
    first, second = (each.path(MODEL) / "model.safetensors" for each in (whole, broken))
    assert first.read_bytes() == second.read_bytes()
    assert len(broken.path(CURVES).read_text().splitlines()) == 4


def test_half_checkpoints_are_not_resumed_from(material: Material, model: Path) -> None:
    wanted = exported(material, model, "tiny-sft", updates=3)
    _trl_child.train(wanted, "none")
    newest = wanted.path(CHECKPOINTS) / "checkpoint-3"
    (newest / WHOLE).unlink()
    again = last_whole(wanted)
    assert again is not None
    assert again.endswith("checkpoint-2")
    assert not newest.exists()
    assert [json.loads(line)["step"] for line in wanted.path(CURVES).read_text().splitlines()] == [1, 2]


def test_adapters_are_merged_into_a_whole_model(material: Material, model: Path) -> None:
    pytest.importorskip("peft")
    wanted = exported(material, model, "tiny-grpo", lora_rank=2)
    _trl_child.train(wanted, "none")
    assert not list(wanted.path(MODEL).glob("adapter*"))
    names = set(_trl_child.model_of(str(model), None, full=True).state_dict())
    assert set(_trl_child.model_of(str(wanted.path(MODEL)), None, full=True).state_dict()) == names
    assert json.loads(wanted.path(CURVES).read_text().splitlines()[0])["kl"] == 0


def test_curves_speak_our_names(material: Material, model: Path) -> None:
    wanted = exported(material, model, "tiny-grpo")
    _trl_child.train(wanted, "none")
    rows = [json.loads(line) for line in wanted.path(CURVES).read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert {"reward", "format", "accuracy", "length_tokens", "kl", "loss", "learning_rate"} <= set(rows[0])
