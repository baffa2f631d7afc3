"""log, cos, sin and powers by exact operations: as close as NumPy's, and the same whatever NumPy's are."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from chainrule.chance import uniform
from chainrule.elementary import cos_turns, log, normal, power, sin_turns

U = uniform(100_000, 1)


def test_log_is_within_three_units_in_the_last_place() -> None:
    x = np.concatenate(
        [U[1:], 1 - U * 1e-3, U[1:] * 1e-300, (1 + U) * 1e300, [5e-324, 1.0, 2.0**-53]]
    )
    true = np.log(x.astype(np.longdouble))
    assert np.max(np.abs(log(x) - true) / np.spacing(np.abs(true.astype(float)))) < 3
    assert log(1.0) == 0
    assert log(2.0) == math.log(2)


def test_circles_are_within_two_in_1e16_and_exact_at_quarters() -> None:
    t = np.concatenate([U, 8 * U - 4])
    turn = 2 * np.pi * t.astype(np.longdouble) + 2 * np.longdouble(1.2246467991473532e-16) * t
    assert np.abs(cos_turns(t) - np.cos(turn)).max() < 2e-16
    assert np.abs(sin_turns(t) - np.sin(turn)).max() < 2e-16
    quarters = np.arange(-4, 5) / 4
    assert cos_turns(quarters).tolist() == [1, 0, -1, 0, 1, 0, -1, 0, 1]
    assert sin_turns(quarters).tolist() == [0, 1, 0, -1, 0, 1, 0, -1, 0]


def test_powers() -> None:
    n = np.array([0, 1, 2, 3, 10, 300, 2000])
    np.testing.assert_allclose(power(0.1, n), [0.1 ** int(k) for k in n], rtol=1e-13)


def test_normal_numbers_are_normal() -> None:
    z = normal(U)
    assert z.shape == (50_000,)
    assert abs(z.mean()) < 0.015
    assert abs(z.std() - 1) < 0.01
    for point, share in ((1, 0.682689), (2, 0.954500), (3, 0.997300)):
        assert np.mean(np.abs(z) < point) == pytest.approx(share, abs=0.005)


SAID = """
import hashlib
import numpy as np
from chainrule.chance import uniform
from chainrule.elementary import cos_turns, log, power
from chainrule.initializers import initial
from chainrule.tables import SHAPES, builtin
from chainrule.training.schedules import SCHEDULES

u = uniform(100_000, 1)
k = np.arange(10_000.0)
found = [log(u[1:]), cos_turns(u), power(0.1, k[:40])]
found += [schedule().factors(k, 10_000, 100) for schedule in SCHEDULES.values()]
for kind in ("he", "glorot", "lecun", "torch", "normal"):
    found += initial(kind, "relu", 300, 200, 1, 0, "float64")
found += [column for name in SHAPES for column in builtin(name, seed=1).columns.values() if column.dtype == float]
print([hashlib.blake2b(np.ascontiguousarray(a).data, digest_size=8).hexdigest() for a in found])
"""


def test_the_bits_are_the_same_whatever_numpy_takes_its_own_from() -> None:
    """NumPy without AVX-512 and AVX2 gives other last bits of log, cos and powers."""
    said = set()
    for without in ("", "X86_V4 AVX512_SKX AVX512_ICL AVX512_SPR", "X86_V3 X86_V4 AVX2 FMA3 AVX512_SKX AVX512_ICL AVX512_SPR"):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SAID],
            env={**os.environ, "NPY_DISABLE_CPU_FEATURES": without},
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said.add(done.stdout)
    assert len(said) == 1
