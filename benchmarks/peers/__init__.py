"""The peers: a file each, imported only in the peer's own process.

A peer's module has ``train(work, threads)``, ``predict(work, threads)``, or both; each returns a
``Session``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """``module`` lies in this package; ``needs`` maps what it imports to what pip calls that."""

    key: str
    name: str
    module: str
    needs: Mapping[str, str]


TORCH = {"torch": "torch"}

CHAINRULE = Peer("chainrule", "chainrule, native", "chainrule_native", {"chainrule": "chainrule"})
FIT = Peer(
    "chainrule-fit", "chainrule.torch.fit", "chainrule_fit", {"chainrule": "chainrule", **TORCH}
)
ENGINE = Peer(
    "chainrule-torch",
    "chainrule, torch engine",
    "chainrule_torch",
    {"chainrule": "chainrule", **TORCH},
)
LOADER = Peer("torch-loader", "PyTorch, DataLoader", "torch_loader", TORCH)
INDEXED = Peer("torch-indexed", "PyTorch, indexing", "torch_indexed", TORCH)
INFERENCE = Peer("torch", "PyTorch, inference", "torch_module", TORCH)
SKLEARN = Peer("sklearn", "scikit-learn, MLP", "sklearn_mlp", {"sklearn": "scikit-learn"})
JAX = Peer("jax", "JAX, jit and scan", "jax_scan", {"jax": "jax", "jaxlib": "jaxlib"})
ONNX = Peer("onnx", "ONNX Runtime", "onnx_runtime", {"onnx": "onnx", "onnxruntime": "onnxruntime"})

SGEMM = Peer("sgemm", "sgemm (NumPy)", "sgemm", {"numpy": "numpy"})

TRAINERS = (CHAINRULE, LOADER, INDEXED, SKLEARN, JAX)
PREDICTORS = (CHAINRULE, ONNX, INFERENCE, SKLEARN, JAX)
LOOPS = (LOADER, INDEXED)  # of PyTorch, written by hand
PEERS: Mapping[str, Peer] = {
    peer.key: peer for peer in (*TRAINERS, *PREDICTORS, FIT, ENGINE, SGEMM)
}
