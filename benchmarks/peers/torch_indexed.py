"""PyTorch without DataLoader: a permutation per epoch, batches by indexing."""

from __future__ import annotations

import torch

from benchmarks.peers.torch_module import TorchTraining
from benchmarks.works import Training


class IndexedTraining(TorchTraining):
    """The quickest plain loop: rows are put in order once an epoch, a batch is a view."""

    def run(self) -> None:
        module, loss_fn, optimizer = self.module, self.loss_fn, self.optimizer
        for _ in range(self.work.epochs):
            order = torch.randperm(len(self.X))
            batches = zip(
                torch.split(self.X[order], self.work.batch),
                torch.split(self.y[order], self.work.batch),
                strict=True,
            )
            for points, labels in batches:
                loss = loss_fn(module(points), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


def train(work: Training, threads: int) -> IndexedTraining:
    return IndexedTraining(work, threads)
