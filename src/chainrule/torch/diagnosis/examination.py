"""The check: from the user's objects to a report, in the order from causes to consequences."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from chainrule.torch.diagnosis import data, forward, links, parameters, start, steps, targets
from chainrule.torch.diagnosis.finding import Finding, Findings, finding
from chainrule.torch.diagnosis.reach import Reach
from chainrule.torch.diagnosis.restoring import restored
from chainrule.torch.diagnosis.rows import Rows, rows_of
from chainrule.torch.diagnosis.setup import Setup, copies, randomness_kept
from chainrule.torch.diagnosis.watching import Pass
from chainrule.views.words import many


class Examination:
    """What has been found so far, what was tried, and what could not be."""

    def __init__(self, setup: Setup, rows: Rows) -> None:
        self.setup, self.rows = setup, rows
        self.found: list[Finding] = []
        self.tried: list[str] = []
        self.left: list[str] = []

    def all_but_step(self) -> None:
        """Everything that needs no step function."""
        self.found += data.not_finite(self.rows)
        self.found += parameters.membership(self.setup)
        self.tried.append("the data")
        self.tried.append("parameters and optimizer" if self.setup.optimizer else "parameters")
        self.found += data.device(self.setup)
        if any(p.is_meta for p in self.setup.module.parameters()):
            self.left.append("everything that needs numbers, as parameters on meta have none")
            return
        seen = self._forward()
        if seen is None:
            self.left.append("outputs, loss, gradients and steps, as the forward pass raises")
            return
        self.found += data.scales(self.setup, seen, self.rows)
        self.found += start.units(seen, seen.link)
        self.tried.append(f"{many(len(self.setup.inputs[0]), 'row')} forward")
        if self.setup.targets is None:
            self.left.append("loss, labels, gradients and steps, as there is no y")
            return
        self._loss(seen)

    def _forward(self) -> Pass | None:
        """The first pass that runs; None if none does."""
        seen = self.setup.run()
        found = list(data.types(self.setup, seen))
        if found:
            self.found += found
            seen = self.setup.run()
        if seen.forward_failed:
            self.found += forward.failed(self.setup, seen)
            return None
        return seen

    def _loss(self, seen: Pass) -> None:
        """From the outputs to the loss and back."""
        seen = self._targets(seen)
        link = seen.link
        if link is not None:
            self.found += links.findings(self.setup, seen, link)
            self.tried.append("labels and loss")
        else:
            self.left.append("labels against outputs, as the loss calls none of PyTorch's")
        if seen.error is not None:
            if not self._explained():
                self.found += forward.loss_failed(seen)
            self.left.append("gradients and steps, as the loss raises")
            return
        shaped = list(forward.loss_shape(seen))
        self.found += shaped
        if shaped:
            self.left.append("gradients and steps, as the loss is not one number")
            return
        self._training(seen)

    def _targets(self, seen: Pass) -> Pass:
        """Labels and their types; the pass with mended ones."""
        if seen.link is None:
            return seen
        found = list(targets.findings(self.setup, seen, seen.link))
        self.found += found
        seen = self.setup.run() if found else seen
        more = list(data.target_type(self.setup, seen))
        self.found += more
        return self.setup.run() if more else seen

    def _explained(self) -> bool:
        """Whether a finding about labels or link says already why the loss raises."""
        reasons = (
            "labels",
            "one-hot",
            "float-labels",
            "two-outputs",
            "shapes",
            "bce-on",
            "softmax-of",
        )
        return any(each.code.startswith(reasons) for each in self.found)

    def _training(self, seen: Pass) -> None:
        infinite = list(forward.not_finite(seen))
        self.found += infinite
        gradients = list(parameters.gradients(self.setup, seen))
        self.found += gradients
        self.tried.append("gradients")
        if seen.link is not None:
            self.found += start.initial_loss(seen.link, seen)
            self.found += start.targets_scale(seen.link)
        if infinite or not seen.loss.requires_grad or "backward-raises" in self._codes():
            self.left.append("steps, as there are no gradients to go along")
        elif self.setup.optimizer is not None:
            self._steps(seen)
        else:
            self.left.append("the learning rate, as there is no optimizer")

    def _codes(self) -> set[str]:
        return {each.code for each in self.found}

    def _steps(self, seen: Pass) -> None:
        """The optimizer's own steps."""
        try:
            self.found += start.learning_rate(self.setup, seen.link)
            self.tried.append("steps with the optimizer")
        except Exception as error:  # an optimizer of the user's, or one in disorder
            if "optimizer-before-move" not in self._codes():
                said = " ".join(str(error).split())[:240]
                self.found.append(
                    finding("step-raises", f"{type(error).__name__}: {said}", "optimizer.step()",
                            "read the traceback of: optimizer.step()")
                )  # fmt: skip
            self.left.append("the learning rate, as optimizer.step() raises")


def check(
    module: nn.Module,
    loss_fn: Callable[..., Any],
    optimizer: torch.optim.Optimizer | None = None,
    X: Any = None,
    y: Any = None,
    *,
    step: Callable[[Any, Any], Any] | None = None,
    predict: Callable[[Any], Any] | None = None,
) -> Findings:
    """Find the mistakes of a set-up before it is trained: see `chainrule.torch.check`.

    Raises:
        InvalidValue: an argument is not what it should be, or the module cannot be copied.
        ShapeError: X and y have different numbers of rows.
    """
    own = copies(module, loss_fn, optimizer)
    kept = restored(module, optimizer, Reach(loss_fn))  # a loss function may hold the module
    with randomness_kept(), kept, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = rows_of(X, y)
        some = data.finite_rows(rows).some()
        setup = Setup(*own, some.inputs, some.targets, rows.columns)
        work = Examination(setup, rows)
        work.all_but_step()
        if step is not None or predict is not None:
            work.found += steps.findings(module, optimizer, step, predict, some, work.found)
            work.tried += ["your step"] * (step is not None) + ["your predict"] * (
                predict is not None
            )
    return Findings(tuple(work.found), tuple(work.tried), tuple(work.left))
