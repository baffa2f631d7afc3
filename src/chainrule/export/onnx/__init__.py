"""ONNX: a model as a graph of standard operators, and dense graphs as networks."""
