"""Scikit-learn's callbacks, where it has them: a fit's tasks are its networks, and theirs are epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np

from chainrule.training.loop import Callback, Event
from chainrule.training.members import Member

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """No callbacks."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """The method itself."""
        return method


__all__ = ["CallbackSupportMixin", "Tasks", "with_callbacks"]


class Tasks:
    """What the callbacks of an estimator are told while it is fitted; nothing where it has none.

    Attributes:
        around: for the number of a member, a context that tells of its task, and gives what tells of
            each of its epochs; None where nobody listens.
    """

    def __init__(self, estimator: Any, members: Sequence[Member], data: dict[str, Any]) -> None:
        """Tell of the beginning.

        Args:
            estimator: what is fitted; encoder and targets are known already.
            members: what is to be trained.
            data: X, y and metadata, as they were given.
        """
        self.around: Callable[[int], AbstractContextManager[Callback]] | None = None
        self._estimator, self._members, self._data = estimator, members, data
        self._one_at_a_time = Lock()  # members are trained in threads of their own
        if not hasattr(estimator, "_init_callback_context"):
            return
        self._root = estimator._init_callback_context(
            max_subtasks=len(members), sequential_subtasks=False
        )
        self._root.call_on_fit_task_begin(estimator=estimator, **data)
        if not getattr(estimator, "_skl_callbacks", None):
            return
        self._networks = [
            self._root.subcontext("network", task_id=i, max_subtasks=member.settings["epochs"])
            for i, member in enumerate(members)
        ]
        self.around = self._around

    def end(self) -> None:
        """Tell of the end; the estimator is fitted."""
        if hasattr(self, "_root"):
            self._tell_end(self._root, lambda: self._fitted())

    @contextmanager
    def _around(self, number: int) -> Iterator[Callback]:
        task, last = self._networks[number], dict[str, Any]()
        with self._one_at_a_time:
            task.call_on_fit_task_begin(estimator=self._estimator, **self._data)

        def epoch(event: Event) -> bool:
            with self._one_at_a_time:
                one = task.subcontext("epoch")
                one.call_on_fit_task_begin(estimator=self._estimator, **self._data)
                return self._tell_end(one, lambda: last.update(self._alone(number, event)) or last)

        yield epoch
        with self._one_at_a_time:
            self._tell_end(task, lambda: last or None)

    def _tell_end(self, task: Any, fitted: Callable[[], dict[str, Any] | None]) -> bool:
        """Tell of a task's end; whether a callback wants no more of its like."""
        return bool(
            task.call_on_fit_task_end(
                estimator=self._estimator, reconstruction_attributes=fitted, **self._data
            )
        )

    def _fitted(self) -> dict[str, Any]:
        """What fitting has put into the estimator by now."""
        parameters = self._estimator.get_params(deep=False)
        return {
            name: value
            for name, value in vars(self._estimator).items()
            if name not in parameters and "callback" not in name
        }

    def _alone(self, number: int, event: Event) -> dict[str, Any]:
        """The same with one network, as it is after an epoch."""
        now = replace(self._members[number], network=event.network.copy())
        network = now.widened(self._estimator.encoder_.width)
        return self._fitted() | {"networks_": [network], "shares_": np.ones(1)}
