"""How fast the page is, in Chromium without a screen, on the machine that trains at the same time.

`python -m benchmarks.page` opens the lecture's notebook, five lanes, and measures: from the address to
the first picture; frames and steps a second while it plays as fast as it goes; from a click to every
number at a point; and how long the server's threads stay when the page is closed. It needs Chromium
(`apt install chromium`) and the extra `test`. Linux only, as it reads /proc.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from typing import Any

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]  # fmt: skip
CLICKS = 20


def until(page: Any, expression: str) -> None:
    """Wait until it is true of the page."""
    end = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"not in time: {expression}"
        time.sleep(0.005)


def threads(process: int) -> int:
    """How many threads a process has."""
    with open(f"/proc/{process}/status") as status:
        return int(next(line for line in status if line.startswith("Threads")).split()[1])


def pace(page: Any, seconds: float) -> tuple[float, float]:
    """Frames a second, and steps a second of all lanes in sum."""
    page.click("#play")
    until(page, "window.chainrule.frame.playing && window.chainrule.frame.step > 2000")
    look = "[performance.now() / 1000, window.chainrule.frames, window.chainrule.frame.lanes.reduce((sum, lane) => sum + lane.step, 0)]"  # fmt: skip
    began, frames, steps = page.evaluate(look)
    time.sleep(seconds)
    now, more_frames, more_steps = page.evaluate(look)
    return (more_frames - frames) / (now - began), (more_steps - steps) / (now - began)


def clicks(page: Any) -> list[float]:
    """Milliseconds from clicks on points, while it plays, to their numbers on the page."""
    found = []
    canvas = page.locator("canvas.points").first
    for i in range(CLICKS):
        page.evaluate("delete document.getElementById('inspector').dataset.milliseconds")
        canvas.click(position={"x": 20 + 7 * i, "y": 60 + 3 * i})
        until(page, "!!document.getElementById('inspector').dataset.milliseconds")
        found.append(float(page.get_attribute("#inspector", "data-milliseconds")))
        page.click("#close-inspector")
    return found


def closing(page: Any, process: int, idle: int) -> float:
    """Seconds from closing the page until its threads have ended."""
    began = time.monotonic()
    page.close()
    while threads(process) > idle:
        assert time.monotonic() - began < 20
        time.sleep(0.001)
    return time.monotonic() - began


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print a line for each."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="of playing")
    seconds = parser.parse_args(arguments).seconds
    command = [sys.executable, "-m", "chainrule", "play", "--no-open", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().split()[3]
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        first = browser.new_page()
        first.goto(address)
        until(first, "!!window.chainrule?.firstFrame")
        first.close()
        time.sleep(1)
        idle = threads(server.pid)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(address)
        until(page, "!!window.chainrule?.firstFrame")
        print(f"first picture      {page.evaluate('window.chainrule.firstFrame') / 1000:.2f} s")
        page.select_option("#lesson", "0")
        until(page, "window.chainrule.frame.lanes.length === 5")
        frames, steps = pace(page, seconds)
        print(f"frames             {frames:.1f} a second")
        print(f"steps of all lanes {steps:,.0f} a second")
        waits = clicks(page)
        print(f"click to numbers   {statistics.median(waits):.0f} ms, at most {max(waits):.0f} ms")
        print(f"threads ended      {1000 * closing(page, server.pid, idle):.0f} ms after closing")
        browser.close()
    server.send_signal(2)
    server.wait()


if __name__ == "__main__":
    main()
