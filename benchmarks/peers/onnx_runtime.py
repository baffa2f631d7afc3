"""ONNX Runtime on a model built with onnx's own helper: Gemm, Relu, …, Sigmoid."""

from __future__ import annotations

import onnxruntime
from onnx import ModelProto, TensorProto, helper, numpy_helper

from benchmarks.session import PredictionSession, quickest
from benchmarks.works import Floats, Prediction


def model_of(work: Prediction) -> ModelProto:
    """The work's network from ``rows`` (n, d) to ``output`` (n, 1)."""
    nodes, arrays, name = [], [], "rows"
    for i, (W, b) in enumerate(work.weights()):
        arrays += [numpy_helper.from_array(W, f"W{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"W{i}", f"b{i}"], [f"u{i}"]))
        last = i == len(work.sizes) - 2
        name = "output" if last else f"z{i}"
        nodes.append(helper.make_node("Sigmoid" if last else "Relu", [f"u{i}"], [name]))
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", work.sizes[0]])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", work.sizes[-1]])
    graph = helper.make_graph(nodes, "network", [rows], [output], arrays)
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def predict(work: Prediction, threads: int) -> PredictionSession:
    """``session.run`` with a NumPy array, as many threads within a product as the others get."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    network = onnxruntime.InferenceSession(
        model_of(work).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def run(rows: Floats) -> object:
        return network.run(None, {"rows": rows})[0]

    rows = work.data[0]
    call, note = quickest(run, rows, work.rows)
    session = PredictionSession(work, call, rows)
    session.note = note
    return session
