"""A module's training in the compiled engine: what it takes, and the way there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer as TorchOptimizer

from chainrule.arrays import Array, dtype_named
from chainrule.engines import State
from chainrule.engines.engine import Rates
from chainrule.engines.native_engine import NativeEngine
from chainrule.errors import EngineError, InvalidValue
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.plan import Plan
from chainrule.torch import optimizers
from chainrule.torch.batches import Pair, Rows
from chainrule.torch.losses import Loss, translated
from chainrule.torch.reading import Chain, chain_of

_AGREE = {"float32": 1e-4, "float64": 1e-9}  # of the two losses before the first step


class Native:
    """The compiled engine with a module's parameters and an optimizer's moments.

    Attributes:
        plan: what is trained.
        engine: what trains it; each epoch it finds the rows in the order that the loader drew.
    """

    name = "native"

    def __init__(
        self,
        module: nn.Module,
        loss_fn: Any,
        optimizer: TorchOptimizer,
        rows: Rows,
        threads: int | None = None,
    ) -> None:
        """Take what a loop of PyTorch would take.

        Raises:
            EngineError: the compiled engine cannot do the same; the text says why.
            InvalidValue: a target that the loss has no meaning for.
        """
        self._loss = translated(loss_fn)
        self._rule = rule = _or_engine_error(lambda: optimizers.rule_of(optimizer))
        self._chain = chain = _or_engine_error(lambda: _trainable(module, optimizer))
        self._loss.check_output(chain.links[-1].phi)
        self._optimizer, self._rows = optimizer, rows
        network = Network([link.layer for link in chain.links])
        self.plan = _or_engine_error(lambda: _plan(network, chain, self._loss, rule, rows))
        against = NativeEngine.refusal(self.plan)
        if against:
            raise EngineError(against)
        if min(rows.taken, rows.batch_size) > len(rows.X):
            raise EngineError("it makes no batches of more rows than there are")
        X, t, w = self._arrays((rows.X, rows.y))
        assert X is not None
        assert t is not None
        self.engine = NativeEngine(self.plan, network, X, t, w, threads)
        state = self.engine.state()
        optimizers.load_state(state, optimizer, rule, self._linears)
        self.engine.load(state)

    @property
    def steps(self) -> int:
        """How many updates were made."""
        return int(self.engine.state().step)

    @property
    def rows(self) -> int:
        """In an epoch."""
        return self._rows.taken

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch."""
        return self._rows.steps

    @property
    def _linears(self) -> list[nn.Linear]:
        return [link.linear for link in self._chain.links]

    def _arrays(self, pair: Pair) -> tuple[Array | None, ...]:
        """Rows, targets and weights as the engine takes them."""
        X, y = pair
        flat = X.flatten(1) if self._chain.flattens and X.ndim > 2 else X
        t, w = self._loss.targets(y, self.plan.layer_sizes[-1])
        parts = (np.asarray(flat.detach().numpy()), t, w)
        return tuple(None if a is None else np.ascontiguousarray(a, self.plan.dtype) for a in parts)

    def epoch(self, number: int, rates: Rates, step_losses: None = None) -> float:
        """One pass over the rows in the order that the loader draws; see `Engine.epoch`."""
        return self.engine.epoch_over(self._rows.order().numpy(), number, rates)

    def evaluate(self, X: Tensor, y: Tensor) -> float:
        """The loss over other rows, without dropout."""
        rows, t, w = self._arrays((X, y))
        assert rows is not None
        assert t is not None
        return self.engine.evaluate(rows, t, w)

    def check_loss(self, X: Tensor, y: Tensor, theirs: float) -> None:
        """Refuse to train where the loss is another than PyTorch's.

        Raises:
            EngineError: it is, whatever the reason.
        """
        ours = self.evaluate(X, y)
        if not abs(ours - theirs) <= _AGREE[self.plan.dtype] * (1 + abs(theirs)):
            raise EngineError(f"its loss of the first rows is {ours:.6g}, PyTorch's {theirs:.6g}")

    def state(self) -> State:
        """A copy of the state."""
        return self.engine.state()

    def load(self, state: State) -> None:
        """Go on from a state."""
        self.engine.load(state)

    def store(self) -> None:
        """Put parameters, moments and the number of steps into the module and its optimizer."""
        state = self.engine.state()
        optimizers.store_parameters(state, self._linears)
        optimizers.store_state(state, self._optimizer, self._rule, self._linears)


def _or_engine_error(made: Any) -> Any:
    """What a function makes; what it calls invalid is what the engine cannot do."""
    try:
        return made()
    except InvalidValue as error:
        raise EngineError(str(error)) from error


def _trainable(module: nn.Module, optimizer: TorchOptimizer) -> Chain:
    """The chain of a module whose parameters are all trained by the optimizer, and nothing else is done."""
    if any(_hooked(part) for part in module.modules()):
        raise EngineError("it calls no hooks of modules")
    chain = chain_of(module)
    drop = chain.odd_drop or chain.links[-1].drop
    drops = [link.drop for link in chain.links if link.drop is not None]
    odd = next((each for each in drops if not each.usual), drop)
    if odd:
        raise EngineError(
            f"{odd.place}: it has Dropout after the activation of a hidden layer only"
        )
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    names = {id(p): name for name, p in module.named_parameters()}
    seen: set[int] = set()
    for link in chain.links:
        if type(link.linear) is not nn.Linear:
            raise EngineError(f"it has no {type(link.linear).__name__}")
        if link.linear.bias is None:
            place = names[id(link.linear.weight)].removesuffix("weight") + "bias"
            raise EngineError(f"it trains every bias, and there is no {place}")
        for p in (link.linear.weight, link.linear.bias):
            _check_trained(p, names[id(p)], held, seen)
    return chain


def _check_trained(p: Tensor, name: str, held: set[int], seen: set[int]) -> None:
    if not p.requires_grad:
        raise EngineError(f"it trains every parameter, and {name} is frozen")
    if id(p) not in held:
        raise EngineError(f"it trains every parameter, and {name} is not in the optimizer")
    if id(p) in seen:
        raise EngineError(f"it has parameters for each layer, and {name} is used twice")
    if p._backward_hooks or getattr(p, "_post_accumulate_grad_hooks", None):
        raise EngineError(f"it calls no hooks, and {name} has one")
    seen.add(id(p))


def _hooked(part: nn.Module) -> bool:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(part, kind) for kind in kinds)


def _plan(network: Network, chain: Chain, loss: Loss, rule: Optimizer, rows: Rows) -> Plan:
    dropout = tuple(link.drop.share if link.drop else 0.0 for link in chain.links[:-1])
    seed = int(torch.randint(2**62, ()).item()) if any(dropout) else 0
    return Plan(
        layer_sizes=network.sizes,
        activations=network.activations,
        loss=loss.name,
        optimizer=rule,
        dropout=dropout,
        batch_size=rows.batch_size,
        dtype=dtype_named(network.dtype),
        seed=seed,
        shuffle=False,  # the rows come in their order
    )
