"""The section on numbers: predicted against true, residuals, and how often quantiles hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.losses import Quantile
from chainrule.sklearn.report.data import histogram
from chainrule.sklearn.report.fitted import Fitted, Numbers
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
    if isinstance(_loss(fitted), Quantile):
        yield from _quantiles(fitted)
    if len(y) > POINTS:
        yield Words(
            f"Points are {POINTS:,} of the {len(y):,} rows, drawn at random; bands and bars are of all."
        )
    for j in range(min(TARGETS, y.shape[1])):
        name = "y" if y.shape[1] == 1 else f"y {j + 1}"
        yield from residual_charts(name, y[:, j], z[:, j])


def _loss(fitted: Fitted) -> object:
    return fitted.estimator._learned.loss  # type: ignore[attr-defined]


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
    levels, found = coverage(fitted)
    yield Words("A quantile holds where as many rows lie below it as its level says.")
    rows = [
        [f"{level:g}", f"{100 * share:.1f} %"] for level, share in zip(levels, found, strict=True)
    ]
    yield Cells("coverage of the quantiles", ["level", "rows below, out of fold"], rows)
    if len(levels) > 1:
        q, y = quantiles(fitted), fitted.t[fitted.known]
        w = fitted.weights[fitted.known]
        inside = np.average((y >= q[:, 0]) & (y <= q[:, -1]), weights=w)
        wide = np.average(q[:, -1] - q[:, 0], weights=w)
        meant = levels[-1] - levels[0]
        yield Words(
            f"The interval from {levels[0]:g} to {levels[-1]:g} is meant to hold {100 * meant:.0f} %"
            f" of the rows; it holds {100 * inside:.1f} %, and is {wide:.4g} wide on average."
        )


def quantiles(fitted: Fitted) -> Numbers:
    """The quantiles of the known rows out of fold, (rows, levels)."""
    rows = np.flatnonzero(fitted.known)
    found = fitted.left_out(rows).predict_quantiles(fitted.table.take(rows))  # type: ignore[attr-defined]
    return np.asarray(found)


def coverage(fitted: Fitted) -> tuple[tuple[float, ...], Numbers]:
    """The levels, and the share of the rows at or below each quantile."""
    below = fitted.t[fitted.known][:, None] <= quantiles(fitted)
    levels = _loss(fitted).levels  # type: ignore[attr-defined]
    return tuple(levels), np.average(below, axis=0, weights=fitted.weights[fitted.known])
