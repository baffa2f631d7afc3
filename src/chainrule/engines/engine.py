"""What an engine is: the parameters, the optimizer's state and the data, and one epoch of training.

Stopping, schedules, history and progress live in `training`, once for all engines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array
from chainrule.errors import InvalidValue, ShapeError
from chainrule.gradients import Gradients
from chainrule.losses import takes_class_numbers
from chainrule.network import Network
from chainrule.plan import Plan

Losses: TypeAlias = npt.NDArray[np.float64]
Rates: TypeAlias = float | npt.NDArray[np.float64]


@dataclass
class Scaling:
    """The first layer's W as diag(s)·V, where the scales of the inputs are learned; see `Groups`.

    Attributes:
        s: the scales, (d,).
        V: what they multiply, (d, e).
        moments: of s, by slot, (d,) each; those of V stand where W's would.
    """

    s: Array
    V: Array
    moments: dict[str, Array]


@dataclass
class State:
    """Everything that the next step depends on, besides the plan and the data.

    The arrays are copies, free to change.

    Attributes:
        parameters: (W, b) of each layer, from input to output.
        moments: for each slot of the optimizer, arrays shaped like the parameters.
        step: how many updates were made.
        accepted: the size of the last step that a line search accepted; 0 if there was none.
        scaling: of what W the first layer's is made, where the scales of the inputs are learned;
            None begins with s = 1.
    """

    parameters: list[tuple[Array, Array]]
    moments: dict[str, list[tuple[Array, Array]]]
    step: int
    accepted: float = 0.0
    scaling: Scaling | None = None


class Engine(Protocol):
    """An engine for one training; the network that it is given stays as it is.

    Attributes:
        plan: what it trains.
        name: "native", "numpy" or "torch".
        isa: the instruction set of its own code, or what computes for it.
        rank: which process this is of those that share each batch, from 0.
        world: how many there are.
    """

    plan: Plan
    name: str
    isa: str
    rank: int
    world: int

    @property
    def threads(self) -> int:
        """How many threads it computes with."""

    def __init__(
        self,
        plan: Plan,
        network: Network,
        X: Array,
        t: Array,
        weights: Array | None = None,
        threads: int | None = None,
    ) -> None:
        """Take a plan, the network that it describes, and the data to train on.

        Args:
            plan: what to do.
            network: where the parameters begin.
            X: (n, d), C-contiguous, of the plan's type; held, not copied.
            t: as `losses.targets` gives them.
            weights: of each row, (n,), of the plan's type, or None for equal ones.
            threads: how many to use; None lets the engine choose.
        """

    @classmethod
    def refusal(cls, plan: Plan) -> str | None:
        """Why this engine cannot train the plan, or None if it can."""

    def epoch(self, number: int, learning_rates: Rates, step_losses: Losses | None = None) -> float:
        """One pass over the data.

        Args:
            number: counted from 0; keys the order of rows and the dropout.
            learning_rates: one for all steps, or an array with one for each.
            step_losses: filled, step by step, with the mean loss of each batch, (steps,).

        Returns:
            The mean loss Σ w ℓ / Σ w over the rows, each as its step saw it before its update.

        Raises:
            DivergenceError: the loss of a batch is not finite. The parameters stay as they are if
                they are finite; if not, the engine goes back to the start of the epoch.
            EngineError: the plan's optimizer does not work batch by batch.
        """

    def epochs(self, number: int, learning_rate: float, losses: Losses) -> None:
        """As many epochs as `losses` has entries, the first of them `number`, at one learning rate.

        Args:
            number: of the first, counted from 0.
            learning_rate: of all steps.
            losses: filled, epoch by epoch, with what `epoch` returns.

        Raises:
            DivergenceError, EngineError: as in `epoch`.
        """

    def evaluate(self, X: Array, t: Array, weights: Array | None = None) -> float:
        """L over other rows, without dropout."""

    def predict(self, X: Array) -> Array:
        """z_1 of rows (n, d), without dropout: (n, k)."""

    def loss_and_gradient(
        self, X: Array, t: Array, weights: Array | None = None
    ) -> tuple[float, Gradients]:
        """L and (∂L/∂W, ∂L/∂b) of each layer over the given rows as one batch, without dropout."""

    def state(self) -> State:
        """A copy of the state."""

    def load(self, state: State) -> None:
        """Go on from a state that an engine with this plan gave."""


def check(plan: Plan, network: Network, X: Array, t: Array, weights: Array | None) -> None:
    """Refuse a network or data that are not what the plan says.

    Raises:
        InvalidValue: the network is another one, or arrays are of another type.
        ShapeError: rows, targets or weights that do not fit together.
    """
    described = (plan.layer_sizes, plan.activations, plan.dtype)
    if described != (network.sizes, network.activations, network.dtype):
        raise InvalidValue(f"the plan describes another network than {network!r}")
    outputs = plan.layer_sizes[-1]
    numbered = takes_class_numbers(plan.loss) and t.shape == (len(X), 1)
    if X.ndim != 2 or X.shape[1] != plan.layer_sizes[0]:
        raise ShapeError(f"data are rows (n, {plan.layer_sizes[0]}), got shape {X.shape}")
    if len(X) == 0:
        raise ShapeError("there are no rows to train on")
    if t.shape != (len(X), outputs) and not numbered:
        raise ShapeError(f"{len(X)} rows of {outputs} outputs, targets of shape {t.shape}")
    if weights is not None and weights.shape != (len(X),):
        raise ShapeError(f"{len(X)} rows, weights of shape {weights.shape}")
    for array in (X, t) if weights is None else (X, t, weights):
        if array.dtype != plan.dtype:
            raise InvalidValue(f"the plan computes in {plan.dtype}, got data of {array.dtype}")


def check_state(state: State, like: State) -> None:
    """Refuse a state whose arrays are not those of an engine's own state.

    Args:
        state: what is to be loaded.
        like: a state of the engine that is to load it.

    Raises:
        ShapeError: an array is missing, unknown, or of another shape or type.
    """
    given, own = _forms(state), _forms(like)
    for name in {**own, **given}:
        if given.get(name) != own.get(name):
            raise ShapeError(f"{name} is {given.get(name, 'not there')}, and the training has {own.get(name, 'none')}")  # fmt: skip


def _forms(state: State) -> dict[str, str]:
    """Shape and type of each array of a state."""
    arrays = {
        f"{slot} {letter} of layer {len(pairs) - i}": array
        for slot, pairs in {"parameters": state.parameters, **state.moments}.items()
        for i, pair in enumerate(pairs)
        for letter, array in zip("Wb", pair, strict=True)
    }
    if state.scaling is not None:
        scaled = {"s": state.scaling.s, "V": state.scaling.V, **state.scaling.moments}
        arrays |= {f"{name} of the inputs' scales": array for name, array in scaled.items()}
    return {name: f"{array.shape} {array.dtype}" for name, array in arrays.items()}
