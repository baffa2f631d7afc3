"""One number of what a network says of a row, and its name: a probability, a logit, a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule import losses
from chainrule.activations import ACTIVATIONS
from chainrule.arrays import Array
from chainrule.errors import InvalidValue, ShapeError, lookup, unknown
from chainrule.explanation.attribution.line import Scalar
from chainrule.network import Layer, Network

KINDS = ("probability", "logit")  # of what is said of a class
_ANSWERS = ("yes", "no", "true", "false", "y", "n", "t", "f")


@dataclass(frozen=True)
class Answer:
    """A number F and what it is.

    Attributes:
        f: F.
        what: as "probability of setosa".
    """

    f: Scalar
    what: str


def class_answer(
    network: Network,
    x: Array,
    classes: Sequence[str],
    chosen: int | str | None,
    of: str | None,
    target: str | None = None,
) -> Answer:
    """What a network says of a class.

    Args:
        network: in float64, with φ_1 as it predicts: softmax, or logistic for the second of two
            classes.
        x: the row (d,) whose class is taken where none is chosen.
        classes: the names, by their numbers.
        chosen: the number of a class from 0, or its name.
        of: "probability", as without it, or "logit", the output before φ_1.
        target: what the classes are classes of.

    Raises:
        ShapeError: there are not so many classes.
        InvalidValue: there is no class of that number.
        UnknownName: no class is called so, or there is no such `of`.
    """
    of, k = of or "probability", network.sizes[-1]
    if of not in KINDS:
        raise unknown("answer", of, KINDS)
    if len(classes) != max(2, k):
        raise ShapeError(
            f"the network tells {max(2, k)} classes apart, got names for {len(classes)}"
        )
    c = said_class(network(x)) if chosen is None else _number(chosen, classes, "class")
    if of == "logit":
        network = _with_output(network, "identity")
    first_of_two = k == 1 and c == 0  # p_0 = 1 − p_1, and its logit is −u_2
    return Answer(
        Scalar(
            network,
            output=0 if k == 1 else c,
            shift=1.0 if first_of_two and of == "probability" else 0.0,
            scale=-1.0 if first_of_two else 1.0,
        ),
        f"{of} of {_class(classes[c], target)}",
    )


def number_answer(
    network: Network,
    chosen: int | str | None,
    of: str | None,
    target: str | None = None,
    mean: float = 0.0,
    spread: float = 1.0,
) -> Answer:
    """One of the numbers that a network gives.

    Args:
        network: in float64.
        chosen: which, from 0; needed where there are several.
        of: None, as there are no classes.
        target: what the number is called.
        mean: of the target's own unit.
        spread: likewise; the number z stands for mean + spread·z.

    Raises:
        InvalidValue: there is no such number, or none is chosen of several, or `of` is given.
        UnknownName: as there, where the number is a text.
    """
    k = network.sizes[-1]
    if of is not None:
        raise InvalidValue(f"the network learned numbers, not classes: it has no {of}")
    if k == 1 and isinstance(chosen, str):
        raise InvalidValue(
            f"the network learned numbers, not classes: leave out the class {chosen!r}"
        )
    if chosen is None and k > 1:
        raise InvalidValue(f"the network gives {k} numbers: choose one of 0 to {k - 1}")
    j = 0 if chosen is None else _number(chosen, [str(i) for i in range(k)], "output")
    what = target or "the output" if k == 1 else f"output {j}"
    return Answer(Scalar(network, j, mean, spread), what)


def as_it_predicts(network: Network, loss: str | None = None) -> Network:
    """The network in float64, with the φ_1 that its loss brings, if it brings one."""
    link = None if loss is None else losses.get(loss).link
    wide = network.astype("float64")
    return wide if link is None else _with_output(wide, link)


def class_numbers(network: Network) -> tuple[str, ...]:
    """The classes of a network alone: of softmax, and of one logistic output; else none."""
    phi, k = network.layers[-1].activation, network.sizes[-1]
    if phi is ACTIVATIONS["softmax"] and k > 1:
        return tuple(map(str, range(k)))
    return ("0", "1") if phi is ACTIVATIONS["logistic"] and k == 1 else ()


def _with_output(network: Network, phi: str) -> Network:
    last = network.layers[-1]
    return Network([*network.layers[:-1], Layer(last.W, last.b, phi)])


def said_class(p: Array) -> int:
    """The number of the most probable class by the outputs (k,); of equals the first."""
    return int(p[0] > 0.5) if len(p) == 1 else int(p.argmax())


def _number(chosen: int | str, names: Sequence[str], kind: str) -> int:
    if isinstance(chosen, str):
        return lookup(kind, chosen, {name: i for i, name in enumerate(names)})
    if not 0 <= chosen < len(names):
        raise InvalidValue(f"there is no {kind} {chosen}: they are numbered 0 to {len(names) - 1}")
    return int(chosen)


def _class(name: str, target: str | None) -> str:
    """A class, with its target where its name alone says little: a number, yes, false."""
    says_much = not name.lstrip("-").replace(".", "").isdigit() and name.lower() not in _ANSWERS
    if says_much:
        return name
    return f"class {name}" if target is None else f"{target} = {name}"
