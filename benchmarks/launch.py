"""Run a command, print its wall time, peak memory and exit code as JSON.

Started as ``python -S -E launch.py COMMAND …``, because on Linux a child's peak begins at what its
parent holds: the parent has to be small. Uses wait4, hence Unix only.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter


def main(command: list[str]) -> None:
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    start = perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(child, 0)
    seconds = perf_counter() - start
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss in bytes there, KiB elsewhere
    code = os.waitstatus_to_exitcode(status)
    told = {"seconds": seconds, "peak_mib": usage.ru_maxrss / unit, "code": code}
    print(json.dumps(told | {"cpu_seconds": usage.ru_utime + usage.ru_stime}))


if __name__ == "__main__":
    main(sys.argv[1:])
