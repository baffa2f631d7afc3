"""chainrule's torch engine, by the call that a user writes."""

from __future__ import annotations

import torch

from benchmarks.peers.chainrule_native import ChainruleTraining
from benchmarks.works import Training


class TorchEngineTraining(ChainruleTraining):
    """As the native engine's, on the GPU where there is one."""

    engine = "torch"


def train(work: Training, threads: int) -> TorchEngineTraining:
    torch.set_num_threads(threads)
    return TorchEngineTraining(work)
