"""A network with the plan that it was trained by, and what it gives for rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np

from chainrule import losses
from chainrule.activations import ACTIVATIONS
from chainrule.activations import get as get_activation
from chainrule.arrays import Array
from chainrule.engines.native_engine import NativeEngine, predictor
from chainrule.errors import InvalidValue, ShapeError
from chainrule.losses import Quantile
from chainrule.network import Network
from chainrule.plan import Plan

Forward: TypeAlias = Callable[[Array], Array]


@dataclass(eq=False)
class Trained:
    """One of the networks of a model.

    Attributes:
        network: its layers; may be trained on, the next prediction sees it.
        plan: how it was trained.
        share: what it counts in the mean of the model's networks, in [0, 1].

    Raises:
        ShapeError, InvalidValue: network and plan contradict each other.
    """

    network: Network
    plan: Plan
    share: float = 1.0
    _forward: tuple[int, Forward] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check that network and plan belong together."""
        network, plan = self.network, self.plan
        for what, has, planned in (
            ("sizes", network.sizes, plan.layer_sizes),
            ("activations", network.activations, plan.activations),
            ("type", network.dtype, plan.dtype),
        ):
            if has != planned:
                raise ShapeError(f"the network has {what} {has}, the plan {planned}")
        for phi in (layer.activation for layer in network.layers):
            if ACTIVATIONS[phi.name] is not phi:
                raise InvalidValue(f"a model holds no activation of your own, as this {phi.name!r}")
        if isinstance(self.share, bool) or not 0 <= self.share <= 1:
            raise InvalidValue(f"a network's share is a number in [0, 1], got {self.share!r}")

    @property
    def fallback_reason(self) -> str | None:
        """Why predictions come from the reference, not the compiled engine; None where they do not."""
        return NativeEngine.refusal(self.plan)

    def outputs(self, X: Array) -> Array:
        """Probabilities, numbers or rates for rows (n, d): (n, outputs); quantiles ascending.

        They may be not finite.
        """
        loss = losses.get(self.plan.loss)
        with np.errstate(all="ignore"):
            z = self._compiled()(X)
            if loss.link is not None and self.plan.activations[-1] != loss.link:
                z = get_activation(loss.link).value(z)
        return np.sort(z, axis=1) if isinstance(loss, Quantile) else z

    def same(self, other: Trained) -> bool:
        """Whether the two predict the same, to the last bit, and were trained alike."""
        return (self.plan, self.share) == (other.plan, other.share) and all(
            a.W.tobytes() == b.W.tobytes() and a.b.tobytes() == b.b.tobytes()
            for a, b in zip(self.network.layers, other.network.layers, strict=True)
        )

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the compiled forward pass, which does not travel."""
        return self.__dict__ | {"_forward": None}

    def _compiled(self) -> Forward:
        """The forward pass; made at the first prediction, and anew when the parameters changed."""
        if self.fallback_reason is not None:
            return self.network
        now = 0
        for array in (array for layer in self.network.layers for array in (layer.W, layer.b)):
            now = crc32(np.ascontiguousarray(array).data, now)
        if self._forward is None or self._forward[0] != now:
            self._forward = now, predictor(self.network)
        return self._forward[1]
