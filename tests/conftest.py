"""What all tests share."""

from __future__ import annotations

import signal

import torch
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is.
settings.register_profile("chainrule", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("chainrule")
torch.set_num_threads(1)  # more of them wait for each other on networks of this size
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job begins with it ignored
