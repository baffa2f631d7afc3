"""Groups of parameters that learn at rates of their own."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, Self

from chainrule.errors import InvalidValue
from chainrule.optimizers.rule import Rule


@dataclass(frozen=True)
class Groups:
    """By what the learning rate α is multiplied for the weights, the biases and the inputs' scales.

    With `scales`, the first layer's matrix is W = diag(s)·V, and s and V are learned instead of W: a
    scaling layer in front of the network (Holzmüller, Grinsztajn & Steinwart 2024, "Better by
    default", section 3.2), which is part of W when the training is over.

    A decay that a rule keeps apart from the gradient, θ ← (1 − αλ)θ, goes with α itself.

    Attributes:
        weights: the factor of every W, or one for each layer from input to output.
        biases: the factor of every b.
        bias_decay: whether the rule's weight decay decays b, too.
        scales: the factor of s; 0 learns W as it is.
    """

    weights: float | tuple[float, ...] = 1.0
    biases: float = 1.0
    bias_decay: bool = True
    scales: float = 0.0

    def __post_init__(self) -> None:
        """Check every factor."""
        weights = self.weights if isinstance(self.weights, Sequence) else (self.weights,)
        factors = (*map(_number, weights), _number(self.biases))
        if not all(0 < factor < math.inf for factor in factors):
            raise InvalidValue(f"factors of the learning rate are above 0, got {factors}")
        if not 0 <= _number(self.scales) < math.inf:
            raise InvalidValue(f"scales is 0 or more, got {self.scales!r}")
        if not isinstance(self.bias_decay, bool):
            raise InvalidValue(f"bias_decay is true or false, got {self.bias_decay!r}")
        if not isinstance(self.weights, (int, float)):
            object.__setattr__(self, "weights", tuple(map(float, weights)))

    @classmethod
    def ntk(cls, sizes: Sequence[int], **settings: Any) -> Self:
        """1/√d for the W of a layer of d inputs: the step that the neural tangent parametrisation makes.

        There, u = zW/√d + b, and W is learned (Jacot, Gabriel & Hongler 2018, section 2); under a
        rule that moves every entry by about α, as Adam, W/√d moves by α/√d.

        Args:
            sizes: inputs, hidden sizes …, outputs.
            settings: the other attributes.
        """
        return cls(weights=tuple(1 / math.sqrt(d) for d, _ in pairwise(sizes)), **settings)

    def of_weights(self, layers: int) -> tuple[float, ...]:
        """The factor of each layer's W, from input to output.

        Raises:
            InvalidValue: there are factors for another number of layers.
        """
        if isinstance(self.weights, (int, float)):
            return (float(self.weights),) * layers
        if len(self.weights) != layers:
            raise InvalidValue(f"{layers} layers, {len(self.weights)} factors for their weights")
        return self.weights

    def rule_for(self, rule: Rule, factor: float, bias: bool = False) -> Rule:
        """The rule for parameters of a factor, to be called with factor·α."""
        return _rule_for(self, rule, factor, bias)

    def as_dict(self) -> dict[str, Any]:
        """The factors as numbers and lists."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return plain | {
            "weights": list(self.weights) if isinstance(self.weights, tuple) else self.weights
        }


@lru_cache(maxsize=256)
def _rule_for(groups: Groups, rule: Rule, factor: float, bias: bool) -> Rule:
    """Kept, as every step asks for it."""
    decay = getattr(rule, "weight_decay", 0.0)
    if not decay:
        return rule
    if bias and not groups.bias_decay:
        return replace(rule, weight_decay=0.0)  # type: ignore[call-arg]
    return replace(rule, weight_decay=decay / factor) if rule.decays_apart else rule  # type: ignore[call-arg]


def _number(value: Any) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or (isinstance(value, int) and abs(value) > sys.float_info.max):
        raise InvalidValue(f"a factor of the learning rate is a number, got {value!r}")
    return float(value)


TOGETHER = Groups()
"""One rate for all."""
