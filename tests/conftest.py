"""What all tests share."""

from __future__ import annotations

import signal

import torch

torch.set_num_threads(1)  # more of them wait for each other on networks of this size
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job begins with it ignored
