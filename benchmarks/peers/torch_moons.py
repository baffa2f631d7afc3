"""The lecture's notebook as a PyTorch script, start to saved model: ``chainrule fit moons``'s peer.

Run as a process of its own, with the file to save to: it imports what the lecture imports.
"""

from __future__ import annotations

import sys

import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader, TensorDataset


def main(path: str) -> None:
    X, y = make_moons(500, noise=0.1, random_state=0)
    points_of_all = torch.from_numpy(X.astype("float32"))
    labels_of_all = torch.from_numpy(y.astype("float32")).reshape(-1, 1)
    training = DataLoader(TensorDataset(points_of_all, labels_of_all), batch_size=10, shuffle=True)
    sizes = [nn.Linear(2, 20), nn.ReLU(), nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 20)]
    module = nn.Sequential(*sizes, nn.ReLU(), nn.Linear(20, 1))
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = SGD(module.parameters(), lr=0.1)
    for _ in range(100):
        for points, labels in training:
            loss = loss_fn(module(points), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        right = (module(points_of_all) > 0) == (labels_of_all > 0.5)
    print(f"accuracy {right.float().mean():.3f}")
    torch.save(module.state_dict(), path)


if __name__ == "__main__":
    main(sys.argv[1])
