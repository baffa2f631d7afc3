"""The sections on the networks: one drawn, all in a table, and how their losses fell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.explanation.drawing.diagram import diagram
from chainrule.sklearn.report.fitted import Fitted
from chainrule.views import words
from chainrule.views.exhibits import Cells, Chart, Drawing, Exhibit, Section, Series, Words
from chainrule.views.svg import network_svg

_COLOURS = {"training": 0, "validation": 1}


def networks_section(fitted: Fitted) -> Section:
    """A picture of the first, and a line for each."""
    return Section("Networks", list(_networks(fitted)))


def _networks(fitted: Fitted) -> Iterator[Exhibit]:
    estimator = fitted.estimator
    if len(estimator.networks_) > 1:
        yield Words("The prediction is the mean of these networks by their shares. The first:")
    inputs, outputs = estimator.encoder_.feature_names, estimator._output_names
    if len(outputs) == 1:
        outputs = [fitted.said(1) if fitted.classes else fitted.target]
    picture = diagram(estimator.networks_[0], inputs=inputs, outputs=outputs)
    yield Drawing(network_svg(picture))
    yield members(fitted)


def members(fitted: Fitted) -> Cells:
    """What each network is, and how it was trained."""
    estimator = fitted.estimator
    headers = ["network", "hidden layers", "activation", "parameters", "share", "epochs", "best epoch", "validation loss"]  # fmt: skip
    rows = []
    for k, (network, result, share) in enumerate(
        zip(estimator.networks_, estimator.results_, estimator.shares_, strict=True), start=1
    ):
        *hidden, _ = network.layers
        best = (
            result.history.validation_loss[result.best_epoch - 1] if result.best_epoch else np.nan
        )
        rows.append([
            str(k),
            " × ".join(str(layer.outputs) for layer in hidden) or "none: linear",
            hidden[0].activation.name if hidden else "–",
            f"{result.network.parameter_count:,}",
            f"{100 * share:.1f} %",
            str(result.epochs),
            str(result.best_epoch),
            words.number(best),
        ])  # fmt: skip
    return Cells("networks", headers, rows)


def curves_section(fitted: Fitted) -> Section:
    """How the losses fell, epoch by epoch."""
    unit = "" if fitted.classes else " Losses are of targets less their centre, by their spread."
    how = Words(
        f"The best epoch is the one with the lowest validation loss; a network keeps it.{unit}"
    )
    return Section("Training", [how, curves(fitted)])


def curves(fitted: Fitted) -> Chart:
    """A faint line for each network, and a strong one for the median of those still training."""
    histories = [result.history for result in fitted.estimator.results_]
    found = {
        "training": [np.array(history.loss) for history in histories],
        "validation": [np.array(history.validation_loss) for history in histories],
    }
    found = {name: each for name, each in found.items() if np.isfinite(np.concatenate(each)).any()}
    series = []
    for name, each in found.items():
        epochs = np.arange(1.0, max(map(len, each)) + 1)
        if len(each) > 1:
            series += [
                Series(name, epochs[: len(loss)], loss, "faint", _COLOURS[name]) for loss in each
            ]
        padded = np.full((len(each), len(epochs)), np.nan)
        for row, loss in zip(padded, each, strict=True):
            row[: len(loss)] = loss
        series.append(Series(name, epochs, np.nanmedian(padded, axis=0), "line", _COLOURS[name]))
    positive = all((line.y[np.isfinite(line.y)] > 0).all() for line in series)
    several = len(histories) > 1
    return Chart(
        "Loss by epoch", "epoch", "mean loss", series,
        "Faint: each network; strong: their median." if several else "",
        log=positive,
    )  # fmt: skip
