"""What a classifier and a regressor have in common: tables in, several networks, honest scores."""

from __future__ import annotations

import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Self, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, is_regressor
from sklearn.metrics import check_scoring
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from chainrule.arrays import Array, DType
from chainrule.engines import Engine, compiled
from chainrule.errors import InvalidValue
from chainrule.explanation.drawing.diagram import diagram
from chainrule.losses import Own
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.sklearn.callbacks import CallbackSupportMixin, Tasks
from chainrule.storage import Model, Trained, check_target
from chainrule.tables import Table, TargetEncoder
from chainrule.tables.distinct import Distinct
from chainrule.training import recipe
from chainrule.training.checkpoints import Book, Checkpoint, described
from chainrule.training.members import (
    NEVER_OUT,
    Folds,
    Member,
    Rows,
    Turn,
    folds_of,
    members_outputs,
    out_of_fold,
    train_members,
    turns_of,
)
from chainrule.training.rows import Data
from chainrule.training.runs.log import RunLog
from chainrule.training.schedules import Schedule
from chainrule.training.trainer import Result
from chainrule.views.svg import network_svg

Weights: TypeAlias = npt.NDArray[np.float64]
Target: TypeAlias = npt.NDArray[Any]
Kept: TypeAlias = str | os.PathLike[str] | Checkpoint

_FREE = ("device", "log", "progress", "threads", "warm_start")  # may differ from a checkpoint's
_LEAST = 1e-6  # a share below it is none
_SEEDS = 2**31 - 1
_PICTURE = 560.0  # the width of a network's picture, in pixels


