"""The codes of all findings, and why each of them hurts: one sentence."""

from __future__ import annotations

WHY: dict[str, str] = {
    # the data
    "not-finite": "One number that is not finite makes the loss and then every weight NaN.",
    "float64-data": "PyTorch does not mix float64 with float32: the step raises, or runs in float64 where nobody asked for it.",
    "data-dtype": "The layers compute in the type of their parameters only, and raise for another.",
    "data-on-other-device": "Tensors on two devices cannot meet in one operation.",
    "inputs-not-scaled": "The first layer's outputs and gradients grow with the inputs, so one learning rate cannot suit all of its weights.",
    "targets-not-scaled": "The outputs begin near 0 and have to travel far in steps that suit numbers near 1.",
    # the forward pass
    "sizes-do-not-chain": "A Linear layer multiplies by a matrix, whose rows have to be as many as the numbers that arrive.",
    "forward-raises": "Nothing can be trained that does not run.",
    "backward-raises": "Without backward there is no gradient.",
    "no-graph": "Without a graph from the loss to the parameters, backward has no way to them.",
    "forward-not-finite": "A loss that is not finite gives gradients that are not finite, and after one step no weight is a number.",
    # the link between outputs and loss
    "sigmoid-twice": "The loss applies a sigmoid itself; with a second one the probabilities stay between 0.5 and 0.73, so the loss cannot fall and gradients shrink.",
    "softmax-twice": "The loss applies a softmax itself; over outputs between 0 and 1 it is almost even, so the loss cannot fall and gradients shrink.",
    "log-softmax-twice": "The loss applies a log-softmax itself; a second one changes nothing but the time, and hides which of the two is meant.",
    "sigmoid-before-cross-entropy": "The loss applies a softmax to logits; over outputs between 0 and 1 it is almost even, so the loss cannot fall.",
    "softmax-before-sigmoid": "The loss applies a sigmoid to logits; over outputs between 0 and 1 it gives probabilities between 0.5 and 0.73 only.",
    "activation-before-loss": "The loss takes logits of any size and sign; cut off, they cannot say what is likely and what is not.",
    "softmax-of-one-output": "A softmax over a single output is always 1, so no gradient arrives.",
    "bce-on-logits": "The loss takes logarithms of probabilities; for numbers outside 0 and 1 it raises.",
    "nll-on-logits": "The loss expects logarithms of probabilities; given logits it falls without bound while nothing is learned.",
    "nll-on-probabilities": "The loss expects logarithms; given probabilities its gradient is no likelihood's and nearly the same for all rows.",
    "targets-out-of-reach": "The last activation cannot give these numbers, so the loss has a floor.",
    # the loss and the labels
    "loss-raises": "Nothing can be trained whose loss does not run.",
    "loss-not-scalar": "backward begins at one number.",
    "labels-not-a-column": "Shapes (n,) and (n, 1) broadcast to (n, n): every row is compared with every label, or the loss raises.",
    "two-outputs-one-column": "For one column of labels one output is meant; two broadcast, or the loss raises.",
    "shapes-differ": "The loss compares number by number, and these do not correspond.",
    "labels-out-of-range": "The loss takes the logarithm of a probability that the network does not give.",
    "labels-plus-minus": "The loss is −y·log p − (1−y)·log(1−p): with y = −1 it rewards p near 0 without bound.",
    "one-hot-labels": "A class has an index here; a one-hot row is read as probabilities, which is slower, or raises.",
    "float-labels": "A class has an index here, and an index is a whole number: float32 labels raise.",
    "labels-not-int64": "The loss indexes by the labels and takes int64 alone.",
    "labels-not-float": "The loss computes with the labels, and raises for whole numbers.",
    "labels-a-column": "The loss expects one index a row, shape (n,), and raises for (n, 1).",
    # parameters and optimizer
    "unregistered": "parameters() does not list it: an optimizer, to(device) and state_dict() leave it out.",
    "nothing-to-train": "All gradients are switched off, so nothing changes.",
    "no-gradient": "A parameter that the loss does not depend on is never changed.",
    "zero-gradient": "Its gradient is 0 whatever the weights are, so it is never changed.",
    "not-in-optimizer": "The optimizer does not change a parameter that it was not given.",
    "twice-in-optimizer": "Each step changes it twice; PyTorch warns of it, and is to raise.",
    "optimizer-of-other-parameters": "The steps change tensors that the module does not use.",
    "optimizer-before-move": "Its parameters or moments lie where the module no longer is: steps raise, or change nothing.",
    "two-devices": "Tensors on two devices cannot meet in one operation.",
    "maximizes": "The optimizer walks up: the loss rises with every step.",
    # the start
    "dead-units": "A unit that is 0 for all rows passes no gradient, and does not come back by itself.",
    "saturated-units": "Where an activation is flat its gradient is nearly 0, and the weights before it hardly move.",
    "initial-loss": "A network that knows nothing should lose log(classes); more says that it is sure and wrong, and the first steps only undo that.",
    "learning-rate-too-large": "Steps beyond the valley's other side lead up.",
    # the step
    "step-raises": "Nothing can be trained whose step does not run.",
    "no-backward": "Without backward there is no gradient.",
    "no-step": "Without optimizer.step no parameter changes.",
    "no-zero-grad": "backward adds to what is there: each step goes along the sum of all gradients so far.",
    "gradients-erased": "The step sees no gradient, so it changes nothing.",
    "eval-in-step": "Dropout does nothing and batch norm does not follow the data while it should.",
    "keeps-graph": "A tensor with a graph keeps its batch's graph alive, so memory grows with every step.",
    "training-mode-in-predict": "Dropout makes predictions random, and batch norm makes them depend on the other rows and goes on changing.",
}
