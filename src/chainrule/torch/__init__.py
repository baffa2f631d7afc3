"""PyTorch, both ways: its modules become networks here, and networks become its modules.

PyTorch is an extra, `pip install 'chainrule[torch]'`, and is imported when one of these is used.
"""

from chainrule.torch.doors import PyTorchInstead, check, fit, from_torch, to_torch, to_torch_source

__all__ = ["PyTorchInstead", "check", "fit", "from_torch", "to_torch", "to_torch_source"]