@dataclass(frozen=True)
class OutOfFold:
    """What the members say of the rows that they did not train on.

    Attributes:
        t: the encoded targets of the different rows, (m,) or (m, outputs).
        weights: of the different rows, (m,).
        u: the outputs for them of the members that left them out, a kind each, (kinds, m, outputs);
            NaN where every member trained on the row. Of rows that all left out, by each member.
        of: of each row that was fitted, the number of its like, or −1 where its weight is 0, (n,).
    """

    t: Target
    weights: Weights
    u: Array
    of: npt.NDArray[np.int64]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which of the different rows some member left out, (m,)."""
        return np.asarray(np.isfinite(self.u).all(axis=(0, 2)))

    def by_kind(self, turns: Sequence[Turn]) -> Self:
        """The same with the mean of the outputs of each kind's members, from those of every member."""
        kinds = np.array([turn.place for turn in turns])
        each = [self.u[kinds == kind].mean(axis=0) for kind in range(kinds.max() + 1)]
        return replace(self, u=np.stack(each))

    def spread_out(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values of the different rows for all rows, NaN where the weight is 0."""
        found = np.asarray(values[self.of], np.float64)
        found[self.of < 0] = np.nan
        return found


@dataclass(kw_only=True, eq=False, repr=False)
class TableEstimator(CallbackSupportMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """The parameters, the encoding of tables, the members and their out-of-fold outputs."""

    hidden: int | Sequence[int] = recipe.HIDDEN
    activation: str | Sequence[str] | None = None
    dropout: float | Sequence[float] | None = None
    optimizer: str | Optimizer | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    schedule: str | Schedule | None = None
    epochs: int | None = None
    batch_size: int | None = None
    patience: int | None = None
    bins: int | None = None
    members: int | None = None
    scoring: str | Callable[..., float] | None = None
    warm_start: bool = False
    random_state: int | np.random.RandomState | None = None
    engine: str = "auto"
    device: str = "auto"
    precision: str = "float32"
    threads: int | None = None
    dtype: DType = "float32"
    progress: bool = False
    log: str | os.PathLike[str] | RunLog | None = None

    def __sklearn_tags__(self) -> Any:
        """Tables with gaps, text and categories."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    def _html_repr(self) -> str:
        """Scikit-learn's box and, once there is one, the first member's network."""
        box = cast(str, super()._html_repr())
        if not hasattr(self, "networks_"):
            return box
        names = self.encoder_.feature_names, self._output_names
        first = network_svg(diagram(self.networks_[0], inputs=names[0], outputs=names[1]), _PICTURE)
        return f"{box}<p>{len(self.networks_)} networks, of which the first:</p><div>{first}</div>"

    @abstractmethod
    def _encode_target(self, y: Target, weights: Weights | None, reset: bool) -> Target:
        """The targets as the loss takes them, (n,) or (n, outputs); with `reset`, what takes them back is noted."""

    @abstractmethod
    def _groups(self, t: Target) -> npt.NDArray[np.int64] | None:
        """The class of each row, which the folds spread evenly; or None."""

    @property
    @abstractmethod
    def _output_names(self) -> list[str]:
        """What each output stands for, in a word or two."""

    @property
    @abstractmethod
    def _outputs(self) -> int:
        """How many outputs a network has."""

    def _fit(self, *given: Any) -> None:
        """Fit encoder and members, and score them; keep the run if that is asked for.

        Args:
            given: rows, targets, weights, what to validate on, and how to keep checkpoints.
        """
        if self.log is None:
            return self._fit_members(*given)
        with RunLog.of(self.log) as log:
            self._fit_members(*given, log=log)
            statuses = {result.status for result in self.results_}
            ended = "interrupted" if "interrupted" in statuses else "finished"
            score = "r2" if is_regressor(self) else "accuracy"
            log.note(status=ended, scores={score: getattr(self, "oof_score_", None)})

    def _fit_members(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: Sequence[Any] | None,
        checkpoint: Kept | None,
        resume: bool,
        *,
        log: RunLog | None = None,
    ) -> None:
        given = y
        self._check_checkpoint(checkpoint, resume)
        fresh = not (self.warm_start and hasattr(self, "_members"))
        table, y, weights = self._checked(X, y, sample_weight, fresh)
        t = self._encode_target(y, weights, reset=fresh)
        distinct = Distinct.of_table(table, np.asarray(y), weights)
        own, t_own = table.take(distinct.rows), t[distinct.rows]
        if fresh:
            self.encoder_ = recipe.encoder(own, self.bins)
        Z = self.encoder_.transform(own, self.dtype)
        held_out = None if validation is None else self._held_out(*validation)
        seeds = self._seeds(len(own)) if fresh else [m.settings["seed"] for m in self._members]
        turns = turns_of(len(seeds), len(recipe.KINDS))
        parts = 1 if held_out is not None else max(turn.fold for turn in turns) + 1
        folds = folds_of(len(own), parts, self._groups(t_own))
        members = self._made(seeds, len(own), fresh)
        rows = Rows(Z, t_own, distinct.weights, folds, turns, held_out)
        metadata = None if weights is None else {"sample_weight": weights}
        tasks = Tasks(self, members, {"X": X, "y": given, "metadata": metadata})
        book = self._book(checkpoint, resume, rows) if checkpoint is not None else None
        if log is not None:
            log.start(self._told(table, distinct, len(members)))
        results = train_members(members, rows, self._cores, self.progress, tasks.around, book, log)
        self._keep(members, results)
        self.folds_: Folds = np.where(distinct.of < 0, NEVER_OUT, folds[distinct.of])
        w = np.ones(len(own)) if distinct.weights is None else distinct.weights
        u = out_of_fold(self.networks_, Z, folds, turns)
        found = OutOfFold(t_own, w, u, distinct.of)
        if held_out is None:
            self._weigh(found, turns)
            if found.known.any():
                self._calibrate(found, self.kind_shares_)
        else:
            judged = self._judged_by_each(held_out)
            self._weigh(judged.by_kind(turns), turns)
            self._calibrate(judged, self.shares_)
        self._score_out_of_fold(found)
        tasks.end()

    def _told(self, table: Table, distinct: Distinct, members: int) -> dict[str, Any]:
        """What a run's first line says of it."""
        parameters = self.get_params(deep=False)
        del parameters["log"]
        return {
            "task": "regression" if is_regressor(self) else "classification",
            "estimator": type(self).__name__,
            "parameters": parameters,
            "networks": members,
            "data": {"rows": len(table), "columns": len(table.names), "digest": distinct.digest},
        }

    def _check_checkpoint(self, checkpoint: Kept | None, resume: bool) -> None:
        """Refuse what cannot be kept, or gone on with, before the work."""
        if checkpoint is None:
            if resume:
                raise InvalidValue("to resume takes a checkpoint: checkpoint='run.checkpoint'")
            return
        check_target(Checkpoint.of(checkpoint).path)
        if not isinstance(self.random_state, Integral):
            raise InvalidValue(
                "a checkpoint takes a number as random_state: without one, no other process draws the"
                " same networks"
            )

    def _book(self, checkpoint: Kept, resume: bool, rows: Rows) -> Book:
        """The checkpoint's file, with what it has if that is to be gone on with.

        Raises:
            InvalidValue: it is of other parameters or other data.
        """
        parameters = {
            name: getattr(value, "__qualname__", repr(value))
            for name, value in self.get_params(deep=False).items()
            if name not in _FREE
        }
        data = described(Data(rows.X, rows.y, rows.weights, rows.held_out))
        about = {"estimator": {"name": type(self).__name__, **parameters, "data": data}}
        return Book.opened(checkpoint, resume, len(rows.turns), about)

    @abstractmethod
    def _calibrate(self, found: OutOfFold, shares: Weights) -> None:
        """Mend the answers by those for rows not trained on, of kinds or members with these shares."""

    @abstractmethod
    def _score_out_of_fold(self, found: OutOfFold) -> None:
        """Note what the members say of the rows that they did not train on, and what that is worth."""

    @abstractmethod
    def _kind_shares(self, found: OutOfFold) -> Weights:
        """The shares of the kinds in a prediction that suit the rows which all of them left out, (kinds,)."""

    def _weigh(self, found: OutOfFold | None, turns: Sequence[Turn]) -> None:
        """Give each kind the share that it is worth on rows not trained on, and each member one of its kind's.

        Where there are no such rows, the kinds with hidden layers share equally.
        """
        kinds = max(turn.place for turn in turns) + 1
        worth = np.array([float(kind.hidden) for kind in recipe.KINDS[:kinds]])
        if kinds > 1 and found is not None and found.known.any():
            worth = self._kind_shares(found)
        worth = np.where(worth < _LEAST * worth.sum(), 0.0, worth)
        self.kind_shares_ = worth / worth.sum()
        shares = self.kind_shares_[[turn.place for turn in turns]]
        self.shares_: Weights = shares / shares.sum()

    def _judged_by_each(self, held_out: tuple[Any, ...]) -> OutOfFold:
        """The same of rows of the user's own, which no member trained on, by each of them."""
        Z, t, *w = held_out
        u = members_outputs(self.networks_, Z, self.threads)
        return OutOfFold(t, w[0] if w else np.ones(len(Z)), u, np.arange(len(Z)))

    @property
    def _cores(self) -> int:
        """How many members train at the same time.

        Raises:
            InvalidValue: fewer than one.
        """
        if self.threads is not None and self.threads < 1:
            raise InvalidValue(f"threads is 1 or more, got {self.threads}")
        return self.threads or compiled.cores()

    def _keep(self, members: Sequence[Member], results: list[Result]) -> None:
        self._members, self.results_ = members, results
        self.networks_ = [member.widened(self.encoder_.width) for member in members]
        self.n_iter_ = max(result.epochs for result in results)

    def _go_on(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> None:
        """One epoch more of every member over all the rows, at a quarter of the learning rate."""
        fresh = not hasattr(self, "_members")
        table, y, weights = self._checked(X, y, sample_weight, fresh)
        if fresh:
            self._encode_target(y if classes is None else np.asarray(classes), None, reset=True)
            self.encoder_ = recipe.encoder(table, self.bins)
        t = self._encode_target(y, weights, reset=False)
        Z = self.encoder_.transform(table, self.dtype)
        seeds = self._seeds(len(table)) if fresh else [m.settings["seed"] for m in self._members]
        members = self._made(seeds, len(table), fresh)
        passes = [member.for_one_epoch(slower=4) for member in members]
        turns = turns_of(len(seeds), len(recipe.KINDS))
        rows = Rows(Z, t, weights, np.full(len(Z), NEVER_OUT), turns)
        self._keep(passes, train_members(passes, rows, self._cores))
        if fresh:
            self._weigh(None, turns)

    def _watch(
        self, Z: Array, t: Target, weights: Weights | None = None
    ) -> Callable[[Engine], float]:
        """The score, with the sign turned, of an engine's outputs for encoded rows."""
        scorer, judged = check_scoring(self, scoring=self.scoring), copy.copy(self)
        known = {} if weights is None else {"sample_weight": weights}

        def cost(engine: Engine) -> float:
            judged._member_outputs = lambda X: engine.predict(X)[None]  # type: ignore[method-assign]
            judged.shares_ = np.ones(1)
            return -float(scorer(judged, Z, self._decoded(t), **known))

        return cost

    def to_model(self, target: str = "target") -> Model:
        """The fitted networks as a model, which `chainrule.save` keeps and `chainrule predict` takes.

        The network with the largest share comes first; those without a share are left out.

        Args:
            target: what the column of y is called.

        Raises:
            InvalidValue: a row has several labels or targets: a model has one; or the loss is a
                function of your own.
        """
        check_is_fitted(self, "networks_")
        if isinstance(self.loss_, Own):
            raise InvalidValue(
                f"the loss {self.loss_.name!r} is a function of your own, which no model holds: keep"
                " the estimator itself, by pickle or joblib"
            )
        each = zip(self._networks_that_answer(), self.results_, self.shares_, strict=True)
        trained = [
            Trained(network, replace(result.plan, layer_sizes=network.sizes), float(share))
            for network, result, share in each
            if share > 0
        ]
        first, *others = sorted(trained, key=lambda one: -one.share)
        last = self.results_[0]
        return Model(
            network=first.network,
            plan=first.plan,
            encoder=self.encoder_,
            target=self._target_encoder(target),
            history=self._summary(),
            engine={"name": last.engine, "isa": last.isa, "threads": last.threads},
            share=first.share,
            others=tuple(others),
        )

    @abstractmethod
    def _target_encoder(self, name: str) -> TargetEncoder:
        """What takes targets of a column of this name to what the networks learn, and back."""

    def _networks_that_answer(self) -> list[Network]:
        """Networks whose mean, by their shares, is what is predicted."""
        return self.networks_

    def _summary(self) -> dict[str, Any]:
        """The training in a few numbers, for the model's file."""
        return {
            "rows": len(self.folds_) if hasattr(self, "folds_") else None,
            "networks": len(self.networks_),
            "epochs": self.n_iter_,
            "steps": sum(result.steps for result in self.results_),
            "seconds": sum(result.seconds for result in self.results_),
        }

    @abstractmethod
    def _decoded(self, t: Target) -> Target:
        """Targets as the user has them, from those that the loss takes."""

    def _made(self, seeds: Sequence[int], rows: int, fresh: bool) -> list[Member]:
        """The members to train on so many rows; those that are not fresh go on from where they were."""
        turns = turns_of(len(seeds), len(recipe.KINDS))
        members = [
            self._member(turn.kind, seed, rows) for turn, seed in zip(turns, seeds, strict=True)
        ]
        if fresh:
            return members
        before = zip(members, self._members, self.results_, strict=True)
        return [new.going_on(old, result.state) for new, old, result in before]

    def _member(self, number: int, seed: int, rows: int) -> Member:
        """A member of a kind to train on most of so many rows."""
        kind = recipe.KINDS[number]
        hidden = self._hidden() if kind.hidden else ()
        activation = (self.activation or kind.activation) if kind.hidden else kind.activation
        columns = None if kind.binned else self.encoder_.unbinned
        inputs = self.encoder_.width if columns is None else len(columns)
        sizes = [inputs, *hidden, self._outputs]
        how = recipe.training(
            kind, sizes, rows, is_regressor(self), optimizer=self.optimizer,
            learning_rate=self.learning_rate, weight_decay=self.weight_decay, schedule=self.schedule,
            epochs=self.epochs, batch_size=self.batch_size, dropout=self.dropout,
        )  # fmt: skip
        network = recipe.network(sizes, activation, seed, self.dtype)
        return Member(network, columns, {
            "loss": self.loss_,
            **how,
            "stopping": how["epochs"] if self.patience is None else self.patience,  # the best is kept
            "seed": seed,
            "engine": self.engine,
            "device": self.device,
            "precision": self.precision,
        }, self._watch if self.scoring is not None else None)  # fmt: skip

    def _hidden(self) -> tuple[int, ...]:
        """The sizes of the hidden layers.

        Raises:
            InvalidValue: `hidden` is neither a size nor several.
        """
        sizes = np.atleast_1d(np.asarray(self.hidden))
        if sizes.size and (sizes.ndim != 1 or sizes.dtype.kind not in "iu"):
            raise InvalidValue(f"hidden is the sizes of the hidden layers, got {self.hidden!r}")
        return tuple(sizes.tolist())

    def _seeds(self, rows: int) -> list[int]:
        """A seed for each member.

        Raises:
            InvalidValue: there are more members than different rows.
        """
        members = min(recipe.MEMBERS, rows) if self.members is None else self.members
        if not isinstance(members, Integral) or (members != 1 and not 1 <= members <= rows):
            raise InvalidValue(
                f"members is a number from 1 to the {rows} different rows, got {members!r}:"
                " each leaves out rows of its own"
            )
        rng = check_random_state(self.random_state)
        return [int(seed) for seed in rng.randint(_SEEDS, size=members)]

    def _checked(
        self, X: Any, y: Any, sample_weight: Any, reset: bool
    ) -> tuple[Table, Target, Weights | None]:
        table = self._table(X, reset)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        y = np.asarray(y) if hasattr(y, "columns") else y
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_consistent_length(next(iter(table.columns.values())), y)
        if sample_weight is None:
            return table, y, None
        weights = _check_sample_weight(
            sample_weight, np.empty((len(table), 1)), dtype=np.float64, ensure_non_negative=True
        )
        return table, y, weights

    def _held_out(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[Any, ...]:
        """Rows of the user's own to validate on, encoded."""
        Z = self.encoder_.transform(self._table(X, reset=False), self.dtype)
        t = self._encode_target(np.asarray(y), None, reset=False)
        return (Z, t) if sample_weight is None else (Z, t, np.asarray(sample_weight))

    def _table(self, X: Any, reset: bool) -> Table:
        """The rows as a table; the columns of an array take the names of those that were fitted.

        Raises:
            ValueError, TypeError: scikit-learn's, for what is no table of the right width.
        """
        least = 2 if reset else 1
        if isinstance(X, Table):
            if reset:
                self._names = X.names
                self.n_features_in_ = len(X.names)
                self.feature_names_in_ = np.array(X.names, dtype=object)
            return X
        if hasattr(X, "columns") or hasattr(X, "column_names"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            table = Table.of(X)
            if len(table) < least:
                raise ValueError(
                    f"Found array with {len(table)} sample(s) while a minimum of {least} is required."
                )
        else:
            checked = validate_data(
                self,
                X,
                reset=reset,
                dtype=None,
                ensure_all_finite="allow-nan",
                ensure_min_samples=least,
            )
            table = Table.of(checked)
        if reset:
            self._names = table.names
        return Table(dict(zip(self._names, table.columns.values(), strict=True)))

    def _member_outputs(self, X: Any) -> Array:
        """What each member gives for the rows: (members, n, outputs)."""
        check_is_fitted(self, "networks_")
        Z = self.encoder_.transform(self._table(X, reset=False), self.dtype)
        return members_outputs(self.networks_, Z, self.threads)


def weighted_spread(each: npt.NDArray[Any], shares: Weights) -> Weights:
    """The standard deviation between members' predictions, each counting by its share.

    Args:
        each: (members, …).
        shares: (members,).
    """
    mean = np.average(each, axis=0, weights=shares)
    return np.asarray(np.sqrt(np.average((each - mean) ** 2, axis=0, weights=shares)))
