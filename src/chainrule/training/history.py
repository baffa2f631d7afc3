"""The history of a training: one row of floats per epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chainrule.errors import MissingExtra

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class History:
    """Loss, validation loss, learning rate and time, epoch by epoch.

    The loss is the mean over the epoch's rows, each taken just before the update that it led to. The validation loss is
    taken after the epoch's last update and is nan without validation. The learning rate is the one of the epoch's last
    update. The seconds count from the start of the training to the end of the epoch.

    Attributes:
        rows: (loss, validation loss, learning rate, seconds) of each epoch; the properties are its columns.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, float, float]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        if not self.rows:
            return "History(no epochs)"
        loss, validation_loss, *_ = self.rows[-1]
        seen = "" if math.isnan(validation_loss) else f", validation {validation_loss:.4g}"
        return f"History({len(self)} epochs, last loss {loss:.4g}{seen})"

    @property
    def epoch(self) -> list[int]:
        """Numbers of the epochs, from 1."""
        return list(range(1, len(self.rows) + 1))

    @property
    def loss(self) -> list[float]:
        """The epochs' mean training losses."""
        return [row[0] for row in self.rows]

    @property
    def validation_loss(self) -> list[float]:
        """The losses on the validation rows; nan where there were none."""
        return [row[1] for row in self.rows]

    @property
    def learning_rate(self) -> list[float]:
        """The learning rates of the epochs' last updates."""
        return [row[2] for row in self.rows]

    @property
    def seconds(self) -> list[float]:
        """Seconds from the start of the training to the ends of the epochs."""
        return [row[3] for row in self.rows]

    def as_dict(self) -> dict[str, list[float] | list[int]]:
        """The columns by name, in the order of `frame`."""
        return {
            "epoch": self.epoch,
            "loss": self.loss,
            "validation_loss": self.validation_loss,
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
        }

    def frame(self) -> pd.DataFrame:
        """A pandas DataFrame with the columns epoch, loss, validation_loss, learning_rate, seconds."""
        import pandas as pd

        return pd.DataFrame(self.as_dict())

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss curves, on a logarithmic axis where every loss is positive.

        Args:
            ax: matplotlib axes to draw on; a new figure's without it.

        Returns:
            The axes.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        try:
            import matplotlib.pyplot as plt
        except ModuleNotFoundError as absent:
            raise MissingExtra("plot") from absent
        ax = ax if ax is not None else plt.figure(figsize=(6, 4), layout="constrained").gca()
        curves = {"training": self.loss, "validation": self.validation_loss}
        for name, losses in curves.items():
            if not all(map(math.isnan, losses)):
                ax.plot(self.epoch, losses, label=name)
        if all(loss > 0 for curve in curves.values() for loss in curve if not math.isnan(loss)):
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel="mean loss")
        ax.legend()
        return ax
