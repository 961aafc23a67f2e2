"""Schedules: the rates of every step against formulas written out here, state, checkpoints, errors."""

import math
import pickle

import numpy as np
import pytest

from fastnet import schedules
from fastnet.schedules import (Constant, Cosine, Custom, Exponential, InverseScaling, OneCycle, ReduceOnPlateau, Step,
                               WarmUp, as_schedule)

EPOCHS, STEPS, BASE = 6, 5, 0.3


def every_rate(schedule, epochs=EPOCHS, steps=STEPS, base=BASE):
    """The rate of each step of a training run, as a loop would ask for it."""
    found = []
    for epoch in range(epochs):
        rates = schedule.rates(base, epoch, epoch * steps, steps)
        if not isinstance(rates, float):
            assert rates.shape == (steps,) and rates.dtype == np.float64
        found.extend(np.broadcast_to(rates, steps).tolist())
    return found


def one_cycle(t, total, peak, warm_up, start, end):
    """L. Smith and N. Topin with torch's end points: step warm_up * total - 1 has the peak."""
    low, top = peak / start, warm_up * total - 1
    if t <= top:
        return peak + (low - peak) / 2 * (1 + math.cos(math.pi * t / top))
    share = min(1, (t - top) / (total - 1 - top))
    return low / end + (peak - low / end) / 2 * (1 + math.cos(math.pi * share))


