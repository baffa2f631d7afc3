"""What the numbers of an explanation mean: columns, classes, the target and its unit."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.arrays import Array
from chainrule.views import words
from chainrule.views.mathematics.document import entry

_MOST = 8  # answers that are listed


@dataclass(frozen=True)
class Names:
    """Names for the numbers of some rows; all of them may be missing.

    Attributes:
        inputs: of the d numbers of a row.
        classes: of the classes, by their numbers.
        target: what the target is called.
        labels: of each row, its target in its own words.
        numbers: of each row, from 1.
        mean, spread: an output z stands for mean + spread·z in the target's own unit.
    """

    inputs: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    target: str = "y"
    labels: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    mean: float = 0.0
    spread: float = 1.0

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the rows, where there are several."""
        return tuple(f"row {i}" for i in self.numbers) if len(self.numbers) > 1 else ()

    @property
    def what(self) -> str:
        """Which rows, and what they should lead to; nothing where that is not known."""
        if not self.numbers:
            return ""
        numbers = ", ".join(map(str, self.numbers[:_MOST])) + ", …" * (len(self.numbers) > _MOST)
        which = f"row {numbers}" if len(self.numbers) == 1 else f"rows {numbers}"
        return (
            f"{which}: {self.target} = {', '.join(self.labels[:_MOST])}" if self.labels else which
        )

    def answer(self, z_1: Array) -> str:
        """What the network's outputs (n, k) say; nothing where they say it themselves."""
        said = [self._answer(z) for z in z_1[:_MOST]]
        return f"The network says {', '.join(said)}." if all(said) else ""

    def _answer(self, z: Array) -> str:
        if self.classes and len(z) <= 2:
            p = [1 - z[0], z[0]] if len(z) == 1 else list(z)
        elif self.classes:
            p = list(z)
        else:
            unit = (self.mean, self.spread) != (0.0, 1.0) and len(z) == 1
            return f"{self.target} = {words.number(self.mean + self.spread * z[0])}" if unit else ""
        best = max(range(len(p)), key=lambda c: p[c])
        return f"{self.target} = {self.classes[best]} (probability {entry(p[best])})"
