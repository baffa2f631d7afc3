"""TensorBoard and MLflow, read back from what the real packages wrote."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule.errors import InvalidValue, MissingExtra

X = np.random.default_rng(0).normal(size=(60, 2))
y = X[:, 0] > 0


def trained(callback: Any, **settings: Any) -> chainrule.Result:
    network = chainrule.Network.of_sizes([2, 3, 1], output="logistic", seed=0)
    return chainrule.train(
        network, X, y, **{"epochs": 6, "validation": 0.25, "callbacks": [callback], **settings}
    )


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with chainrule.TensorBoard(tmp_path) as board:
        result = trained(board)
    found = EventAccumulator(str(tmp_path)).Reload()
    assert sorted(found.Tags()["scalars"]) == ["learning_rate", "loss", "validation_loss"]
    for name in ("loss", "validation_loss"):
        scalars = found.Scalars(name)
        assert [each.step for each in scalars] == result.history.epoch
        written = [each.value for each in scalars]  # TensorBoard has float32
        assert written == pytest.approx(getattr(result.history, name), rel=1e-6)
    (text,) = found.Tensors("plan/text_summary")
    assert b"layer_sizes          2, 3, 1\n" in text.tensor_proto.string_val[0]


def test_tensorboard_has_every_epoch_of_a_training_that_was_not_closed(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = chainrule.TensorBoard(tmp_path, every=2)
    trained(board, validation=None)
    found = EventAccumulator(str(tmp_path)).Reload()
    assert [each.step for each in found.Scalars("loss")] == [2, 4, 6]
    assert "validation_loss" not in found.Tags()["scalars"]
    board.__exit__()


@pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy"
)  # MLflow asks SQLAlchemy for it
def test_mlflow_has_what_was_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    client = mlflow.MlflowClient()
    with chainrule.MLflow() as tracked:
        result = trained(tracked)
    own = mlflow.last_active_run()
    assert mlflow.active_run() is None
    assert (own.info.status, own.data.params["layer_sizes"]) == ("FINISHED", "2, 3, 1")
    for name in ("loss", "validation_loss", "learning_rate"):
        history = client.get_metric_history(own.info.run_id, name)
        assert [each.step for each in history] == result.history.epoch
        assert [each.value for each in history] == getattr(result.history, name)
    with mlflow.start_run() as outer:
        with chainrule.MLflow(every=3) as tracked:
            trained(tracked, validation=None)
        assert mlflow.active_run().info.run_id == outer.info.run_id
    history = client.get_metric_history(outer.info.run_id, "loss")
    assert [each.step for each in history] == [3, 6]

    def fail(event: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), chainrule.MLflow() as tracked:
        trained(tracked, callbacks=[tracked, fail])
    assert mlflow.last_active_run().info.status == "FAILED"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'chainrule\[tensorboard\]'"):
        chainrule.TensorBoard(tmp_path)
    with pytest.raises(MissingExtra, match=r"pip install 'chainrule\[mlflow\]'"):
        chainrule.MLflow()
    with pytest.raises(InvalidValue, match="every is a number of epochs"):
        chainrule.MLflow(every=0)
