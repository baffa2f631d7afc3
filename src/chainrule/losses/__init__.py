"""L, the loss, and its gradient.

A row of the data costs ℓ: the mean over the outputs, or for `cross_entropy` the sum over the
classes. The loss of a batch is L = Σ wᵢ ℓᵢ / Σ wᵢ, with w = 1 unless rows are weighted, and L = 0
where all weights are 0.

Three losses stand on the logit u_2 = z_2 W_1 + b_1, the output before φ_1, and bring their own φ_1,
the link:

    binary_cross_entropy   logistic      −t log σ(u) − (1 − t) log(1 − σ(u))
    cross_entropy          softmax       −Σ_j t_j log softmax(u)_j
    poisson                exponential   eᵘ − t u   (less log t!, which no parameter moves)

In these canonical pairs φ_1 and ℓ merge: ∂ℓ/∂u = φ_1(u) − t. The others take the output z_1 of any
φ_1:

    squared_error          (z − t)²
    absolute_error         |z − t|
    huber                  ½(z − t)² where |z − t| ≤ 1, else |z − t| − ½
    quantile:τ_1,…,τ_k     max(τ(t − z), (τ − 1)(t − z)) of the j-th output with τ = τ_j

The last carries its levels in its name, as `quantile:0.05,0.5,0.95`. All its outputs have the same
target, of which the j-th learns the quantile at level τ_j. Its slope is −τ where z < t, 1 − τ where
z > t, and between the two, ½ − τ, where z = t: what PyTorch's autograd gives for that maximum.

And there are losses of the user's own: see `Own`.

Source: Koenker & Bassett 1978, Regression Quantiles, Econometrica 46, equation 1.1.
"""

from __future__ import annotations

from chainrule.losses.choice import check_output, default, get
from chainrule.losses.known import HUBER_DELTA, LOSSES
from chainrule.losses.loss import CrossEntropy, Loss
from chainrule.losses.own import Own
from chainrule.losses.quantiles import Quantile, quantile
from chainrule.losses.targets import takes_class_numbers, targets

__all__ = [
    "HUBER_DELTA",
    "LOSSES",
    "CrossEntropy",
    "Loss",
    "Own",
    "Quantile",
    "check_output",
    "default",
    "get",
    "quantile",
    "takes_class_numbers",
    "targets",
]
