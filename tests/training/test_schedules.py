"""The learning rates, against PyTorch's schedulers and hand values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from chainrule.errors import InvalidValue, UnknownName
from chainrule.training import schedules
from chainrule.training.schedules import (
    Constant,
    Cosine,
    CosLog,
    OneCycle,
    Schedule,
    StepDecay,
    Warmup,
    by_epoch,
)

EPOCHS, PER_EPOCH = 12, 7
TOTAL = EPOCHS * PER_EPOCH


def factors(schedule: Schedule, total: int = TOTAL, per_epoch: int = PER_EPOCH) -> list[float]:
    return schedule.factors(np.arange(total, dtype=float), total, per_epoch).tolist()


def torch_rates(
    make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler], steps: int
) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, rates = make(optimizer), [float(optimizer.param_groups[0]["lr"])]
    for _ in range(steps - 1):
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def test_step_decay_is_torchs_step_lr() -> None:
    by_torch = torch_rates(lambda o: lr_scheduler.StepLR(o, 3, 0.5), EPOCHS)
    ours = factors(StepDecay(every=3, factor=0.5))
    np.testing.assert_allclose(ours[::PER_EPOCH], by_torch, rtol=1e-12)
    assert ours[2 * PER_EPOCH : 4 * PER_EPOCH] == [1.0] * PER_EPOCH + [0.5] * PER_EPOCH


def test_cosine_is_torchs_cosine_annealing() -> None:
    by_torch = torch_rates(
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=TOTAL, eta_min=0.1), TOTAL
    )
    np.testing.assert_allclose(factors(Cosine(minimum=0.1)), by_torch, rtol=1e-9)


@pytest.mark.parametrize(("rise", "divide", "final"), [(0.3, 25.0, 1e4), (0.5, 4.0, 10.0)])
@pytest.mark.parametrize("total", [20, TOTAL])
def test_one_cycle_is_torchs(rise: float, divide: float, final: float, total: int) -> None:
    by_torch = torch_rates(
        lambda o: lr_scheduler.OneCycleLR(
            o,
            max_lr=1.0,
            total_steps=total,
            pct_start=rise,
            div_factor=divide,
            final_div_factor=final,
            cycle_momentum=False,
        ),
        total,
    )
    np.testing.assert_allclose(factors(OneCycle(rise, divide, final), total), by_torch, rtol=1e-9)


def test_warm_up_climbs_in_equal_steps_and_hands_over() -> None:
    ours = factors(Warmup(steps=4, then=StepDecay(every=1, factor=0.5)), total=12, per_epoch=4)
    assert ours == [0.25, 0.5, 0.75, 1.0] + [1.0] * 4 + [0.5] * 4


def test_warm_up_by_fraction_rounds_to_steps() -> None:
    assert factors(Warmup(fraction=0.25), total=8) == [0.5, 1.0] + [1.0] * 6
    assert factors(Warmup(fraction=0.01), total=8) == [1.0] * 8


@pytest.mark.parametrize("name", list(schedules.SCHEDULES))
@pytest.mark.parametrize("total", [1, 2, 3, 50])
def test_every_schedule_is_finite_and_between_0_and_1(name: str, total: int) -> None:
    s = np.array(factors(schedules.get(name), total, per_epoch=2))
    assert s.shape == (total,)
    assert np.isfinite(s).all()
    assert (s >= 0).all()
    assert (s <= 1).all()


def test_by_epoch_gives_a_number_when_constant() -> None:
    assert list(by_epoch(Constant(), 0.1, 3, 5)) == [(0.1, 0.1)] * 3


def test_by_epoch_cuts_the_same_factors_whatever_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = 0.3 * np.array(factors(Cosine()))
    for chunk in (1, 20, 8192):
        monkeypatch.setattr(schedules, "_CHUNK", chunk)
        pairs = list(by_epoch(Cosine(), 0.3, EPOCHS, PER_EPOCH))
        assert [np.shape(rates) for rates, _ in pairs] == [(PER_EPOCH,)] * EPOCHS
        np.testing.assert_array_equal(np.concatenate([rates for rates, _ in pairs]), whole)
        assert [last for _, last in pairs] == whole[PER_EPOCH - 1 :: PER_EPOCH].tolist()


def test_coslog_by_hand() -> None:
    """Four waves over K = 15: they end at 1, 3, 7 and 15, and are highest where log₂(1 + k) is a half more."""
    k = np.array([0, 1, 3, 7, 15, np.sqrt(2) - 1, 2**2.5 - 1, 2**3.25 - 1])
    factors = CosLog().factors(k, 15, 5)
    assert factors.tolist() == pytest.approx([0, 0, 0, 0, 0, 1, 1, 0.5], abs=1e-12)


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no schedule is called 'cosin'; did you mean 'cosine'"):
        schedules.get("cosin")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: StepDecay(every=0), "every is a number of epochs, at least 1, got 0"),
        (lambda: StepDecay(factor=1.5), r"factor lies in \(0, 1\], got 1.5"),
        (lambda: Cosine(minimum=-0.1), r"minimum lies in \[0, 1\], got -0.1"),
        (lambda: OneCycle(rise=1.0), r"rise is a share of the steps in \(0, 1\), got 1.0"),
        (lambda: OneCycle(divide=0.5), "divide is at least 1, got 0.5"),
        (lambda: OneCycle(final_divide=float("nan")), "final_divide is at least 1, got nan"),
        (lambda: Warmup(steps=0), "steps is at least 1, got 0"),
        (lambda: Warmup(fraction=0.0), r"fraction lies in \(0, 1\], got 0.0"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], Schedule], text: str) -> None:
    with pytest.raises(InvalidValue, match=text):
        make()
