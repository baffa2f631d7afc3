"""chainrule's torch engine, by the call that a user writes."""

from __future__ import annotations

import torch

import chainrule
from benchmarks.peers.chainrule_native import ChainruleTraining
from benchmarks.works import Training


class TorchEngineTraining(ChainruleTraining):
    """As the native engine's, on the GPU where there is one."""

    def run(self) -> None:
        result = chainrule.train(
            self.network,
            self.X,
            self.y,
            loss=self.work.loss,
            optimizer=self.optimizer,
            epochs=self.work.epochs,
            batch_size=self.work.batch,
            engine="torch",
            seed=0,
        )
        self.note = f"on {result.isa}, threads used: {result.threads}"


def train(work: Training, threads: int) -> TorchEngineTraining:
    torch.set_num_threads(threads)
    return TorchEngineTraining(work)
