"""An estimator whose fit was killed goes on from its checkpoint, to the same bits."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule import Classifier, Regressor
from chainrule.errors import InvalidValue, ModelFileError
from chainrule.training.checkpoints import Checkpoint, Keeper
from chainrule.training.loop import Interrupted, Loop
from chainrule.training.positions import Positions

SMALL: dict[str, Any] = {"hidden": (8,), "epochs": 20, "random_state": 4, "threads": 2}


def table() -> tuple[pd.DataFrame, Any]:
    """Numbers with gaps, a text with awkward names, a date; and classes."""
    i = np.arange(240)
    frame = pd.DataFrame(
        {
            "größe in cm": np.where(i % 11 == 0, np.nan, (i * 37 % 101) / 10),
            "who, what": np.array(["a", "b b", "ç", ""], dtype=object)[i % 4],
            "when": pd.Timestamp("2024-02-29") + pd.to_timedelta(i * 53 % 400, unit="D"),
        }
    )
    return frame, np.array(["no", "yes"])[(i * 37 % 101 + 20 * (i % 4) > 70).astype(int)]


def bits(fitted: Any) -> list[bytes]:
    arrays = [
        part for net in fitted.networks_ for layer in net.layers for part in (layer.W, layer.b)
    ]
    said = (fitted.shares_, fitted.oof_prediction_, fitted.predict_proba(table()[0]))
    losses = [np.array(result.history.rows)[:, :3] for result in fitted.results_]
    return [np.asarray(a).tobytes() for a in (*arrays, *said, *losses)]


def stopped_after(calls: int, patch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes after so many epochs of all networks together."""
    after_epoch, seen = Keeper.after_epoch, iter(range(1, 100_000))

    def after(keeper: Keeper, loop: Loop) -> None:
        after_epoch(keeper, loop)
        if next(seen) == calls:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)  # until the main thread has heard it

    patch.setattr(Keeper, "after_epoch", after)


@pytest.mark.parametrize("members", [1, 4, 12])
def test_interrupted_and_gone_on_with(
    members: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Classifier(**SMALL, members=members)
    straight = bits(made.fit(*table()))
    path = tmp_path / "run.checkpoint"
    kept = {"checkpoint": Checkpoint(path, 60), "resume": True}
    done = []
    for calls in (9, 7 * members):
        with monkeypatch.context() as patch, pytest.raises(Interrupted):
            stopped_after(calls, patch)
            Classifier(**SMALL, members=members).fit(*table(), **kept)
        each = Positions.from_bytes(path.read_bytes()).each
        done.append(sum(position.epochs for position in each.values()))
        assert set(each) <= set(range(members))
    assert 9 <= done[0] < done[1] < 20 * members
    assert bits(Classifier(**SMALL, members=members).fit(*table(), **kept)) == straight
    assert [p.epochs for p in Positions.from_bytes(path.read_bytes()).each.values()] == [
        20
    ] * members
    assert (
        bits(Classifier(**SMALL, members=members).fit(*table(), **kept)) == straight
    )  # nothing is left to do


def test_quantiles_with_rows_of_ones_own_to_stop_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.arange(300.0).reshape(100, 3) * 7 % 11
    settings = {**SMALL, "members": 3, "loss": "quantile", "scoring": "r2", "patience": 6}

    def fitted(**kept: Any) -> Any:
        return Regressor(**settings).fit(x, x[:, 0], validation=(x[:20], x[:20, 0]), **kept)

    kept = {"checkpoint": tmp_path / "run.checkpoint", "resume": True}
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        stopped_after(12, patch)
        fitted(**kept)
    straight, resumed = fitted(), fitted(**kept)
    assert resumed.predict_quantiles(x).tobytes() == straight.predict_quantiles(x).tobytes()


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    made, (X, y) = {**SMALL, "members": 2, "epochs": 2}, table()
    Classifier(**made).fit(X, y, checkpoint=path)
    whole = path.read_bytes()
    kept = {"checkpoint": path, "resume": True}

    def refused(estimator: Any, X: Any, y: Any, said: str) -> None:
        with pytest.raises(
            InvalidValue, match=f"run.checkpoint: the checkpoint is of another training: {said}"
        ):
            estimator.fit(X, y, **kept)
        assert path.read_bytes() == whole

    changed = {"hidden": (9,), "scoring": "accuracy", "members": 3}
    refused(
        Classifier(**{**made, **changed}), X, y,
        r"hidden was \(8,\), is \(9,\); members was 2, is 3; scoring was None, is 'accuracy'$",
    )  # fmt: skip
    refused(Regressor(**made), X, y == "yes", "estimator was Classifier, is Regressor$")
    refused(Classifier(**made), X[:200], y[:200], r"X was 240 × 27 float32, digest \w+, is 200 ×")
    refused(Classifier(**made), X, y[::-1], r".*targets was 240 int64, digest \w+, is 240 int64")
    with pytest.raises(InvalidValue, match="a checkpoint takes a number as random_state"):
        Classifier(members=2).fit(X, y, checkpoint=path)
    with pytest.raises(InvalidValue, match="a function of your own: no file can hold it"):
        own = lambda u, t: (np.abs(u - t), np.sign(u - t))
        Regressor(**made, loss=own).fit(X, np.arange(240.0), checkpoint=tmp_path / "own")
    with pytest.raises(InvalidValue, match="lbfgs remembers more than its steps"):
        Classifier(**made, optimizer="lbfgs").fit(X, y, checkpoint=tmp_path / "lbfgs")
    with pytest.raises(InvalidValue, match="to resume takes a checkpoint"):
        Classifier(**made).fit(X, y, resume=True)
    path.write_bytes(whole[:-1])
    with pytest.raises(ModelFileError, match="run.checkpoint: it is no checkpoint, or is cut"):
        Classifier(**made).fit(X, y, **kept)
