"""What the tests of the page share: a server in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest


class Served:
    """A running `chainrule play`."""

    def __init__(self, *arguments: str) -> None:
        command = [
            sys.executable,
            "-m",
            "chainrule",
            "play",
            "--no-open",
            "--port",
            "0",
            *arguments,
        ]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("chainrule plays at  http://"), line
        self.address = line.split()[3]
        self.port = int(self.address.split(":")[2].split("/")[0])

    def threads(self) -> int:
        """How many threads the server has."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(next(line for line in status if line.startswith("Threads")).split()[1])

    def end(self) -> str:
        """End it as Ctrl-C does; what it said besides its address."""
        self.process.send_signal(2)
        said, _ = self.process.communicate(timeout=20)
        return str(said)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server of the page, which has nothing to complain of in the end."""
    server = Served()
    yield server
    said = server.end()
    assert "Traceback" not in said
