"""PyTorch as the lecture writes it: TensorDataset, DataLoader, one loop over batches."""

from __future__ import annotations

from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers.torch_module import TorchTraining
from benchmarks.works import Training


class LoaderTraining(TorchTraining):
    """The lecture's training loop."""

    def run(self) -> None:
        module, loss_fn, optimizer = self.module, self.loss_fn, self.optimizer
        dataset = TensorDataset(self.X, self.y)
        training = DataLoader(dataset, batch_size=self.work.batch, shuffle=True)
        for _ in range(self.work.epochs):
            for points, labels in training:
                loss = loss_fn(module(points), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


def train(work: Training, threads: int) -> LoaderTraining:
    return LoaderTraining(work, threads)
