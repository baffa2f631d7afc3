"""L-BFGS: SciPy's, on the loss over all rows and its gradient by an engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array
from chainrule.engines import Engine, State
from chainrule.errors import DivergenceError
from chainrule.gradients import Gradients
from chainrule.network import Network
from chainrule.optimizers import LBFGS
from chainrule.training.loop import Callback, Loop, Status
from chainrule.training.rows import Checked
from chainrule.training.stopping import TO_THE_END, Stopping

Flat = npt.NDArray[np.float64]
Function = Callable[[Flat], tuple[float, Flat]]

_EVALUATIONS = 20  # of the function, at most, in an iteration's line search: SciPy's own limit
_BEYOND = 1e10  # SciPy's search takes finite numbers only: this is a lot more than where it began


def minimize(
    f: Function,
    start: Flat,
    optimizer: LBFGS,
    iterations: int,
    after: Callable[[Flat, float], object],
    least_gain: float = 0.0,
) -> None:
    """Minimize a function of a vector.

    Args:
        f: θ ↦ (f(θ), ∇f(θ)), both in float64.
        start: θ to begin with, (p,).
        optimizer: the settings.
        iterations: at most; it ends earlier where the gradient vanishes or f falls no further.
        after: is told θ and f(θ) after each iteration; it may raise StopIteration.
        least_gain: it also ends where f falls by less than this share of max(|f|, 1).

    Raises:
        DivergenceError: f is not finite where it begins.
    """
    from scipy.optimize import minimize as scipy_minimize

    first, _ = f(start)
    if not math.isfinite(first):
        raise DivergenceError(1, 1)

    def finite(theta: Flat) -> tuple[float, Flat]:
        value, gradient = f(theta)
        if math.isfinite(value) and np.isfinite(gradient).all():
            return value, gradient
        return _BEYOND * (1 + abs(first)), np.zeros_like(theta)

    def callback(intermediate_result: object) -> None:
        after(intermediate_result.x, float(intermediate_result.fun))  # type: ignore[attr-defined]

    scipy_minimize(
        finite,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=callback,
        options={
            "maxcor": optimizer.memory,
            "gtol": optimizer.tolerance,
            "ftol": least_gain,
            "maxiter": iterations,
            "maxfun": (_EVALUATIONS + 1) * iterations,
            "maxls": _EVALUATIONS,
        },
    )


class LBFGSLoop(Loop):
    """A training whose epochs are iterations of L-BFGS.

    Attributes:
        optimizer: the settings.
        data: rows, targets and weights to train on.
    """

    def __init__(
        self,
        engine: Engine,
        network: Network,
        optimizer: LBFGS,
        data: tuple[Array, Array, Array | None],
        epochs: int,
        validation: Checked | None = None,
        stopping: Stopping = TO_THE_END,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        """Take what is to be run."""
        import scipy.optimize  # noqa: F401  (a fifth of a second, before the training's clock runs)

        rates: Iterable[tuple[float, float]] = ()
        super().__init__(engine, network, rates, epochs, validation, stopping, callbacks)
        self.optimizer, self.data = optimizer, data

    def _epochs(self) -> Status:
        self.start = perf_counter()
        reached = self.engine.state()
        status: Status = "finished"

        def f(theta: Flat) -> tuple[float, Flat]:
            self.engine.load(_moved(reached, theta))
            loss, gradient = self.engine.loss_and_gradient(*self.data)
            return loss, _flat(gradient)

        def after(theta: Flat, loss: float) -> None:
            nonlocal reached, status
            reached = _moved(reached, theta)
            reached.step += 1
            self.engine.load(reached)
            if self._after(loss, math.nan):
                status = "stopped early"
                raise StopIteration

        gain = float(np.finfo(reached.parameters[0][0].dtype).eps)
        try:
            minimize(f, _flat(reached.parameters), self.optimizer, self.epochs, after, gain)
        finally:
            self.engine.load(reached)
        return status


def _flat(pairs: Gradients) -> Flat:
    """All entries of the arrays, one after another, in float64."""
    return np.concatenate([array.ravel() for pair in pairs for array in pair]).astype(np.float64)


def _moved(state: State, theta: Flat) -> State:
    """The state with other parameters."""
    parameters, at = [], 0
    for pair in state.parameters:
        moved = []
        for old in pair:
            moved.append(theta[at : at + old.size].reshape(old.shape).astype(old.dtype))
            at += old.size
        parameters.append((moved[0], moved[1]))
    return State(parameters, state.moments, state.step, state.accepted)