FORMULAS = {
    "constant": (Constant(), lambda e, k, t: BASE),
    "step": (Step(2, 0.3), lambda e, k, t: BASE * 0.3 ** (e // 2)),
    "exponential": (Exponential(0.8), lambda e, k, t: BASE * 0.8**e),
    "cosine": (Cosine(6), lambda e, k, t: BASE / 2 * (1 + math.cos(math.pi * (e + k / STEPS) / 6))),
    "cosine, floor": (Cosine(4, 0.1), lambda e, k, t: 0.1 + (BASE - 0.1) / 2 * (1 + math.cos(math.pi * min(4, e + k / STEPS) / 4))),
    "one cycle": (OneCycle(2.0, 6), lambda e, k, t: one_cycle(t, 30, 2.0, 0.3, 25, 1e4)),
    "one cycle, base": (OneCycle(None, 4, 0.4, 10, 100), lambda e, k, t: one_cycle(t, 20, BASE, 0.4, 10, 100)),
    "warm-up": (WarmUp(2), lambda e, k, t: BASE * min(1, (t + 1) / 10)),
    "warm-up, then": (WarmUp(2, then=Step(1, 0.5)), lambda e, k, t: BASE * (t + 1) / 10 if e < 2 else BASE * 0.5 ** (e - 2)),
    "warm-up, inverse": (WarmUp(1, InverseScaling(1)), lambda e, k, t: BASE * (t + 1) / 5 if e < 1 else BASE / (t - 4)),
    "inverse scaling": (InverseScaling(0.7), lambda e, k, t: BASE / (t + 1)**0.7),
    "callable": (as_schedule(lambda epoch: 1 / (1 + epoch)), lambda e, k, t: 1 / (1 + e)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_rates_are_the_formulas(name):
    schedule, formula = FORMULAS[name]
    expected = [formula(e, k, e * STEPS + k) for e in range(EPOCHS) for k in range(STEPS)]
    np.testing.assert_allclose(every_rate(schedule), expected, rtol=1e-14, atol=1e-17)


def test_one_cycle_of_very_few_steps_starts_at_the_peak():
    """Where warm_up * steps < 1 no step leads up: the way down has begun."""
    found = every_rate(OneCycle(1.0, 1, 0.3), 1, 3)
    np.testing.assert_allclose(found, [one_cycle(t, 3, 1.0, 0.3, 25, 1e4) for t in range(3)], rtol=1e-14)
    assert np.isfinite(every_rate(OneCycle(1.0, 1), 1, 1)).all() and np.isfinite(every_rate(OneCycle(1.0, 1), 3, 1)).all()
    assert every_rate(OneCycle(1.0, 2), 4)[-1] == pytest.approx(1 / 25e4)


def test_a_plateau_reduces_the_rate_after_more_than_patience_epochs():
    schedule = ReduceOnPlateau(0.5, patience=1, min_delta=0.1, floor=0.06)
    found = []
    #              better  better  small   small   better  worse  worse  NaN   NaN   worse
    for cost in (9.0, 8.0, 7.95, 7.91, 5.0, 6.0, 7.0, math.nan, math.nan, 9.0):
        found.append(schedule.rates(BASE, 0, 0, 1))
        schedule.tell(cost)
    assert found == [BASE] * 4 + [BASE / 2] * 3 + [BASE / 4] * 2 + [0.06]
    assert ReduceOnPlateau(floor=1.0).rates(BASE, 0, 0, 1) == BASE           # a floor raises no rate


def test_a_schedule_with_a_state_starts_afresh_and_goes_on_from_a_checkpoint():
    schedule = WarmUp(1, ReduceOnPlateau(0.5, patience=0))
    for cost in (1.0, 2.0):
        schedule.tell(cost)
    assert schedule.rates(1.0, 1, 5, 5) == 0.5
    assert schedule.fresh().rates(1.0, 1, 5, 5) == 1.0 and schedule.rates(1.0, 1, 5, 5) == 0.5
    saved = schedule.to_dict()
    again = schedules.from_dict(saved)
    assert again == schedule and again.then.best == 1.0
    again.tell(2.0)
    assert again.rates(1.0, 1, 5, 5) == 0.25 and schedule.rates(1.0, 1, 5, 5) == 0.5 and schedules.from_dict(saved) == schedule


@pytest.mark.parametrize("name", [name for name in FORMULAS if name != "callable"])
def test_a_schedule_is_its_options(name):
    schedule = FORMULAS[name][0]
    again = schedules.from_dict(schedule.to_dict())
    assert again == schedule and every_rate(again) == every_rate(schedule)
    assert pickle.loads(pickle.dumps(schedule)) == schedule and eval(repr(schedule), vars(schedules)) == schedule
    assert as_schedule(schedule) is schedule and schedule.fresh() is schedule and schedule.tell(1.0) is None
    assert schedule != Exponential(0.123) and schedule != name


def test_none_is_constant_and_a_function_is_not_saved():
    assert as_schedule(None) == Constant()
    custom = as_schedule(abs)
    assert isinstance(custom, Custom) and custom == as_schedule(abs) != as_schedule(max)
    with pytest.raises(ValueError, match="schedule was a function .*give it again"):
        schedules.from_dict(WarmUp(1, custom).to_dict())


@pytest.mark.parametrize("make, error, message", [
    (lambda: Step(0), ValueError, "every must be at least 1"), (lambda: Step(1, 0), ValueError, "factor must be finite"),
    (lambda: Exponential(-1), ValueError, "decay must be finite and greater than 0; got -1"),
    (lambda: Cosine(1.5), TypeError, "epochs must be an integer; got 1.5"),
    (lambda: Cosine(5, -1), ValueError, "floor must be finite and 0 or more; got -1"),
    (lambda: OneCycle(1, 5, warm_up=1), ValueError, "warm_up must lie between 0 and 1; got 1"),
    (lambda: OneCycle(0, 5), ValueError, "peak must be finite and greater than 0"),
    (lambda: WarmUp(1, then="cosine"), TypeError, "schedule must be one of fastnet.schedules, a callable"),
    (lambda: InverseScaling(-0.5), ValueError, "power must be finite and 0 or more"),
    (lambda: ReduceOnPlateau(1.0), ValueError, "factor must lie between 0 and 1"),
    (lambda: ReduceOnPlateau(patience=-1), ValueError, "patience must be at least 0"),
    (lambda: as_schedule(Step), TypeError, "schedule must be one of"), (lambda: as_schedule(0.1), TypeError, "got 0.1"),
    (lambda: as_schedule(lambda e: "fast").rates(1, 0, 0, 1), TypeError, "schedule must return a number.*got 'fast'.*epoch 0"),
    (lambda: as_schedule(lambda e: -1).rates(1, 3, 0, 1), ValueError, "finite learning rate, 0 or more; got -1.0 for epoch 3"),
    (lambda: Exponential(2.0).rates(1e-300, 1024, 0, 1), ValueError, r"schedule Exponential\(decay=2.0\) must give finite rates; .* in epoch 1025"),
    (lambda: Exponential(2.0).rates(3.0, 1023, 0, 1), ValueError, "in epoch 1024"),
    (lambda: Step(3, 1e10).rates(1.0, 93, 0, 1), ValueError, r"schedule Step\(every=3, factor=10000000000.0\) must .* in epoch 94"),
    (lambda: schedules.from_dict({"name": "stepp"}), ValueError, "did you mean 'step'"),
    (lambda: schedules.from_dict({"name": "step", "gamma": 1}), ValueError, "'step' has the options every, factor; got gamma")])
def test_bad_options_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
