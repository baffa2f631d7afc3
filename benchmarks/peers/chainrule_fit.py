"""``chainrule.torch.fit``: PyTorch's module, loss, optimizer and DataLoader in, the module trained."""

from __future__ import annotations

from torch.utils.data import DataLoader, TensorDataset

import chainrule.torch
from benchmarks.peers.torch_module import TorchTraining
from benchmarks.works import Training


class FitTraining(TorchTraining):
    """The lecture's objects handed over, the way there and back included."""

    def run(self) -> None:
        dataset = TensorDataset(self.X, self.y)
        training = DataLoader(dataset, batch_size=self.work.batch, shuffle=True)
        found = chainrule.torch.fit(
            self.module, self.loss_fn, self.optimizer, training, epochs=self.work.epochs
        )
        self.note = f"engine: {found.engine}"


def train(work: Training, threads: int) -> FitTraining:
    return FitTraining(work, threads)
