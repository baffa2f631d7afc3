"""Models as C: what the compiled file says is what the model says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from benchmarks.answers import answers
from tests.export.driving import STRICT, columns_of, compiled, program, ran, word
from tests.export.subjects import KINDS, agree, encoder_alone, hostile_model

from chainrule import ACTIVATIONS, Layer, Model, Network, Plan
from chainrule.arrays import DType
from chainrule.errors import InvalidValue
from chainrule.export import to_c
from chainrule.export.c.words import members
from chainrule.tables import Encoder, Table, TargetEncoder
from chainrule.tables.features import Category, Date, Number
from chainrule.tables.scaling import Scale

SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def named(model: Model, printed: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.object_]]:
    """What the program printed, by the names of the answers."""
    result, answer = printed[:, 0].astype(int), printed[:, 1:]
    assert (result >= 0).all()
    if model.task == "classification":
        assert model.target is not None
        return {"label": model.target.decode(result), "probabilities": answer}
    if model.levels:
        return {"prediction": answer[:, model.middle], "quantiles": answer}
    return {"prediction": answer[:, 0]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_with_everything_in_it(kind: str, tmp_path: Path) -> None:
    model, new = hostile_model(kind)
    source = tmp_path / "model.c"
    to_c(model, source)
    built = compiled(source, program(source, columns_of(model, new)))
    assert agree(model, named(model, ran(built)), answers(model, new)) < 1e-6


def test_the_encoding_number_by_number(tmp_path: Path) -> None:
    """Every column of x as the encoder makes it, but for the last bits of sines and cosines."""
    model, new = encoder_alone("float64")
    to_c(model, tmp_path / "model.c")
    main = program(tmp_path / "model.c", columns_of(model, new))
    x = ran(compiled(tmp_path / "model.c", main))[:, 1:]
    assert model.encoder is not None
    assert np.allclose(x, model.encoder.transform(new, "float64"), rtol=1e-15, atol=1e-12)


@pytest.mark.parametrize("kind", ["three", "quantiles"])
def test_the_sanitizers_find_nothing(kind: str, tmp_path: Path) -> None:
    model, new = hostile_model(kind)
    source = tmp_path / "model.c"
    to_c(model, source)
    main = program(source, columns_of(model, new.take(np.arange(50))))
    printed = ran(compiled(source, main, *SANITIZED))
    assert agree(model, named(model, printed), answers(model, new.take(np.arange(50)))) < 1e-6


@pytest.mark.parametrize("compiler", [name for name in ("gcc", "clang") if shutil.which(name)])
def test_no_compiler_warns(compiler: str, tmp_path: Path) -> None:
    for kind in ("three", "quantiles"):
        to_c(hostile_model(kind)[0], tmp_path / f"{kind}.c")
        command = [compiler, *STRICT, "-O2", "-c", f"{kind}.c"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_names_that_c_does_not_like(tmp_path: Path) -> None:
    """The labels come back byte for byte, and comments end where they should."""
    model, _ = hostile_model("three")
    source = tmp_path / "switch.c"
    to_c(model, source)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "switch.c"\nint main(void)\n{\n    struct switch_row row = {0};\n'
        "    row.age_in_years = row.int_ = row.column_6 = row.size_11 = 1;\n"
        "    for (int i = 0; i < SWITCH_ANSWERS; ++i)\n        fputs(switch_labels[i], stdout);\n    return row.int_ != 1;\n}\n"
    )
    subprocess.run(["gcc", *STRICT, "main.c", "-lm", "-o", "it"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "it"], capture_output=True, check=True).stdout
    assert printed.decode() == "".join(map(str, model.classes))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_activation_in_one_program(dtype: DType, tmp_path: Path) -> None:
    """Networks alone, whose files stand side by side: what the reference gives."""
    X = np.random.default_rng(0).normal(0, 8, (40, 3)).astype(dtype)
    rows = ",\n".join("{" + ", ".join(map(word, row)) + "}" for row in X.tolist())
    main = f"#include <stdio.h>\nstatic const double rows[][3] = {{{rows}}};\n"
    calls, true = "", []
    for name in ACTIVATIONS:
        hidden = "tanh" if name in ("softmax", "exponential") else name
        network = Network.of_sizes([3, 5, 4, 3], hidden, name, seed=1, dtype=dtype)
        to_c(network, tmp_path / f"{name}.c")
        true.append(network.astype("float64")(X))
        main += f'#include "{name}.c"\n'
        calls += f'        printf("%d", {name}_predict(rows[i], z));\n        for (int j = 0; j < 3; ++j)\n'
        calls += '            printf(" %.17g", z[j]);\n        printf("\\n");\n'
    main += f"int main(void)\n{{\n    double z[3];\n    for (int i = 0; i < 40; ++i) {{\n{calls}    }}\n    return 0;\n}}\n"
    printed = ran(compiled(tmp_path / "main.c", main))
    assert (printed[:, 0] == 0).all()
    said = printed[:, 1:].reshape(40, len(ACTIVATIONS), 3).swapaxes(0, 1)
    assert np.allclose(said, np.stack(true), rtol=2e-6, atol=1e-6 if dtype == "float32" else 1e-14)


def test_what_is_refused_and_days(tmp_path: Path) -> None:
    """−1 for infinite numbers and for booleans that are none; days as NumPy counts them."""
    model, _ = hostile_model("booleans")
    source = tmp_path / "model.c"
    to_c(model, source)
    when = np.array(["1600-03-01", "1970-01-01", "2000-02-29", "2024-12-31", "1899-12-31"], "M8[D]")
    dates = (
        ", ".join("{" + ", ".join(f"{day}".split("-")) + "}" for day in when)
        .replace("{0", "{")
        .replace(", 0", ", ")
    )
    main = f"""#include <stdio.h>
