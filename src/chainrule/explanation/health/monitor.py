"""The health of a network along its training.

While the training runs a monitor only copies the parameters, at a few epochs; what follows from them
is computed when it is asked for, or when many copies have come together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from chainrule.activations import Activation
from chainrule.arrays import Array
from chainrule.errors import InvalidValue
from chainrule.explanation.health.examination import Health, cell, examined, prepared
from chainrule.explanation.health.findings import VANISHING, Finding, too_many
from chainrule.network import Layer, Network
from chainrule.training.loop import Event
from chainrule.views import words
from chainrule.views.report import Report

if TYPE_CHECKING:
    import pandas as pd

LARGE_CHANGE = 1e-2  # ‖ΔW‖/‖W‖ for an update; see `Monitor`
_MOST_WAITING = 2**24  # parameters in copies that wait to be examined, 64 MiB in float32


@dataclass(frozen=True)
class Look:
    """What was seen after an epoch.

    Attributes:
        epoch: counted from 1.
        loss: the epoch's mean training loss.
        learning_rate: of the epoch's last update.
        health: on the monitor's rows.
        changes: the least that Σ ‖ΔW_r‖/‖W_r‖ over an epoch's updates can have been since the look
            before, from input to output; see `Monitor`. nan at the first look.
    """

    epoch: int
    loss: float
    learning_rate: float
    health: Health
    changes: tuple[float, ...]


@dataclass(frozen=True)
class _Copy:
    """What a look is computed from."""

    epoch: int
    loss: float
    learning_rate: float
    parameters: list[tuple[Array, Array]]


class Monitor:
    """A callback that looks after the health of a network while it is trained.

        monitor = Monitor(X, y)
        chainrule.train(network, X, y, callbacks=[monitor])
        print(monitor)

    The change of a layer is the least that Σ ‖ΔW‖/‖W‖ over the updates between two looks can have
    been, whatever the optimizer, divided by the epochs between. From V to W it is the larger of

        ‖W − V‖ / max(‖W‖, ‖V‖)     a metric by Ptolemy's inequality: steps are no shorter
        log(‖W‖ / ‖V‖)              for a step of ratio ρ makes ‖W‖ at most 1 + ρ times as large

    What goes there and back cancels, so the sum itself may be many times that. Its mean for an
    update is usually about 1e-3 (a rule of thumb: Karpathy, CS231n notes, "Ratio of
    weights:updates"); where even the least that it can have been is ten times that, a finding says
    so. An epoch of a single update is not judged: a step over all rows has no noise to average out,
    and L-BFGS finds its own.

    Attributes:
        updates_per_epoch: in the training that was watched.
    """

    def __init__(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        loss: str | None = None,
        looks: int = 20,
        rows: int = 500,
    ) -> None:
        """Take the rows to judge on.

        Args:
            X: rows (n, d), as `train` takes them.
            y: what they should lead to; without it no gradient is judged.
            loss: its name; the one that goes with the output's activation without it.
            looks: how many at most, spread evenly from the first epoch to the last.
            rows: how many at most, evenly chosen.

        Raises:
            InvalidValue: looks is below 1, or rows below 2.
        """
        for name, least, value in (("looks", 1, looks), ("rows", 2, rows)):
            if not isinstance(value, (int, np.integer)) or value < least:
                raise InvalidValue(f"{name} is a whole number, {least} or more, got {value!r}")
        self._given, self._looks, self._rows = (X, y, loss), looks, rows
        self._forget()

    def _forget(self) -> None:
        self._phi: tuple[Activation, ...] = ()
        self._due: frozenset[int] = frozenset()
        self._epoch = 0
        self._waiting: list[_Copy] = []
        self._seen: list[Look] = []
        self._last: _Copy | None = None
        self.updates_per_epoch = np.nan

    def __call__(self, event: Event) -> None:
        """Copy the parameters, if the epoch is one to look at.

        Raises:
            ChainruleError: at the first epoch of a training, as `examine` does.
        """
        if event.epoch <= self._epoch:  # another training
            self._forget()
        if not self._due:
            self._begin(event)
        self._epoch = event.epoch
        if event.epoch in self._due:
            self._copy(event)

    def _begin(self, event: Event) -> None:
        network, count = event.network, min(self._looks, event.epochs)
        X, y, loss = self._given
        self._X, self._t, self._loss = prepared(network, X, y, loss, self._rows)
        self._phi = tuple(layer.activation for layer in network.layers)
        first = 1 if count > 1 else event.epochs
        self._due = frozenset(np.linspace(first, event.epochs, count).round().astype(int).tolist())

    def _copy(self, event: Event) -> None:
        state = event.state
        self.updates_per_epoch = state.step / event.epoch
        self._waiting.append(_Copy(event.epoch, event.loss, event.learning_rate, state.parameters))
        size = sum(W.size for W, _ in state.parameters)
        if len(self._waiting) * size > _MOST_WAITING:
            self._examine()

    def _examine(self) -> None:
        """Turn the copies that wait into looks."""
        for now in self._waiting:
            layers = zip(now.parameters, self._phi, strict=True)
            network = Network([Layer(W, b, phi) for (W, b), phi in layers])
            health = examined(network, self._X, self._t, self._loss)
            changes = _changes(now, self._last)
            self._seen.append(Look(now.epoch, now.loss, now.learning_rate, health, changes))
            self._last = now
        self._waiting.clear()

    @property
    def history(self) -> tuple[Look, ...]:
        """Every look, in the order of the epochs."""
        self._examine()
        return tuple(self._seen)

    @property
    def looks(self) -> dict[int, Health]:
        """The health after each epoch that was looked at."""
        return {look.epoch: look.health for look in self.history}

    def frame(self) -> pd.DataFrame:
        """A pandas DataFrame with a row for each look and layer, in the order of the epochs."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "epoch": look.epoch,
                    "loss": look.loss,
                    "learning_rate": look.learning_rate,
                    "layer": layer.layer,
                    "units": layer.units,
                    "dead": layer.dead,
                    "saturated": layer.saturated,
                    "constant": layer.constant,
                    "gradient": layer.gradient,
                    "ratio": layer.ratio,
                    "change": change,
                }
                for look in self.history
                for layer, change in zip(look.health.layers, look.changes, strict=True)
            ]
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What got worse from look to look, layer by layer from the input."""
        seen = self.history
        layers = len(seen[0].health.layers) if len(seen) > 1 else 0
        return tuple(found for i in range(layers) for found in self._of_layer(i))

    def _of_layer(self, i: int) -> Iterator[Finding]:
        seen = self._seen
        r = seen[0].health.layers[i].layer
        for kind, said in (
            ("dead", _more(seen, i, "dead")),
            ("saturated", _more(seen, i, "saturated")),
            ("vanishing", _fallen(seen, i)),
            ("change", self._changed(i)),
        ):
            if said:
                yield Finding(r, kind, f"layer {r}: {said}")

    def _changed(self, i: int) -> str:
        seen = self._seen
        changes = np.array([look.changes[i] for look in seen[1:]])
        if not changes.any():
            return f"its weights did not change from epoch {seen[0].epoch} to {seen[-1].epoch}"
        sizes = np.nan_to_num(changes) / self.updates_per_epoch
        worst = int(sizes.argmax())
        if self.updates_per_epoch <= 1 or sizes[worst] <= LARGE_CHANGE:
            return ""
        return (
            f"its weights changed by {sizes[worst]:.2g} of their size per update or more between"
            f" epochs {seen[worst].epoch} and {seen[worst + 1].epoch}, where usual is about 0.001;"
            " a smaller learning rate would help"
        )

    def __str__(self) -> str:
        if not self.history:
            return "Monitor: no epoch was looked at"
        return self._report().text()

    def _repr_html_(self) -> str | None:
        return self._report().html() if self.history else None

    def _report(self) -> Report:
        seen = self._seen
        first, second, last = seen[0], seen[min(1, len(seen) - 1)], seen[-1]
        return Report(
            f"Health along the training, {words.many(len(seen), 'look')} from epoch"
            f" {first.epoch} to {last.epoch}",
            ["layer", "units", "dead", "saturated", "gradient", "change / epoch"],
            [
                [
                    f"{now.layer} {now.activation}",
                    f"{now.units:,}",
                    _both(was.dead, now.dead),
                    _both(was.saturated, now.saturated),
                    _both(was.gradient, now.gradient),
                    _both(second.changes[i], last.changes[i]),
                ]
                for i, (was, now) in enumerate(
                    zip(first.health.layers, last.health.layers, strict=True)
                )
            ],
            verdict=self._sentences(),
        )

    def _sentences(self) -> tuple[str, ...]:
        worse = tuple(f"{finding.sentence}." for finding in self.findings)
        at_last = self._seen[-1].health.sentences
        none = "Nothing got worse along the training."
        if len(self._seen) == 1:
            none = "One look does not tell what got worse along the training."
        return (
            *(worse or (none,)),
            "At the last look:",
            *at_last,
        )


def _both(was: float | None, now: float | None) -> str:
    before, after = cell(was), cell(now)
    return before if before == after == "–" else f"{before} → {after}"


def _changes(now: _Copy, then: _Copy | None) -> tuple[float, ...]:
    """The change of each layer for an epoch between two copies."""
    if then is None:
        return (np.nan,) * len(now.parameters)
    epochs = now.epoch - then.epoch
    pairs = zip(now.parameters, then.parameters, strict=True)
    return tuple(_change(W, was) / epochs for (W, _), (was, _) in pairs)


def _change(now: Array, was: Array) -> float:
    """The least Σ ‖ΔW‖/‖W‖ on any way from one to the other."""
    moved, after, before = (float(np.linalg.norm(W)) for W in (now - was, now, was))
    if not moved:
        return 0.0
    growth = np.log(after / before) if after and before else 0.0
    return max(moved / max(after, before), float(growth))


def _more(seen: Sequence[Look], i: int, kind: str) -> str:
    """More units of a kind at the last look than at the first, and when most of them came."""
    counts = [getattr(look.health.layers[i], kind) for look in seen]
    layer = seen[0].health.layers[i]
    if counts[0] is None or not too_many(counts[-1] - counts[0], layer):
        return ""
    worst = int(np.diff(counts).argmax())
    return (
        f"{counts[-1]:,} of {words.many(layer.units, 'unit')} {kind} at epoch {seen[-1].epoch},"
        f" {counts[0]:,} at epoch {seen[0].epoch}; most came between epochs {seen[worst].epoch} and"
        f" {seen[worst + 1].epoch}"
    )


def _fallen(seen: Sequence[Look], i: int) -> str:
    """A gradient that fell beside that of layer 1."""
    ratios = [look.health.layers[i].ratio for look in seen]
    if not ratios[0] >= VANISHING > ratios[-1]:
        return ""
    when = next(look.epoch for look, ratio in zip(seen, ratios, strict=True) if ratio < VANISHING)
    return (
        f"its gradient fell from {ratios[0]:.2g} to {ratios[-1]:.2g} times that of layer 1, for the"
        f" first time below {VANISHING:g} at epoch {when}"
    )
