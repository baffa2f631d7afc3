"""Which loss is meant by a name, goes with an output activation, and does not."""

from __future__ import annotations

from chainrule.activations import Activation
from chainrule.activations import get as get_activation
from chainrule.errors import InvalidValue, unknown
from chainrule.losses.known import LOSSES
from chainrule.losses.loss import Loss
from chainrule.losses.own import Function, Own
from chainrule.losses.quantiles import QUANTILE, quantile_named


def get(loss: str | Loss | Function) -> Loss:
    """The loss of that name, or by a function as `Own` takes it; a Loss is returned as it is.

    Raises:
        UnknownName: no loss is called so.
        InvalidValue: a quantile loss whose levels are not ascending numbers between 0 and 1.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    if isinstance(loss, str) and loss.partition(":")[0] == QUANTILE:
        return quantile_named(loss)
    if callable(loss):
        return Own.of(loss)
    raise unknown("loss", loss, [*LOSSES, f"{QUANTILE}:0.05,0.5,0.95"])


def default(output_activation: str | Activation) -> Loss:
    """The loss whose link an output activation is, else the squared error."""
    name = get_activation(output_activation).name
    return next((loss for loss in LOSSES.values() if loss.link == name), LOSSES["squared_error"])


def check_output(loss: str | Loss, output_activation: str | Activation) -> None:
    """Refuse an output activation under which the loss would apply a second φ_1.

    The lecture does so: its `forward` ends in σ, and its loss is BCEWithLogitsLoss.

    Raises:
        InvalidValue: the loss has a link, and the output layer has another activation than it or
            the identity.
    """
    loss, phi = get(loss), get_activation(output_activation).name
    if loss.link is None or phi in ("identity", loss.link):
        return
    doubled = f": a doubled {phi}" if phi in ("logistic", "softmax") else ""
    raise InvalidValue(
        f"{loss.name} stands on the logit and applies the {loss.link} itself, but the output layer "
        f"applies {phi} before it{doubled}; make the output {loss.link!r} or 'identity'"
    )
