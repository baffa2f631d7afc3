"""The thread that trains what one visitor looks at, does what the page asks, and shows frames."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from chainrule.errors import ChainruleError, InvalidValue
from chainrule.web import inspector, leaving, limits
from chainrule.web.experiment import Change, Experiment
from chainrule.web.frame import frame
from chainrule.web.lane import LEARNING
from chainrule.web.race import Race, pool
from chainrule.web.scene import Find
from chainrule.web.window import held

_EVERY = 1 / limits.FRAMES  # seconds between two frames
_PIECE = 0.008  # seconds of training between two looks at what the page asks
_SHARE = 0.75  # of the time that goes into training where it goes as fast as it can; a browser needs the rest
_PIECES = 1000  # of training, over which the pace is taken; no more than the last second's
_AHEAD = 2  # frames on their way that the page has not seen
_FASTEST = 1_000_000.0  # steps a second that can be asked for
_GROWTH = 1.5  # how many times as many steps a piece may have as the one before it
_DENSE = 1.3  # a step so many times the one measured last is measured without waiting for a frame

Message = dict[str, Any]


class Conductor(threading.Thread):
    """Trains the lanes of one page.

    Only this thread touches them: what the page asks is put into `inbox` and done between two pieces
    of training, so that nothing is ever seen half done.

    Attributes:
        inbox: messages from the page.
    """

    def __init__(
        self, find: Find, say: Callable[[Message], None], show: Callable[[bytes], None]
    ) -> None:
        """Begin with nothing to train.

        Args:
            find: from the digest of a file to its table.
            say: takes a message for the page.
            show: takes a frame for it.
        """
        super().__init__(name="conductor", daemon=True)
        self.inbox: queue.Queue[Message] = queue.Queue(limits.WAITING)
        self._find, self._say, self._show = find, say, show
        self._ending = threading.Event()
        self._pool = pool()
        self._race: Race | None = None
        self._playing, self._dirty = False, False
        self._drawn, self._speed = 0, 0.0
        self._shown, self._seen, self._run = 0, 0, 0
        self._told, self._measured = (
            -1,
            0,
        )  # steps: of the last frame, and of what was measured last
        self._next_frame = 0.0
        self._owed, self._since, self._piece = 0.0, 0.0, 1
        self._pace: deque[tuple[float, int]] = deque(maxlen=_PIECES)

    def end(self) -> None:
        """End the thread, at the next look."""
        self._ending.set()

    def run(self) -> None:
        """Until `end`: listen, train, show."""
        try:
            while not self._ending.is_set():
                self._listen()
                self._train()
                self._look()
        except Exception:
            logging.getLogger(__name__).exception("a page's training broke down")
            self._say({"say": "broken", "text": "something broke here; the terminal says what"})
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _listen(self) -> None:
        """Do what the page asks; wait for it where there is nothing else to do."""
        wait = 0.0 if self._playing else 0.02 if self._dirty else 0.25
        while not self._ending.is_set():
            try:
                message = self.inbox.get(timeout=wait) if wait else self.inbox.get_nowait()
            except queue.Empty:
                return
            wait = 0.0
            try:
                self._do(message)
            except ChainruleError as error:
                self._say({"say": "error", "text": str(error)})

    def _do(self, message: Message) -> None:
        what = message.get("do")
        done = _DOING.get(what) if isinstance(what, str) else None
        if done is None:
            raise InvalidValue("the page asks for something that is not known here")
        done(self, message)

    @property
    def race(self) -> Race:
        """What is trained.

        Raises:
            InvalidValue: nothing is.
        """
        if self._race is None:
            raise InvalidValue("there is nothing to train yet")
        return self._race

    def _begin(self, message: Message) -> None:
        """A new experiment, from its first step."""
        experiment = Experiment.of(message.get("experiment"))
        self._race = Race(experiment, self._find, self._pool)
        self._drawn = min(self._drawn, len(self._race.lanes) - 1)
        self._run += 1
        self._piece, self._owed = 1, 0.0
        self._told, self._measured = -1, 0
        self._pace.clear()
        if "playing" in message:
            self._playing = message["playing"] is True
        self._since = time.perf_counter()
        self._set_scene()

    def _set_scene(self) -> None:
        """Tell the page what there is to be seen."""
        race = self.race
        scene, window = race.scene, race.window
        values = scene.values
        self._say(
            {
                "say": "scene",
                "run": self._run,
                "title": scene.title,
                "rows": len(scene.X),
                "checked": 0 if scene.validation is None else len(scene.validation[0]),
                "inputs": list(scene.inputs),
                "classes": list(scene.classes),
                "target": scene.target.name,
                "sizes": list(race.lanes[0].network.sizes),
                "activations": list(race.lanes[0].network.activations),
                "steps_per_epoch": [lane.steps_per_epoch for lane in race.lanes],
                "axes": list(window.axes),
                "x": [float(window.x[0]), float(window.x[-1])],
                "y": [float(window.y[0]), float(window.y[-1])],
                "shown": window.shown.tolist(),
                "points": window.points.astype("float32").tolist(),
                "values": values[window.shown].tolist(),
                "aside": window.aside_points.astype("float32").tolist(),
                "values_aside": scene.values_aside[window.aside].tolist(),
                "range": [float(values.min()), float(values.max())],
                "held": held(scene, race.experiment.view),
                "in_plane": scene.encoder is None,
                "experiment": race.experiment.as_dict(),
            }
        )
        self._dirty = True

    def _play(self, message: Message) -> None:
        self._playing = message.get("on") is True and self._race is not None
        self._since, self._owed = time.perf_counter(), 0.0
        self._pace.clear()
        self._dirty = True

    def _advance(self, message: Message) -> None:
        """So many steps, or epochs of the first lane."""
        count = message.get("steps", 1)
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 10_000:
            raise InvalidValue("a number of steps from 1 to 10,000")
        per_epoch = self.race.lanes[0].steps_per_epoch
        if message.get("epoch") is True:
            count = per_epoch - self.race.step % per_epoch
        self._playing = False
        self.race.advance(count)
        self._dirty = True

    def _set_speed(self, message: Message) -> None:
        speed = message.get("steps", 0)
        if not isinstance(speed, (int, float)) or isinstance(speed, bool) or not 0 <= speed <= _FASTEST:  # fmt: skip
            raise InvalidValue("a speed is a number of steps a second; 0 is as fast as it goes")
        self._speed, self._owed, self._since = float(speed), 0.0, time.perf_counter()

    def _change(self, message: Message) -> None:
        change = self.race.change(Change.of(message.get("change")))
        if change.what == "points":
            self._set_scene()
        self._say({"say": "changed", "experiment": self.race.experiment.as_dict()})
        self._dirty = True

    def _stop_at(self, message: Message) -> None:
        self.race.stop_at(Experiment.of({"stop": message.get("stop", {})}).stop)
        self._say({"say": "changed", "experiment": self.race.experiment.as_dict()})

    def _look_at(self, message: Message) -> None:
        """Another plane, or another lane's network."""
        if "view" in message:
            self.race.look(Experiment.of({"view": message["view"]}).view)
            self._set_scene()
        lane = message.get("lane", self._drawn)
        self._drawn = self._lane(lane)
        self._dirty = True

    def _lane(self, number: Any) -> int:
        if not isinstance(number, int) or not 0 <= number < len(self.race.lanes):
            raise InvalidValue("there is no such lane")
        return number

    def _inspect(self, message: Message) -> None:
        lane = self._lane(message.get("lane", 0))
        self._say({"say": "inspected", "lane": lane, **inspector.inspect(self.race, lane, message)})

    def _export(self, message: Message) -> None:
        lane = self._lane(message.get("lane", 0))
        name, content = leaving.export(self.race, lane, message.get("what"))
        self._say({"say": "file", "name": name, "content": content})

    def _note_seen(self, message: Message) -> None:
        number = message.get("frame")
        if isinstance(number, int) and self._seen < number <= self._shown:
            self._seen = number

    def _train(self) -> None:
        """Train for a few milliseconds, or for as many steps as the speed allows by now."""
        if not self._playing:
            return
        race, began = self.race, time.perf_counter()
        steps = self._piece if not self._speed else self._allowed(began)
        made = race.advance(steps) if steps else 0
        took = time.perf_counter() - began
        learning = sum(lane.status == LEARNING for lane in race.lanes)
        self._pace.append((began + took, made * learning))
        if race.step >= _DENSE * self._measured:  # the first steps change the most
            self._measured = race.step
            race.measure()
        if race.ended:
            self._playing, self._dirty = False, True
        elif self._speed:
            time.sleep(max(0.0, min(0.01, 1 / self._speed)))
        else:
            grown = self._piece * _PIECE / max(took, 1e-6)
            self._piece = max(1, int(min(grown, self._piece * _GROWTH + 1)))
            time.sleep(took * (1 / _SHARE - 1))

    def _allowed(self, now: float) -> int:
        """How many steps the speed allows since the last time."""
        self._owed = min(self._owed + (now - self._since) * self._speed, self._speed)
        self._since = now
        steps = int(self._owed)
        self._owed -= steps
        return steps

    def _look(self) -> None:
        """Show a frame, if it is time for one and the page is ready for it."""
        now = time.perf_counter()
        wanted = self._race is not None and (self._playing or self._dirty)
        if not wanted or now < self._next_frame or self._shown - self._seen >= _AHEAD:
            return
        self._next_frame = now + _EVERY
        self._dirty = False
        self._shown += 1
        while self._pace and self._pace[0][0] < now - 1:
            self._pace.popleft()
        span = now - self._pace[0][0] if len(self._pace) > 1 else 0.0
        pace = sum(steps for _, steps in list(self._pace)[1:]) / span if span > 0 else 0.0
        facts = {"run": self._run, "playing": self._playing, "pace": round(pace)}
        self._show(frame(self._shown, self.race, self._drawn, self._told, facts))
        self._told = self._measured = self.race.step


_DOING: dict[str, Callable[[Conductor, Message], None]] = {
    "begin": Conductor._begin,
    "play": Conductor._play,
    "advance": Conductor._advance,
    "speed": Conductor._set_speed,
    "change": Conductor._change,
    "stop": Conductor._stop_at,
    "look": Conductor._look_at,
    "inspect": Conductor._inspect,
    "export": Conductor._export,
    "seen": Conductor._note_seen,
}
