"""Memory, tokens and hours of a training: by hand, against what was published, and never less for more."""

from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvlsynther.cards import Shape, Trainer
from medvlsynther.errors import UserError
from medvlsynther.training.memory import (
    GIB,
    RUNTIME,
    advice,
    check_memory,
    fits,
    need,
    packed_tokens,
    shape_of,
    trained,
    work,
)

TOY = Shape(layers=10, hidden=1000, feed_forward=4000, kv_width=200, vocabulary=50_000)


def toy(**values: Any) -> Trainer:
    """A billion parameters in ten blocks, one row of 1,000 + 1,000 tokens."""
    given: dict[str, Any] = {
        "description": "toy",
        "method": "grpo",
        "base": "toy",
        "parameters": 1e9,
        "shape": TOY,
        "batch_rows": 8,
        "learning_rate": 1e-6,
        "max_prompt_tokens": 1000,
        "max_reply_tokens": 1000,
        "recompute": True,
        "kl": 0.0,
    }
    return Trainer(**(given | values))


def test_one_gpu_full_weights_by_hand() -> None:
    parts = need(toy(kl=0.01), "trl", 1, 80e9)
    assert (parts.weights, parts.gradients, parts.optimizer) == (4e9, 4e9, 8e9)
    assert parts.gathered == 0
    assert parts.reference == 4e9
    assert parts.activations == 2000 * (2 * 1000 * 10 + 34 * 1000)
    assert parts.logits == 1000 * 50_000 * 12
    assert parts.rollout == 2000 * 2 * 200 * 10 * 2
    assert parts.learning == 4e9 + 4e9 + 8e9 + 4e9 + 108e6 + 600e6 + RUNTIME
    assert parts.peak == parts.learning


def test_eight_gpus_of_verl_by_hand() -> None:
    parts = need(toy(kl=0.01, device_rows=4), "verl", 8, 80e9)
    assert (parts.weights, parts.gradients, parts.optimizer) == (0.5e9, 0.5e9, 1e9)
    assert parts.gathered == 2 * 2 * 1e8
    assert parts.reference == 0, "verl keeps it in the machine's memory"
    assert packed_tokens(toy(device_rows=4)) == 4096
    assert parts.activations == pytest.approx(4096 * (2 * 1000 * 10 + 34 * 1000))
    assert parts.logits == pytest.approx(4096 * 50_000 * 12)
    assert parts.rollout == 40e9
    assert parts.peak == parts.sampling == 0.5e9 + 1e9 + 40e9 + RUNTIME


def test_adapters_by_hand() -> None:
    card = toy(lora_rank=16, kl=0.01)
    a_block = 2 * (1000 + 1000) + 2 * (1000 + 200) + 3 * (1000 + 4000)
    assert trained(card) == 16 * 10 * a_block
    parts = need(card, "trl", 1, 80e9)
    assert parts.weights == 2e9 + 4 * trained(card)
    assert parts.optimizer == 8 * trained(card)
    assert parts.reference == 0, "the base without its adapters is the reference"


def test_fp32_takes_twice_what_bf16_takes_for_what_is_computed() -> None:
    half, full = (need(toy(precision=p, recompute=False), "trl", 1, 80e9) for p in ("bf16", "fp32"))
    assert full.activations == 2 * half.activations
    assert full.logits == 2 * half.logits


@pytest.mark.parametrize("name", ["grpo-3b", "grpo-7b", "grpo-modern-7b", "sft-3b", "sft-7b"])
@pytest.mark.parametrize("gigabytes", [80, 85.9])
def test_what_was_published_fits_eight_gpus_of_80_gb(name: str, gigabytes: float) -> None:
    card = Trainer.load(name)
    check_memory(card, card.backend, 8, gigabytes * 1e9)


def test_the_arms_on_four_gpus_fit_as_published() -> None:
    check_memory(Trainer.load("grpo-3b"), "verl", 4, 80e9)
    check_memory(Trainer.load("grpo-7b"), "verl", 4, 80e9)


