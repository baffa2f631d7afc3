"""A model as something that runs without chainrule: ONNX, C, a script for PyTorch, JSON.

Each function takes a `Model`, a fitted `Classifier` or `Regressor`, or a `Network`, and says what it
wrote. The predictions are those of `Model.predict`, `predict_probability` and `predict_quantiles`.
"""

from chainrule.export.doors import from_onnx, to_c, to_json, to_onnx, to_torch
from chainrule.export.written import Written

__all__ = ["Written", "from_onnx", "to_c", "to_json", "to_onnx", "to_torch"]