#include "model.c"
int main(void)
{{
    struct model_row row = {{0}};
    const int dates[][3] = {{{dates}}};
    double answer[2];
    printf("%d\\n", model_predict(&row, answer) < 0);
    row.whether = 0.5;
    printf("%d\\n", model_predict(&row, answer));
    row.whether = 1;
    row.year = INFINITY;
    printf("%d\\n", model_predict(&row, answer));
    for (int i = 0; i < {len(when)}; ++i)
        printf("%.17g\\n", model_days(dates[i][0], dates[i][1], dates[i][2]));
    return 0;
}}
"""
    printed = ran(compiled(tmp_path / "main.c", main))[:, 0].tolist()
    assert printed == [0, -1, -1, *when.astype(int).tolist()]


@pytest.mark.parametrize(
    "columns",
    [
        (Number("n", "number", Scale(2.0, 1.0, 2.0), ("missing",)),),
        (Number("b", "boolean", Scale(0.0, 1.0, 1.0), ("missing",)),),
        (Date("d", "ISO8601", Scale(0.0, 1.0, 0.0), ("missing", "time")),),
        (Category("t", (), other=True, missing=True),),
    ],
)
def test_columns_of_which_little_is_used(columns: tuple[Any, ...], tmp_path: Path) -> None:
    """No function and no variable is left over, which a compiler would warn of."""
    (column,) = columns
    network = Network([Layer(np.eye(len(column.names)), np.zeros(len(column.names)))])
    model = Model(network, Plan.of(network, "squared_error"), Encoder(columns))
    texts = np.array(["a", None], object)
    times = np.array(["2024-02-29T06:00", "NaT"], "M8[us]")
    given = {
        "number": np.array([2, np.nan]),
        "boolean": np.array([1, np.nan]),
        "date": times,
        "text": texts,
    }
    table = Table({column.name: given[column.kind]})
    to_c(model, tmp_path / "model.c")
    printed = ran(
        compiled(tmp_path / "model.c", program(tmp_path / "model.c", columns_of(model, table)))
    )
    true = model.predict(table).reshape(2, -1)
    assert (printed[:, 0] == 0).all() and np.allclose(printed[:, 1:], true, atol=1e-15)


def test_what_c_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="C takes no text with a zero in it: 'a.x00b'"):
        to_c(_labelled("a\0b", "c"), tmp_path / "it.c")
    with pytest.raises(InvalidValue, match="C has no type for the class 1000000000000000000000"):
        to_c(_labelled(1, 10**21), tmp_path / "it.c")
    assert not (tmp_path / "it.c").exists()


def _labelled(*labels: str | int) -> Model:
    network = Network.of_sizes([2, 1], output="logistic")
    plan = Plan.of(network, "binary_cross_entropy")
    return Model(network, plan, target=TargetEncoder("y", "classification", labels))


def test_members_are_words_and_differ() -> None:
    names = [
        "a b",
        "a_b",
        "A-B",
        "2nd",
        "",
        "☃",
        "while",
        "linux",
        "naïve",
        "column_6",
        "x" * 90,
        "x" * 80,
    ]
    words = members(names)
    assert words == [
        "a_b", "a_b_2", "a_b_3", "column_2nd", "column_5", "column_6", "while_", "linux_", "naive",
        "column_6_10", "x" * 40, "x" * 40 + "_12",
    ]  # fmt: skip
