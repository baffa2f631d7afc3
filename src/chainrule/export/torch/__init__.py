"""PyTorch: a model as a script with its weights beside it."""
