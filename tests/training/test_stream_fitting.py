"""From Parquet files of any size to a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.errors import DataError, EngineError, InvalidValue, MissingFile, UnknownName
from chainrule.tables import read_table
from chainrule.training.checkpoints import Checkpoint
from chainrule.training.fitting import Fit, Settings, fit_table
from chainrule.training.loop import Loop
from chainrule.training.stream_fitting import fit_stream
from chainrule.training.trainer import TrainingDiverged

ROWS = 600
FIXED: dict[str, Any] = {
    "hidden": (8, 5), "activation": "tanh", "optimizer": "adam", "epochs": 6, "seed": 2,
    "dtype": "float64", "patience": 0, "engine": "torch",
}  # fmt: skip


def frame() -> pd.DataFrame:
    """Numbers, a text with gaps, and classes, some of which are missing."""
    rng = np.random.default_rng(0)
    x, town = rng.normal(size=(2, ROWS)), rng.choice(np.array(["Bonn", "Ulm", None]), ROWS)
    kind = np.where(x[0] + (town == "Ulm") > x[1], "yes", "no").astype(object)
    kind[::50] = None
    return pd.DataFrame({"a": x[0], "town": town, "b": 100 * x[1], "kind": kind})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "parts"
    made.mkdir()
    whole = frame()
    parts = [whole[:150], whole[150:390], whole[390:]]
    for number, part in enumerate(parts):
        part.to_parquet(made / f"{number}.parquet", row_group_size=64, index=False)
    return made


def parameters(fit: Fit) -> list[Any]:
    return [part for layer in fit.result.network.layers for part in (layer.W, layer.b)]


def test_all_rows_at_each_step_is_the_training_of_the_table(folder: Path, tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "all.parquet")
    settings = Settings(**FIXED, batch_size=ROWS, validation=0.0)
    streamed = fit_stream(str(folder), "kind", settings)
    table = fit_table(read_table(str(tmp_path / "all.parquet")), "kind", settings)
    for got, want in zip(parameters(streamed), parameters(table), strict=True):
        assert np.abs(got - want).max() < 1e-12
    assert streamed.result.history.loss == pytest.approx(table.result.history.loss, rel=1e-12)
    assert (streamed.rows, streamed.dropped) == (table.rows, table.dropped) == (588, 12)
    assert streamed.result.steps == 6
    X = read_table(str(folder / "1.parquet"))
    assert np.allclose(
        streamed.model.predict_probability(X), table.model.predict_probability(X), atol=1e-12
    )


def test_batches_learn_and_are_validated_on_rows_of_their_own(folder: Path) -> None:
    settings = Settings(**FIXED | {"epochs": 30}, batch_size=16, dropout=0.1)
    fit = fit_stream(str(folder), "kind", settings)
    assert 0.12 < fit.validated / 588 < 0.28
    assert fit.model.history["rows"] == 588 - fit.validated
    assert fit.scores["accuracy"] > 0.9 > 0.75 > fit.baseline["accuracy"]
    assert fit.result.engine_reason == "files are read along the training"


def test_it_goes_on_from_a_checkpoint_bit_for_bit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {**FIXED, "batch_size": 16, "dropout": 0.2, "patience": 4}
    straight = fit_stream(str(folder), "kind", Settings(**settings))
    kept = {"checkpoint": Checkpoint(tmp_path / "run.checkpoint", "1epoch"), "resume": True}

    def after(loop: Loop, loss: float, rate: float) -> bool:
        return whole(loop, loss, rate) or len(loop.history) == 3

    whole = Loop._after
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_after", after)
        begun = fit_stream(str(folder), "kind", Settings(**settings, **kept))
    assert begun.result.epochs == 3
    resumed = fit_stream(str(folder), "kind", Settings(**settings, **kept))
    assert resumed.result.epochs == straight.result.epochs > 3
    for got, want in zip(parameters(resumed), parameters(straight), strict=True):
        assert got.tobytes() == want.tobytes()
    frame()[:100].to_parquet(folder / "9.parquet")
    with pytest.raises(InvalidValue, match=r"files was 600 × 4, digest \w+, is 700 × 4, digest"):
        fit_stream(str(folder), "kind", Settings(**settings, **kept))


def test_numbers_are_learned_in_several_files_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for part in range(3):
        x = rng.normal(size=(400, 3))
        y = 50 + 20 * x[:, 0] - 10 * x[:, 1]
        table = pd.DataFrame(x, columns=["a", "b", "c"]).assign(y=y)
        table.to_parquet(tmp_path / f"{part}.parquet", row_group_size=100)
    fit = fit_stream(str(tmp_path / "*.parquet"), settings=Settings(epochs=40))
    assert fit.scores["r2"] > 0.98
    assert fit.model.task == "regression"


def test_what_cannot_be_done(folder: Path, tmp_path: Path) -> None:
    data = str(folder)
    with pytest.raises(EngineError, match="by engine='torch', not 'native'"):
        fit_stream(data, "kind", Settings(engine="native"))
    with pytest.raises(InvalidValue, match="lbfgs takes all rows at every step"):
        fit_stream(data, "kind", Settings(optimizer="lbfgs"))
    with pytest.raises(UnknownName, match=r"'kinds'; did you mean 'kind'"):
        fit_stream(data, "kinds")
    with pytest.raises(InvalidValue, match="to resume takes a checkpoint"):
        fit_stream(data, "kind", Settings(resume=True))
    with pytest.raises(MissingFile, match=r"there are no Parquet files .*nothing\*"):
        fit_stream(f"{tmp_path}/nothing*")
    (folder / "3.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"3\.parquet is a damaged Parquet file"):
        fit_stream(data, "kind")


def test_a_divergence_says_where(folder: Path) -> None:
    settings = Settings(**FIXED | {"optimizer": "sgd", "activation": "relu"}, learning_rate=1e9)
    with pytest.raises(
        TrainingDiverged, match="Try a smaller learning rate .it was 1e.09"
    ) as caught:
        fit_stream(str(folder), "b", settings)
    assert caught.value.epoch >= 1
    assert all(np.isfinite(part).all() for layer in caught.value.result.network.layers for part in (layer.W, layer.b))  # fmt: skip
