"""What it is."""

# It needs Python 3.11, torch and safetensors. In Python:
#
#     predict(rows)              labels or numbers, a list
#     predict_probability(rows)  of each class, a tensor (n, classes)
#     predict_quantiles(rows)    a tensor (n, levels)
#
# rows are dictionaries with the table's columns: numbers, texts, dates as datetime or as they are
# written in the table; None, "" or NaN where a value is missing. Without columns they are lists of
# numbers. On the command line it answers the rows of a CSV file:  python FILE new.csv

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

MODEL: dict[str, Any] = {}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {}
WEIGHTS = ""

MISSING = {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
           "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}  # in a CSV file  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Network(nn.Module):
    """Layers in a row."""

    def __init__(self, sizes: Sequence[int], activations: Sequence[str]) -> None:
        super().__init__()
        dtype = getattr(torch, MODEL["dtype"])
        self.layers = nn.ModuleList(nn.Linear(d, e, dtype=dtype) for d, e in pairwise(sizes))
        self.activations = activations

    def forward(self, x: Tensor) -> Tensor:
        """z_1 of rows (n, d): (n, k)."""
        for layer, phi in zip(self.layers, self.activations, strict=True):
            x = ACTIVATIONS[phi](layer(x))
        return x.sort(dim=1).values if MODEL["answer"] == "quantiles" else x


class Mean(nn.Module):
    """Several networks' outputs, each with its share."""

    def __init__(self) -> None:
        super().__init__()
        kinds = MODEL["networks"]
        self.networks = nn.ModuleList(Network(k["sizes"], k["activations"]) for k in kinds)
        self.load_state_dict(load_file(Path(__file__).with_name(WEIGHTS)))

    def forward(self, x: Tensor) -> Tensor:
        """Σ share · z_1 of rows (n, d): (n, k)."""
        each = zip(self.networks, MODEL["networks"], strict=True)
        return torch.stack([kind["share"] * network(x) for network, kind in each]).sum(dim=0)


def encode(rows: Sequence[Any]) -> Tensor:
    """What the networks take, (n, d)."""
    if MODEL["columns"] is None:
        x = torch.tensor(rows, dtype=torch.float64)
    else:
        blocks = []
        for column in MODEL["columns"]:
            encoder = {"text": texts, "date": dates}.get(column["kind"], numbers)
            blocks.append(encoder(column, [row[column["name"]] for row in rows]))
        x = torch.cat(blocks, dim=1)
    if not x.isfinite().all():
        raise ValueError("a number is not finite")
    return x.to(getattr(torch, MODEL["dtype"]))


def numbers(column: dict[str, Any], values: list[Any]) -> Tensor:
    """Numbers and booleans: filled, scaled, and where they lie between the edges of bins."""
    x = torch.tensor([number(value) for value in values], dtype=torch.float64)
    gaps = x.isnan()
    if column["kind"] == "boolean" and not (gaps | (x == 0) | (x == 1)).all():
        raise ValueError(f"column {column['name']!r} is true or false")
    x = x.where(~gaps, column["fill"])
    parts = {"value": [scaled(column, x)], "missing": [gaps.double()]}
    block = [part for output in column["outputs"] for part in parts[output]]
    for low, high in pairwise(column["edges"]):
        block.append(MODEL["rise"] * (((x - low) / (high - low)).clip(0, 1) - 0.5))
    return torch.stack(block, dim=1)


def texts(column: dict[str, Any], values: list[Any]) -> Tensor:
    """A column of 0 and 1 for each value, for others, and for gaps, as far as there is one."""
    known: list[str] = column["values"]
    others = len(known) if column["other"] else -1
    gap = len(known) + column["other"] if column["missing"] else others
    codes = {None: gap} | {value: code for code, value in enumerate(known)}
    code = torch.tensor([codes.get(spelt(value, codes), others) for value in values])
    count = len(known) + column["other"] + column["missing"]
    return (code[:, None] == torch.arange(count)).double()


def dates(column: dict[str, Any], values: list[Any]) -> Tensor:
    """Days, scaled; and the month, the weekday and the time as points of a circle."""
    moments = [moment(value, column["format"]) for value in values]
    day = timedelta(days=1)
    t = torch.tensor(
        [math.nan if m is None else (m - EPOCH) / day for m in moments], dtype=torch.float64
    )
    gaps = t.isnan()
    t = t.where(~gaps, column["fill"])
    filled = [EPOCH + timedelta(days=math.floor(days)) for days in t.tolist()]
    turns = {
        "month": torch.tensor([(d.month - 1) / 12 for d in filled], dtype=torch.float64),
        "weekday": torch.tensor([d.weekday() / 7 for d in filled], dtype=torch.float64),
        "time": t - t.floor(),
    }
    parts = {"value": [scaled(column, t)], "missing": [gaps.double()]}
    for name, turn in turns.items():
        parts[name] = [(2 * math.pi * turn).sin(), (2 * math.pi * turn).cos()]
    return torch.stack([part for output in column["outputs"] for part in parts[output]], dim=1)


def scaled(column: dict[str, Any], x: Tensor) -> Tensor:
    """(x − center) / spread, drawn smoothly into (−3, 3) where the column says so."""
    z = (x - column["center"]) / column["spread"]
    found: Tensor = z / (1 + (z / MODEL["limit"]) ** 2).sqrt() if column["smooth"] else z
    return found


def number(value: Any) -> float:
    """A number or a boolean, perhaps as text; NaN where it is missing."""
    if isinstance(value, str):
        truth = {"true": 1.0, "false": 0.0, "": math.nan}
        return truth[value.lower()] if value.lower() in truth else float(value)
    return math.nan if value is None else float(value)


def spelt(value: Any, known: dict[str | None, int]) -> str | None:
    """A text; whole numbers without a decimal point; None where it is missing."""
    if value is None or (value == "" and "" not in known) or value != value:
        return None
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**63
    return str(int(value)) if whole else str(value)


def moment(value: Any, format_: str) -> datetime | None:
    """A date in universal time; None where it is missing."""
    if value is None or value == "" or value != value:
        return None
    if isinstance(value, str):
        value = (
            datetime.fromisoformat(value)
            if format_ == "ISO8601"
            else datetime.strptime(value, format_)
        )
    if not isinstance(value, datetime):
        value = datetime.combine(value, time()) if isinstance(value, date) else value
    found: datetime = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return found


@torch.no_grad()
def outputs(rows: Sequence[Any]) -> Tensor:
    """What the networks give, in the unit of the target, (n, k)."""
    z = model(encode(rows))
    if not z.isfinite().all():
        raise ValueError("a row leads to numbers that are not finite")
    found: Tensor = z if MODEL["mean"] is None else z.double() * MODEL["spread"] + MODEL["mean"]
    return found


def predict(rows: Sequence[Any]) -> list[Any]:
    """Labels, or numbers; of quantiles the one nearest to the median."""
    if MODEL["answer"] == "classes":
        return [MODEL["classes"][c] for c in predict_probability(rows).argmax(dim=1).tolist()]
    z = outputs(rows)
    if MODEL["answer"] == "questions":
        z = (z > 0.5).long()
    if MODEL["answer"] == "quantiles":
        z = z[:, [MODEL["middle"]]]
    found: list[Any] = (z[:, 0] if z.shape[1] == 1 else z).tolist()
    return found


def predict_probability(rows: Sequence[Any]) -> Tensor:
    """The probability of each class, (n, classes)."""
    if MODEL["answer"] not in ("classes", "questions"):
        raise ValueError("it predicts numbers, not classes")
    p = outputs(rows)
    binary = MODEL["answer"] == "classes" and p.shape[1] == 1
    return torch.cat([1 - p, p], dim=1) if binary else p


def predict_quantiles(rows: Sequence[Any]) -> Tensor:
    """The quantiles at each level, (n, levels)."""
    if MODEL["answer"] != "quantiles":
        raise ValueError("it predicts no quantiles")
    return outputs(rows)


def main(path: str) -> None:
    """Answer the rows of a CSV file."""
    missing = MISSING | set(MODEL["na"])
    with open(path, encoding="utf-8-sig", newline="") as file:
        if MODEL["columns"] is None:
            _, *lines = csv.reader(file)
            rows: list[Any] = [[float(value) for value in line] for line in lines]
        else:
            rows = [
                {name: None if value in missing else value for name, value in row.items()}
                for row in csv.DictReader(file, skipinitialspace=True)
            ]
    columns = [f"probability:{label}" for label in MODEL["classes"]]
    columns += [f"quantile:{level:g}" for level in MODEL["levels"]]
    more: list[list[float]] = [[]] * len(rows)
    if columns:
        said = predict_quantiles(rows) if MODEL["levels"] else predict_probability(rows)
        more = said.tolist()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["prediction", *columns])
    for prediction, numbers_ in zip(predict(rows), more, strict=True):
        answers = prediction if isinstance(prediction, list) else [prediction]
        writer.writerow([*answers, *numbers_])


model: Any = Mean().eval() if WEIGHTS else None

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} new.csv")
    main(sys.argv[1])
