"""The figure that all pictures are: one that a notebook shows by itself."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from chainrule.views.pictures.saving import write


class Picture(Figure):
    """A matplotlib figure made without pyplot.

    A notebook shows figures of matplotlib only after pyplot has set it up for them.
    """

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        write(self, file, ".png")
        return file.getvalue()
