"""The model file: there and back, older and newer ones, and whatever else a file may hold."""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainrule
from chainrule import Layer, Network, Plan, load, save
from chainrule.errors import ChainruleError, InvalidValue, MissingFile, ModelFileError
from chainrule.storage import Model, Trained, document
from chainrule.tables import Encoder, Table, TargetEncoder

Json = dict[str, Any]


def flowers() -> Table:
    return Table(
        {
            "length": np.array([0.1, 0.7, np.nan, 1 / 3]),
            "colour": np.array(["röt", "blue", "blue", None], dtype=object),
            "seen": np.array(["2024-01-02", "2024-03-09", "2025-07-01", None], dtype="M8[us]"),
            "wild": np.array([True, False, True, True]),
        }
    )


def made(dtype: str = "float32") -> Model:
    encoder = Encoder.fit(flowers())
    network = Network.of_sizes([encoder.width, 3, 1], output="logistic", dtype=dtype, seed=7)
    return Model(
        network,
        Plan.of(network, "binary_cross_entropy", dropout=0.1, seed=2**64 - 1),
        encoder,
        TargetEncoder("kind", "classification", ("a\n", "ж")),
        {"epochs": 50, "loss": 0.1 + 0.2, "validation": {"accuracy": 1 / 3}, "stop": None},
        {"name": "native", "isa": "avx2", "threads": 1},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a file of the model holds."""
    path = tmp_path_factory.mktemp("whole") / "model"
    save(made(), path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, whole: bytes) -> Path:
    """A file of the model."""
    target = tmp_path / "model.safetensors"
    target.write_bytes(whole)
    return target


def header_of(data: bytes) -> Json:
    (length,) = struct.unpack("<Q", data[:8])
    return dict(json.loads(data[8 : 8 + length]))


def with_header(data: bytes, change: Callable[[Json], Any]) -> bytes:
    (length,) = struct.unpack("<Q", data[:8])
    header = header_of(data)
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def with_text(data: bytes, text: str) -> bytes:
    """The file with another description."""
    return with_header(data, lambda header: header.update(__metadata__={"chainrule": text}))


def with_document(data: bytes, change: Callable[[Json], Any]) -> bytes:
    """The file with its description changed on purpose: its checksum is right, unless changed."""
    described = json.loads(header_of(data)["__metadata__"]["chainrule"])
    before = described["checksum"]
    change(described)
    if described.get("checksum") == before:
        described["checksum"] = document.checksum(described, safetensors.numpy.load(data))
    return with_text(data, json.dumps(described))


def words(path: Path, error: ModelFileError) -> str:
    """What is said of the file: one line, not too long, after its name."""
    text = str(error)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text and len(text) < 500
    return text.removeprefix(f"{path}: ")


def refusal(path: Path, data: bytes) -> str:
    """What is said of a file with these bytes."""
    path.write_bytes(data)
    with pytest.raises(ModelFileError) as raised:
        load(path)
    return words(path, raised.value)


def loaded(path: Path, data: bytes) -> Model | None:
    """The model in a file with these bytes, or None if it is refused, in words."""
    path.write_bytes(data)
    try:
        return load(path)
    except ModelFileError as error:
        words(path, error)
        return None


@contextlib.contextmanager
def memory_below(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


# There and back


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_there_and_back_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    model, path = made(dtype), tmp_path / "m.safetensors"
    model.network.layers[0].b[0] = -0.0
    save(model, path)
    back = load(path)
    assert back == model
    for one, other in zip(back.network.layers, model.network.layers, strict=True):
        assert one.W.dtype == other.W.dtype == dtype
        assert one.W.tobytes() == other.W.tobytes()
        assert one.b.tobytes() == other.b.tobytes()
        assert one.activation is other.activation
    assert (back.plan, back.encoder, back.target) == (model.plan, model.encoder, model.target)
    assert (back.history, back.engine) == (model.history, model.engine)
    assert back.version == chainrule.__version__
    rows = flowers()
    assert back.predict(rows).tolist() == model.predict(rows).tolist()
    assert back.predict_probability(rows).tobytes() == model.predict_probability(rows).tobytes()


def test_numbers_in_their_own_unit_there_and_back(tmp_path: Path) -> None:
    network = Network([Layer(np.array([[2.0]]), np.array([0.5]))])
    target = TargetEncoder("price", "regression", (), mean=1e9 / 3, spread=0.1)
    encoder = Encoder.fit(Table({"x": np.array([1.0, 3.0])}))
    save(Model(network, Plan.of(network, "huber"), encoder, target), tmp_path / "m")
    back = load(tmp_path / "m")
    assert back.target == target
    assert back.predict({"x": [2.0, 3.0]}).tolist() == [0.5 * 0.1 + 1e9 / 3, 2.5 * 0.1 + 1e9 / 3]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_alone_there_and_back(tmp_path: Path, dtype: str) -> None:
    network = Network.of_sizes([3, 5, 4], activation="gelu", output="softmax", dtype=dtype)
    save(network, tmp_path / "n")
    back = load(tmp_path / "n")
    X = np.random.default_rng(1).normal(size=(9, 3))
    assert (back.encoder, back.target) == (None, None)
    assert back == Model.of(network)
    np.testing.assert_array_equal(back.network(X), network(X))
    assert back.predict(X).tolist() == network(X).argmax(axis=1).tolist()


def test_a_table_of_text_alone_has_no_numbers_to_keep(tmp_path: Path) -> None:
    encoder = Encoder.fit(Table({"c": np.array(["a", "b", "a", "b"], dtype=object)}))
    network = Network.of_sizes([encoder.width, 1], output="logistic")
    model = Model(network, Plan.of(network, "binary_cross_entropy"), encoder)
    save(model, tmp_path / "m")
    assert load(tmp_path / "m") == model


def test_the_same_model_makes_the_same_file(path: Path) -> None:
    before = path.read_bytes()
    save(load(path), path)
    assert path.read_bytes() == before


def test_others_can_read_the_arrays(path: Path) -> None:
    arrays, model = safetensors.numpy.load_file(path), made()
    assert sorted(arrays) == [
        *("W_1", "W_2", "b_1", "b_2"),
        *("encoder.center", "encoder.fill", "encoder.spread"),
    ]
    np.testing.assert_array_equal(arrays["W_1"], model.network.layer(1).W)
    assert arrays["W_2"].shape == (model.plan.layer_sizes[0], 3)


def test_what_is_loaded_can_be_trained_on(path: Path) -> None:
    model = load(path)
    X = np.random.default_rng(0).normal(size=(20, model.plan.layer_sizes[0]))
    before = model.predict_probability(flowers())
    chainrule.train(model.network, X, np.arange(20) % 2, epochs=3, optimizer="sgd")
    assert np.abs(model.predict_probability(flowers()) - before).max() > 1e-4


# Writing


def test_a_write_that_fails_leaves_the_old_file(path: Path, monkeypatch: Any) -> None:
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match=r"cannot be written \(No space left on device\)"):
        save(made("float64"), path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_models_that_could_not_be_loaded_are_not_written(path: Path) -> None:
    before, model = path.read_bytes(), made()
    model.network.layer(2).W[0, 0] = np.inf
    with pytest.raises(InvalidValue, match="W_2 holds numbers that are not finite"):
        save(model, path)
    model = made()
    model.network = Network.of_sizes([2, 1])
    with pytest.raises(ChainruleError, match=r"the network has sizes \(2, 1\), the plan"):
        save(model, path)
    with pytest.raises(MissingFile, match="there is no folder"):
        save(made(), path.parent / "nowhere" / "m")
    with pytest.raises(InvalidValue, match="it is a folder or a device"):
        save(made(), path.parent)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_summary_changed_later_is_written_as_json_has_it(path: Path) -> None:
    model = made()
    model.history["loss"] = float("nan")
    save(model, path)
    assert load(path).history["loss"] is None


# Several networks


def several() -> Model:
    """One network as `made`, with two others of other layers."""
    model = made()
    width = model.plan.layer_sizes[0]
    others = [
        Network.of_sizes([width, *hidden, 1], activation, output="logistic", seed=seed)
        for seed, (hidden, activation) in enumerate([((), "relu"), ((4, 2), "silu")])
    ]
    plans = [Plan.of(other, "binary_cross_entropy", seed=9) for other in others]
    return replace(
        model,
        share=0.5,
        others=tuple(Trained(o, plan, 0.25) for o, plan in zip(others, plans, strict=True)),
    )


def test_several_networks_there_and_back(tmp_path: Path) -> None:
    model, path = several(), tmp_path / "several"
    save(model, path)
    found = load(path)
    assert found == model
    assert [member.plan.layer_sizes[1:] for member in found.members] == [(3, 1), (1,), (4, 2, 1)]
    table = flowers()
    assert np.array_equal(found.predict_probability(table), model.predict_probability(table))


def test_networks_that_the_file_does_not_describe(tmp_path: Path) -> None:
    path = tmp_path / "several"
    save(several(), path)
    data = path.read_bytes()
    for change, text in (
        (lambda d: d["others"].pop(), "it has an array that does not belong there: '3.W_1'"),
        (lambda d: d["others"][0].pop("share"), "an entry of 'others' in its description is no"),
        (lambda d: d["others"].append(3), "an entry of 'others' in its description is no plan"),
        (lambda d: d.update(others={}), "'others' in its description is not a list"),
        (lambda d: d.update(share=1), "'share' in its description is not a number"),
        (lambda d: d["others"][1].update(share=0.75), "networks add up to 1, got 1.5"),
        (lambda d: d["others"][1]["plan"].update(loss="?"), "no loss is called '?'"),
    ):
        assert text in refusal(path, with_document(data, change))


# Older and newer


def as_version_1(data: bytes) -> bytes:
    def older(described: Json) -> None:
        described["format_version"] = 1
        del described["share"], described["others"]

    return with_document(data, older)


def as_version_0(data: bytes) -> bytes:
    def older(described: Json) -> None:
        described["format_version"] = 0
        described["plan"]["sizes"] = described["plan"].pop("layer_sizes")
        del described["history"]

    return with_document(as_version_1(data), older)


def test_a_file_of_version_1_holds_one_network(path: Path) -> None:
    model = load(path)
    path.write_bytes(as_version_1(path.read_bytes()))
    assert load(path) == model
    assert len(load(path).members) == 1


def test_a_file_of_version_0_is_upgraded(path: Path) -> None:
    model = load(path)
    path.write_bytes(as_version_0(path.read_bytes()))
    assert load(path) == replace(model, history={})
    save(load(path), path)
    described = json.loads(header_of(path.read_bytes())["__metadata__"]["chainrule"])
    assert described["format_version"] == document.VERSION
    assert described["plan"]["layer_sizes"] == list(model.plan.layer_sizes)


# A network 2-2-1 as version 0 wrote it; these bytes are never to change.
VERSION_0 = (
    bytes.fromhex("2803000000000000")
    + rb"""{"__metadata__": {"chainrule": "{\"format\": \"chainrule\", \"format_version\": 0, \"library_version\": \"0.1.0\", \"plan\": {\"activations\": [\"relu\", \"logistic\"], \"loss\": \"binary_cross_entropy\", \"optimizer\": {\"name\": \"adam\", \"learning_rate\": 0.001, \"beta1\": 0.9, \"beta2\": 0.999, \"epsilon\": 1e-08, \"weight_decay\": 0.0}, \"dropout\": [0.0], \"batch_size\": 32, \"dtype\": \"float32\", \"seed\": 0, \"shuffle\": true, \"sizes\": [2, 2, 1]}, \"encoder\": null, \"target\": null, \"engine\": {}, \"checksum\": 1103095811}"}, "W_1": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}, "W_2": {"dtype": "F32", "shape": [2, 2], "data_offsets": [8, 24]}, "b_1": {"dtype": "F32", "shape": [1], "data_offsets": [24, 28]}, "b_2": {"dtype": "F32", "shape": [2], "data_offsets": [28, 36]}}"""
    + bytes.fromhex("00004040000080c0 0000803f000000c00000003f00000000 0000003f 0000803e000080bf")
)


def test_a_file_from_the_days_of_version_0(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(VERSION_0)
    model = load(tmp_path / "old")
    assert model.plan.layer_sizes == (2, 2, 1)
    assert model.plan.activations == ("relu", "logistic")
    assert (model.history, model.engine, model.version) == ({}, {}, "0.1.0")
    assert model.network.layer(2).W.tolist() == [[1, -2], [0.5, 0]]
    assert model.network.layer(2).b.tolist() == [0.25, -1]
    assert model.network.layer(1).W.tolist() == [[3], [-4]]
    assert model.network.layer(1).b.tolist() == [0.5]


def test_version_0_needs_its_own_keys(path: Path) -> None:
    old = as_version_0(path.read_bytes())
    text = refusal(path, with_document(old, lambda d: d["plan"].pop("sizes")))
    assert text == "the plan in its description lacks 'sizes'"
    text = refusal(path, with_document(old, lambda d: d.pop("plan")))
    assert text == "its description lacks 'plan'"
    text = refusal(path, with_document(old, lambda d: d.update(plan=[])))
    assert text == "'plan' in its description is not an object"


def test_a_newer_version_is_refused_with_what_to_do(path: Path) -> None:
    newer = with_document(path.read_bytes(), lambda d: d.update(format_version=7, plan="?", new=1))
    assert refusal(path, newer) == (
        f"it is of format version 7; chainrule {chainrule.__version__} reads versions up to 2: "
        "a newer chainrule is needed"
    )


# Whatever else


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"there is no model file .*no\.safetensors"):
        load(tmp_path / "no.safetensors")


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", os.devnull):
        with pytest.raises(ModelFileError, match="it is a folder or a device, not a file"):
            load(path)


def test_a_file_that_may_not_be_read(path: Path, monkeypatch: Any) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refused)
    monkeypatch.setattr(os.path, "exists", lambda _: True)
    with pytest.raises(ModelFileError, match=r"it cannot be read \(Permission denied\)"):
        load(path)


def test_cut_short_at_every_length(path: Path) -> None:
    data = path.read_bytes()
    texts = [refusal(path, data[:length]) for length in range(len(data))]
    assert texts[0] == "it is empty"
    assert set(texts[1:9]) == {"it is no model file: it does not begin as a safetensors file does"}
    for text in texts[9:]:
        assert text.startswith("it is cut short or damaged")


def test_longer_than_it_says(path: Path) -> None:
    assert "cut short or damaged" in refusal(path, path.read_bytes() + b"\0")


@pytest.mark.parametrize("flip", [0x01, 0xFF])
def test_every_byte_changed(path: Path, flip: int) -> None:
    """Changed bytes are refused, but for a few that mean the same, as another blank would."""
    data, model, same = path.read_bytes(), load(path), 0
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= flip
        found = loaded(path, bytes(changed))
        if found is not None:
            assert found == model
            same += 1
    assert same < 0.02 * len(data)


def test_a_changed_number_is_found(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    assert refusal(path, bytes(data)) == ("it is damaged: its checksum is not that of its content")


FOREIGN = {
    "nothing": b"",
    "zeros": bytes(100),
    "a zip archive": b"PK\x03\x04" + bytes(100),
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00" + bytes(100),
    "a table": b"a,b\n1,2\n" * 20,
    "an empty header": struct.pack("<Q", 2) + b"{}",
    "a header of a terabyte": struct.pack("<Q", 1 << 40) + b"{" + b" " * 100,
    "a header of 2**64 bytes": struct.pack("<Q", (1 << 64) - 1) + b"{}",
    "deep lists": struct.pack("<Q", 20_005) + b'{"a":' + b"[" * 20_000,
    "deep objects": struct.pack("<Q", 50_000) + b'{"a":' * 10_000,
    "no text": struct.pack("<Q", 9) + b'{"\xff\xfe":1}',
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_files_of_other_kinds(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_bytes(FOREIGN[kind])
    with memory_below(1 << 20), pytest.raises(ModelFileError, match="it is"):
        load(tmp_path / "file")


def test_a_header_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(struct.pack("<Q", 1 << 30) + b"{")
    os.truncate(path, 9 + (1 << 30))  # without taking room on the disk
    with memory_below(1 << 20), pytest.raises(ModelFileError, match="it is cut short or damaged"):
        load(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": "chainrule"}])
def test_a_foreign_safetensors_file(path: Path, metadata: dict[str, str] | None) -> None:
    data = safetensors.numpy.save({"weight": np.zeros((2, 2), np.float32)}, metadata)
    assert refusal(path, data) == ("it is a safetensors file, but its metadata have no 'chainrule'")


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "{}", '"x"', "{", "NaN", '{"plan": -Infinity}', "1e999"),
        *("[" * 100_000, '{"plan": ' * 100_000, '{"plan": ' + "9" * 5000 + "}"),
        '{"format": "chainrule"}',
        '{"format": "chainrule", "format_version": "1"}',
        '{"format": "chainrule", "format_version": true}',
        '{"format": "chainrule", "format_version": -1}',
        '{"format": "chainrule", "format_version": 1' + "0" * 4000 + "}",
        '{"format": "chainrule", "format_version": 0}',
        '{"format": "chainrule", "format_version": 1, "history": ' + "[" * 900 + "]" * 900 + "}",
    ],
    ids=lambda text: text[:20],
)
def test_a_description_that_is_none(path: Path, text: str) -> None:
    words = refusal(path, with_text(path.read_bytes(), text))
    assert "description" in words or "format" in words


def test_huge_shapes_are_refused_before_anything_is_allocated(path: Path) -> None:
    data = path.read_bytes()
    width = load(path).plan.layer_sizes[0]
    hostile = [
        *(
            with_document(data, lambda d, sizes=sizes: d["plan"].update(layer_sizes=sizes))
            for sizes in ([width, 10**12, 1], [10**9, 10**9, 1], [width, 2**70, 1])
        ),
        *(
            with_header(data, lambda h, name=name, shape=shape: h[name].update(shape=shape))
            for name in ("W_1", "encoder.center")
            for shape in ([1 << 40, 1 << 40], [0, 1 << 62], [1 << 62], [1 << 70])
        ),
    ]
    for changed in hostile:
        path.write_bytes(changed)
        with memory_below(1 << 20), pytest.raises(ModelFileError):
            load(path)


def test_arrays_of_types_that_numpy_lacks(path: Path) -> None:
    def halved(header: Json) -> None:
        rows, columns = header["W_1"]["shape"]
        header["W_1"].update(dtype="BF16", shape=[2 * rows, columns])

    text = refusal(path, with_header(path.read_bytes(), halved))
    assert text == "W_1 is of type BF16, where F32 belongs"


def test_parameters_that_are_not_finite(path: Path) -> None:
    data = path.read_bytes()
    for name, dtype in (("b_1", np.float32), ("encoder.fill", np.float64)):
        start, _ = header_of(data)[name]["data_offsets"]
        at = 8 + struct.unpack("<Q", data[:8])[0] + start
        bad = np.array([np.nan], dtype).tobytes()
        changed = with_document(data[:at] + bad + data[at + len(bad) :], lambda d: None)
        assert refusal(path, changed) == f"{name} holds numbers that are not finite"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d.pop("target"), "its description lacks 'target'"),
        (lambda d: d.update(note=1), "its description has an unknown field 'note'"),
        (lambda d: d.update(plan=None), "'plan' in its description is not an object"),
        (lambda d: d.update(encoder=[]), "'encoder' in its description is not an object or null"),
        (lambda d: d.update(library_version=1), "'library_version' in its description is not a t"),
        (lambda d: d.update(checksum=1), "it is damaged: its checksum is not that of its content"),
        (lambda d: d.update(checksum="1"), "'checksum' in its description is not a whole number"),
        (lambda d: d.update(history={"a": [[[[[[[[[1]]]]]]]]]}), "a summary holds numbers, texts"),
        (lambda d: d["plan"].update(layer_sizes=[9, 4, 1]), "W_1 has shape (3, 1), which contrad"),
        (lambda d: d["plan"].update(dtype="float64"), "W_1 is of type F32, where F64 belongs"),
        (lambda d: d["plan"].update(dtype="int8"), "no dtype is called 'int8'"),
        (lambda d: d["plan"].update(activations=["relu"] * 3), "2 layers, 3 activations"),
        (lambda d: d["plan"].update(activations=["relu", "tanh"]), "stands on the logit"),
        (lambda d: d["plan"].update(loss="squared_error"), "classes are learned with binary_cros"),
        (lambda d: d["plan"].update(more=1), "no field of a plan is called 'more'"),
        (lambda d: d["plan"].pop("seed"), "a plan without seed"),
        (lambda d: d["plan"].update(optimizer={"name": "os.system"}), "no optimizer is called"),
        (
            lambda d: d["plan"].update(layer_sizes=[9, 3, 3, 1], activations=["relu"] * 2 + ["logistic"], dropout=[0, 0]),
            "it lacks the array: 'W_3'",
        ),
        (lambda d: d.update(encoder=None), "it has an array that does not belong there: 'encoder."),
        (lambda d: d["encoder"]["columns"].pop(1), "the encoder makes rows of"),
        (lambda d: d["target"].update(classes=["a", "b", "c"]), "3 classes, the network 1 outputs"),
        (lambda d: d["target"].update(classes=["a", "a"]), "does not add up"),
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_said(path: Path, change: Callable[[Json], Any], text: str) -> None:
    assert text in refusal(path, with_document(path.read_bytes(), change))


def test_nothing_is_run(path: Path) -> None:
    code = "__import__('pathlib').Path('run').touch()"
    names = ["activations", "loss", "optimizer", "dtype"]
    for name in names:
        value: Any = [code, "logistic"] if name == "activations" else code
        text = refusal(
            path,
            with_document(path.read_bytes(), lambda d, n=name, v=value: d["plan"].update({n: v})),
        )
        assert re.search(r"is called|optimizer is a name", text)
        save(made(), path)
    assert os.listdir(path.parent) == [path.name]


# Values of any type in any place

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 20)
    | st.sampled_from([2**31, 2**63, 2**64, -(2**70), 10**30, 1e-320, 1.7e308])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(
        ["relu", "softmax", "float32", "adam", "date", "number", "text", "dropped", "%Y", "value"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "kind", "outputs", "values", "learning_rate", "shape", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
FUZZ = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def places(data: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to everything in a JSON document but its root."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*way, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*way, key))


def put(data: Any, way: tuple[Any, ...], value: Any) -> None:
    *above, last = way
    for key in above:
        data = data[key]
    data[last] = value


ORIGINAL = made()


@settings(FUZZ, max_examples=500)
@given(data=st.data())
def test_anything_anywhere_in_the_description(
    path: Path, whole: bytes, data: st.DataObject
) -> None:
    """It is refused in words, or makes a model that can be saved, loaded and asked."""
    described = json.loads(header_of(whole)["__metadata__"]["chainrule"])
    way, value = data.draw(st.sampled_from(sorted(places(described), key=str))), data.draw(ANYTHING)
    with memory_below(1 << 22):
        model = loaded(path, with_document(whole, lambda d: put(d, way, value)))
    if model is not None:
        save(model, path)
        assert load(path) == model
        with contextlib.suppress(ChainruleError):  # it may be of other columns now
            assert len(model.predict(flowers())) == 4


@settings(FUZZ, max_examples=200)
@given(data=st.data())
def test_anything_anywhere_in_the_header(path: Path, whole: bytes, data: st.DataObject) -> None:
    way = data.draw(st.sampled_from(sorted(places(header_of(whole)), key=str)))
    value = data.draw(ANYTHING)
    with memory_below(1 << 22):
        model = loaded(path, with_header(whole, lambda h: put(h, way, value)))
    assert model is None or model == ORIGINAL


@settings(FUZZ, max_examples=200)
@given(start=st.integers(0, 2000), junk=st.binary(min_size=1, max_size=40))
def test_anything_anywhere_in_the_bytes(path: Path, whole: bytes, start: int, junk: bytes) -> None:
    model = loaded(path, whole[:start] + junk + whole[start + len(junk) :])
    assert model is None or model == ORIGINAL


def test_a_network_alone_may_be_a_json_file(tmp_path: Path) -> None:
    path = tmp_path / "by-hand.json"
    network = Network.of_sizes([2, 3, 1], output="logistic")
    save(network, path)
    model = load(path)
    assert model.network.to_json() == network.to_json() == path.read_text()
    assert model.plan.loss == "binary_cross_entropy"
    with pytest.raises(InvalidValue, match=r"a \.json file holds a network alone"):
        save(model, path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ModelFileError, match="by-hand.json: it is no text in UTF-8"):
        load(path)
    path.write_text('{"layers": [{"W": [[1], []]}]}')
    with pytest.raises(ModelFileError, match='by-hand.json: entry 1 of "layers": the rows of W'):
        load(path)
