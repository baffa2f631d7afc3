"""What all tests share."""

from __future__ import annotations

import torch

torch.set_num_threads(1)  # more of them wait for each other on networks of this size
