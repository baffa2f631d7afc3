"""Lanes side by side: the same start, the same batches, the same number of steps."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from chainrule.errors import InvalidValue
from chainrule.web import limits
from chainrule.web.experiment import Change, Experiment, Stop, View
from chainrule.web.lane import LEARNING, REACHED, Lane, Measures
from chainrule.web.scene import Find, Scene
from chainrule.web.window import Window

MOST_MEASURED = 4_000  # entries of a curve; beyond, every second one is left out

T = TypeVar("T")


class Race:
    """All lanes of a page.

    Attributes:
        experiment: what is done, with the changes that were made by hand so far.
        scene: what is learned now.
        window: the plane that the networks are seen in.
        lanes: the networks.
        step: how many steps were made.
        curves: of each lane its measures, from the first step on.
    """

    def __init__(self, experiment: Experiment, find: Find, pool: ThreadPoolExecutor) -> None:
        """Begin.

        Raises:
            ChainruleError: the experiment cannot be made; the text says why.
        """
        self.experiment = experiment.started()
        self.scene = Scene.of(experiment.data, find)
        self.window = Window.of(self.scene, experiment.view)
        self.lanes = [Lane(experiment, i, self.scene) for i in range(len(experiment.lanes))]
        self.step = 0
        self.curves: list[list[Measures]] = [[] for _ in self.lanes]
        self._pending = deque(experiment.changes)
        self._find, self._pool = find, pool

    @property
    def ended(self) -> bool:
        """Whether it is time to pause: no lane learns any more, or the step to stop at is reached."""
        stop = self.experiment.stop.step
        return self.step == stop or all(lane.status != LEARNING for lane in self.lanes)

    def advance(self, steps: int) -> int:
        """Make so many steps in every lane, or fewer where they are to end; how many it were."""
        begin, stop = self.step, self.experiment.stop.step
        end = min(begin + steps, limits.STEPS)
        if stop is not None and begin < stop:
            end = min(end, stop)
        while self.step < end:
            self._replay()
            until = min(end, self._pending[0].step) if self._pending else end
            self.over_lanes(partial(Lane.advance, steps=until - self.step))
            self.step = until
        return self.step - begin

    def _replay(self) -> None:
        """Make the changes of an earlier run whose step has come."""
        while self._pending and self._pending[0].step <= self.step:
            self._make(self._pending.popleft())

    def change(self, change: Change) -> Change:
        """Change something by hand, now; what an earlier run would have changed later is forgotten.

        Returns:
            The change, with its step.

        Raises:
            ChainruleError: it cannot be made.
        """
        if len(self.experiment.changes) >= limits.CHANGES:
            raise InvalidValue(f"{limits.CHANGES:,} changes were made by hand: reset to go on")
        made = replace(change, step=self.step)
        self._make(made)
        self._pending.clear()
        return made

    def _make(self, change: Change) -> None:
        if change.what == "points":
            self._take_points(change)
        elif change.lane >= len(self.lanes):
            raise InvalidValue(f"there is no lane {change.lane + 1}")
        elif change.what == "rate":
            self.lanes[change.lane].rate = change.value
        else:
            lane = self.lanes[change.lane]
            lane.set_weight(change.layer, change.row, change.column, change.value)
        self.experiment = replace(self.experiment, changes=(*self.experiment.changes, change))

    def _take_points(self, change: Change) -> None:
        data = replace(self.experiment.data, added=change.added, removed=change.removed)
        scene = Scene.of(data, self._find)
        for lane in self.lanes:
            lane.take(self.experiment, scene)
        self.scene, self.window = scene, Window.of(scene, self.experiment.view, self.window)

    def look(self, view: View) -> None:
        """See the networks in another plane.

        Raises:
            ChainruleError: there is no such plane.
        """
        self.window = Window.of(self.scene, view)
        self.experiment = replace(self.experiment, view=view)

    def stop_at(self, stop: Stop) -> None:
        """Stop at another step or loss; lanes that had reached their loss go on."""
        self.experiment = replace(self.experiment, stop=stop)
        for lane in self.lanes:
            lane.target = stop.loss
            if lane.status == REACHED:
                lane.status, lane.message = LEARNING, ""

    def measure(self) -> list[Measures]:
        """Measure every lane, and note it in the curves."""
        found = self.over_lanes(Lane.measures)
        for curve, measures in zip(self.curves, found, strict=True):
            if not curve or curve[-1].step < measures.step:
                curve.append(measures)
            else:
                curve[-1] = measures
            if len(curve) > MOST_MEASURED:
                del curve[1::2]
        return found

    def over_lanes(self, work: Callable[[Lane], T]) -> list[T]:
        """Do something with every lane, on as many threads as the pool has."""
        if len(self.lanes) == 1:
            return [work(self.lanes[0])]
        return list(self._pool.map(work, self.lanes))


def pool() -> ThreadPoolExecutor:
    """Threads for the lanes of one page."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ThreadPoolExecutor(min(limits.LANES, cores or 1), thread_name_prefix="lane")
