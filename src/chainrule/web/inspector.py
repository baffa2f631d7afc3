"""The inspector: one point on its way through one lane's network, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import InvalidValue
from chainrule.explanation.explainer import explain_subject
from chainrule.views import mathematics
from chainrule.web.race import Race
from chainrule.web.window import point_of

_MOST_ENTRIES = 32  # at each end of a row of numbers


def inspect(race: Race, number: int, asked: dict[str, Any]) -> dict[str, Any]:
    """What a lane's network computes for a point, now.

    Args:
        race: the lanes.
        number: which lane, from 0.
        asked: "row", the number of a row from 0; or "at", any place of the plane, which has no
            target and so no way back. "edge", how many entries are shown at each end.

    Raises:
        InvalidValue: there is no such point.
    """
    lane, scene = race.lanes[number], race.scene
    network = lane.current()
    row, edge = asked.get("row"), asked.get("edge", mathematics.EDGE)
    if not isinstance(edge, int) or not 1 <= edge <= _MOST_ENTRIES:
        raise InvalidValue(f"1 to {_MOST_ENTRIES} entries are shown at each end")
    if row is None:
        subject = scene.place(network, race.window.place(point_of(asked.get("at"))))
    elif not isinstance(row, int) or not 0 <= row < len(scene.X):
        raise InvalidValue("there is no such row")
    else:
        subject = scene.subject(network, row)
    explanation = explain_subject(subject)
    answer = explanation.chain.output.ravel()
    return {
        "step": lane.step,
        "row": row,
        "x": subject.X[0].astype(np.float64).tolist(),
        "answer": [float(v) if np.isfinite(v) else None for v in answer],
        "loss": explanation.chain.value if np.isfinite(explanation.chain.value or 0) else None,
        "html": mathematics.body(explanation.document, edge, exact=True),
    }
