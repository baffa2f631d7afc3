"""The section on numbers: predicted against true, residuals, and how often quantiles hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.losses import Quantile
from chainrule.sklearn.report.data import histogram
from chainrule.sklearn.report.fitted import Fitted, Numbers
from chainrule.views import words
from chainrule.views.exhibits import Cells, Chart, Exhibit, Section, Series, Words

POINTS = 2000  # at most, in a figure
TARGETS = 4  # at most, that have figures
_SLICES = 12


def residuals_section(fitted: Fitted) -> Section:
    """What was predicted, beside what is true."""
    return Section("Residuals", list(_residuals(fitted)))


def _residuals(fitted: Fitted) -> Iterator[Exhibit]:
    out = fitted.known
    y, z = (each[out].reshape(out.sum(), -1) for each in (fitted.t, fitted.prediction))
    if y.shape[1] > TARGETS:
        yield Words(f"The first {TARGETS} of {y.shape[1]} targets.")
    if levels(fitted):
        yield from _quantiles(fitted)
    if len(y) > POINTS:
        yield Words(
            f"Points are {POINTS:,} of the {len(y):,} rows, drawn at random; bands and bars are of all."
        )
    for name, true, predicted in list(zip(fitted.targets, y.T, z.T, strict=True))[:TARGETS]:
        yield from residual_charts(name, true, predicted)


def levels(fitted: Fitted) -> tuple[float, ...]:
    """Those of the quantiles that are learned; none where none are."""
    loss = fitted.estimator._learned.loss
    return tuple(loss.levels) if isinstance(loss, Quantile) else ()


def residual_charts(name: str, y: Numbers, z: Numbers) -> Iterator[Chart]:
    """Predicted against true, residuals against predicted, and their histogram."""
    rng = np.random.default_rng(0)
    some = rng.choice(len(y), POINTS, replace=False) if len(y) > POINTS else np.arange(len(y))
    yield Chart(
        f"True and predicted {name}", f"predicted {name}", f"true {name}",
        [Series("rows", z[some], y[some], "points")], "On the dotted line: right.", guide="y = x",
    )  # fmt: skip
    middle, low, high, at = _slices(z, y - z)
    band = Series("", np.r_[at, at[::-1]], np.r_[low, high[::-1]], "band", 1)
    line = Series("median", at, middle, "line", 1)
    points = Series("rows", z[some], (y - z)[some], "points")
    yield Chart(
        "Residuals", f"predicted {name}", f"true − predicted {name}", [points, band, line],
        "Line: their median in slices of the predictions; band: the middle 80 %.", guide="y = 0",
    )  # fmt: skip
    yield histogram("Residuals in bars", y - z, f"true − predicted {name}")


def _slices(x: Numbers, values: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """The median, first and last tenth of values in slices of x with equally many rows, and the medians of x."""
    parts = np.array_split(np.argsort(x, kind="stable"), max(1, min(_SLICES, len(x) // 20)))
    middle, low, high = np.array([np.quantile(values[part], (0.5, 0.1, 0.9)) for part in parts]).T
    return middle, low, high, np.array([np.median(x[part]) for part in parts])


def _quantiles(fitted: Fitted) -> Iterator[Exhibit]:
    q, y, w = (
        fitted.estimator.oof_quantiles_[fitted.known],
        fitted.t[fitted.known],
        fitted.weights[fitted.known],
    )
    below = np.average(y[:, None] <= q, axis=0, weights=w)
    yield Words("A quantile holds where as many rows lie at or below it as its level says.")
    rows = [
        [f"{100 * level:g} %", f"{100 * share:.1f} %"]
        for level, share in zip(levels(fitted), below, strict=True)
    ]
    yield Cells("coverage of the quantiles", ["level", "rows at or below, out of fold"], rows)
    if len(rows) > 1:
        inside = np.average((y >= q[:, 0]) & (y <= q[:, -1]), weights=w)
        wide = np.average(q[:, -1] - q[:, 0], weights=w)
        first, *_, last = levels(fitted)
        yield Words(
            f"The interval from {100 * first:g} % to {100 * last:g} % is meant to hold"
            f" {100 * (last - first):.0f} % of the rows. It holds {100 * inside:.1f} %, and is"
            f" {words.amount(float(wide))} wide on average."
        )
