"""Draw docs/picture.png: the lecture's network on two moons, trained as `chainrule fit moons` does."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import chainrule
from chainrule.tables import builtin

moons = builtin("moons")
X = np.column_stack([moons["x1"], moons["x2"]])
y = moons[moons.names[-1]] == moons[moons.names[-1]][0]
network = chainrule.Network.of_sizes([2, 20, 40, 20, 1], output="logistic", seed=0)
result = chainrule.train(
    network, X, y, optimizer=chainrule.SGD(0.1), batch_size=10, epochs=100, validation=0.2
)
predict = chainrule.predictor(network)

figure, (plane, curve) = plt.subplots(
    1, 2, figsize=(10, 3.6), width_ratios=[1.35, 1], layout="constrained"
)
x1, x2 = np.meshgrid(np.linspace(-1.6, 2.6, 400), np.linspace(-1.1, 1.6, 300))
share = predict(np.column_stack([x1.ravel(), x2.ravel()])).reshape(x1.shape)
plane.contourf(x1, x2, share, levels=np.linspace(0, 1, 21), cmap="PuOr", alpha=0.85)
plane.contour(x1, x2, share, levels=[0.5], colors="black", linewidths=1)
for label, marker, colour in ((True, "o", "#3b1b66"), (False, "s", "#8a4a00")):
    plane.scatter(*X[y == label].T, s=14, marker=marker, color=colour, edgecolors="white", lw=0.4)
plane.set(title="What the network sees: 2-20-40-20-1, ReLU", xlabel="$x_1$", ylabel="$x_2$")
history = result.history
curve.semilogy(history.epoch, history.loss, color="#3b1b66", label="training")
curve.semilogy(history.epoch, history.validation_loss, "--", color="#c06000", label="validation")
microseconds = result.seconds / result.steps * 1e6
curve.set(
    title=f"{result.steps:,} steps in {result.seconds * 1e3:.0f} ms ({microseconds:.1f} µs each)",
    xlabel="epoch",
    ylabel="mean loss",
)
curve.legend(frameon=False)
for axes in (plane, curve):
    axes.spines[["top", "right"]].set_visible(False)
figure.savefig(Path(__file__).parent.parent / "docs" / "picture.png", dpi=110)