@pytest.mark.parametrize("backend", ["trl", "verl"])
def test_a_7b_does_not_fit_one_gpu_of_24_gb_but_its_adapters_do(backend: str) -> None:
    card = Trainer.load("grpo-7b")
    assert not fits(card, backend, 1, 24 * GIB)
    ways = [way for way in advice(card, backend, 1, 24 * GIB) if "lora_rank" in way.change]
    assert len(ways) == 1
    with pytest.raises(UserError, match=r"needed on each of 1 GPUs and 25\.8 GB are there.*change: \{lora_rank: 32"):
        check_memory(card, backend, 1, 24 * GIB)


CARDS = st.builds(
    toy,
    method=st.sampled_from(["grpo", "sft"]),
    parameters=st.floats(1e8, 1e11),
    device_rows=st.integers(1, 64),
    max_prompt_tokens=st.integers(1, 20_000),
    max_reply_tokens=st.integers(1, 20_000),
    recompute=st.booleans(),
    precision=st.sampled_from(["bf16", "fp32"]),
    kl=st.sampled_from([0.0, 0.01]),
    lora_rank=st.none() | st.integers(1, 64),
)
PLACES = st.tuples(st.sampled_from(["trl", "verl"]), st.sampled_from([1, 2, 4, 8, 64]), st.floats(16e9, 200e9))


@given(
    CARDS,
    PLACES,
    st.sampled_from(["parameters", "device_rows", "max_prompt_tokens", "max_reply_tokens", "lora_rank"]),
    st.integers(1, 9),
)
def test_more_of_anything_never_takes_less(card: Trainer, place: tuple[str, int, float], name: str, more: int) -> None:
    value = getattr(card, name)
    if value is None:
        return
    larger = card.model_copy(update={name: value * (1 + more)})
    assert need(larger, *place).peak >= need(card, *place).peak
    assert need(larger, *place).total >= need(card, *place).total


@given(CARDS, st.sampled_from(["trl", "verl"]), st.integers(1, 9), st.floats(16e9, 200e9))
def test_doubling_gpus_never_takes_more_of_each(card: Trainer, backend: str, doublings: int, memory: float) -> None:
    few, many = (need(card, backend, 2**n, memory).peak for n in (doublings, doublings + 1))
    assert many <= few


@given(CARDS, PLACES)
def test_what_is_advised_fits_and_nothing_is_advised_in_vain(card: Trainer, place: tuple[str, int, float]) -> None:
    backend, gpus, memory = place
    if fits(card, backend, gpus, memory):
        return
    for way in advice(card, backend, gpus, memory):
        assert way.change or way.gpus > gpus
        assert fits(card.model_copy(update=dict(way.change)), way.backend or backend, way.gpus, memory)
        for key in way.change:
            rest = {name: value for name, value in way.change.items() if name != key}
            unadvised = card.model_copy(update=rest)
            assert not fits(unadvised, way.backend or backend, way.gpus, memory) or key == "lora_rank"


@given(st.floats(1e5, 1e12))
def test_an_unknown_form_has_about_the_parameters_it_should(parameters: float) -> None:
    form = shape_of(toy(shape=None, parameters=parameters))
    blocks = 12 * form.layers * form.hidden**2
    assert 0.3 < blocks / parameters < 3 or form.layers == 1


def test_steps_tokens_and_hours_by_hand() -> None:
    card = toy(batch_rows=64, rollouts=8, epochs=1)
    done = work(card, 13_087, 400, 600)
    assert (done.steps, done.tokens_a_step) == (204, 64 * 8 * 1000)
    assert done.hours(50_000) == pytest.approx(204 * 512_000 / 50_000 / 3600)
    assert work(card, 13_087, 5_000, 9_000).tokens_a_step == 512 * 2000, "no row is longer than its limits"
    assert work(toy(method="sft", batch_rows=16, epochs=5), 5_000, 400, 600).steps == 5 * (5_000 // 16)
    assert work(toy(updates=7), 1, 1, 1).steps == 7
    assert work(toy(batch_rows=64, epochs=0.5), 13_087, 1, 1).steps == ceil(204 / 2)
