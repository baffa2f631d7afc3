"""The page in a real browser: Chromium without a screen, driven by Playwright."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule

from .conftest import Served

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


class Tab:
    """A tab with the page in it."""

    def __init__(
        self, browser: Any, address: str, width: int = 1400, scheme: str = "light", script: str = "", permissions: Sequence[str] = (),
    ) -> None:  # fmt: skip
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            permissions=[*permissions],
        )
        self.page = context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._hear)
        self.page.add_init_script(script)
        self.page.goto(address)
        self.until("!!(window.chainrule && window.chainrule.frame)")

    def _hear(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)

    def until(self, expression: str, seconds: float = 15) -> None:
        """Wait until it is true; Playwright's own waiting would need 'unsafe-eval'."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"not in time: {expression}"
            time.sleep(0.02)

    def told(self, expression: str) -> Any:
        """What the page knows."""
        return self.page.evaluate(f"window.chainrule.{expression}")

    def exact(self, name: str, lane: int = 0) -> float:
        """A number of a lane, as the page shows it, with all its digits."""
        cell = self.page.locator(".lane").nth(lane).locator(f'dd[data-name="{name}"]')
        return float(cell.get_attribute("data-exact"))

    def set(self, id_: str, value: str) -> None:
        """Fill a field in and leave it."""
        self.page.fill(f"#{id_}", value)
        self.page.locator(f"#{id_}").blur()

    def stop_at(self, step: int) -> None:
        """Play until a step."""
        self.set("stop-step", str(step))
        self.until(f"window.chainrule.experiment.stop.step === {step}")
        self.page.click("#play")
        self.until(f"window.chainrule.frame.step === {step} && !window.chainrule.frame.playing")

    def close(self) -> None:
        assert self.errors == []
        self.page.context.close()


@pytest.fixture
def tab(browser: Any, served: Served) -> Iterator[Tab]:
    opened = Tab(browser, served.address)
    yield opened
    opened.close()


def test_training_is_played_paused_stepped_and_reset(tab: Tab) -> None:
    assert tab.page.inner_text("#clock") == "step 0 · epoch 0"
    before = tab.exact("loss")
    tab.page.click("#step")
    tab.until("window.chainrule.frame.step === 1")
    tab.page.click("#epoch")
    tab.until("window.chainrule.frame.step === 50")
    tab.page.click("#play")
    tab.until("window.chainrule.frame.step > 500")
    assert tab.page.inner_text("#play") == "Pause"
    assert tab.exact("loss") < before
    tab.page.click("#play")
    tab.until("!window.chainrule.frame.playing")
    tab.page.click("#reset")
    tab.until("window.chainrule.frame.step === 0")
    assert tab.exact("loss") == before


def test_a_link_brings_the_same_loss_to_the_last_digit(browser: Any, tab: Tab) -> None:
    tab.page.select_option("#lesson", "0")
    tab.until("window.chainrule.frame.lanes.length === 5")
    tab.stop_at(120)
    field = tab.page.locator(".lane").nth(3).locator('input[type="number"]')
    field.fill("0.004")
    field.blur()
    tab.until("window.chainrule.experiment.changes.length === 1")
    tab.stop_at(200)
    losses = [tab.exact("loss", lane) for lane in range(5)]
    other = Tab(browser, tab.page.url)
    other.until("window.chainrule.frame.lanes.length === 5")
    other.page.click("#play")
    other.until("window.chainrule.frame.step === 200 && !window.chainrule.frame.playing")
    assert [other.exact("loss", lane) for lane in range(5)] == losses
    assert other.told("frame.lanes[3].rate") == 0.004
    other.close()


def test_the_inspector_shows_the_numbers_of_explain(tab: Tab, tmp_path: Path) -> None:
    tab.stop_at(200)
    canvas = tab.page.locator("canvas.points").first
    side = canvas.bounding_box()["width"]
    (a, b), x_ends, y_ends = tab.told("scene.points[7]"), tab.told("scene.x"), tab.told("scene.y")
    across, up = (a - x_ends[0]) / (x_ends[1] - x_ends[0]), (b - y_ends[0]) / (y_ends[1] - y_ends[0])  # fmt: skip
    canvas.click(position={"x": side * across, "y": side * (1 - up)})
    tab.until("!document.getElementById('inspector').hidden")
    shown = [float(text) for text in tab.page.eval_on_selector_all("#inspected [title]", "all => all.map(e => e.title).filter(t => t !== '' && !isNaN(t))")]  # fmt: skip
    with tab.page.expect_download() as started:
        tab.page.get_by_text("Take it with you").click()
        tab.page.get_by_role("button", name="model file").click()
    path = tmp_path / "model.safetensors"
    started.value.save_as(path)
    network = chainrule.load(path).network
    x = [float(text) for text in tab.page.eval_on_selector_all("#inspected table:first-of-type td", "all => all.slice(0, 2).map(e => e.title)")]  # fmt: skip
    row = np.abs(np.array(tab.told("scene.points")) - x).sum(axis=1).argmin()
    said = network.explain(np.array(x), tab.told(f"scene.values[{row}]")).as_dict()
    assert float(tab.page.get_attribute("#inspector", "data-loss") or "nan") == pytest.approx(said["L"], rel=1e-6)  # fmt: skip
    for layer in said["layers"]:
        for name in ("u", "z", "dL_db"):
            ends = np.ravel(layer[name])[:3]
            assert all(np.abs(np.array(shown) - number).min() <= 1e-6 for number in ends), (layer["layer"], name)  # fmt: skip


def test_network_and_optimizers_are_changed_in_place(tab: Tab) -> None:
    page = tab.page
    page.get_by_label("Layer 3: a unit more").click()
    tab.until("window.chainrule.scene.sizes.join() === '2,20,41,20,1'")
    page.get_by_label("Remove layer 2").click()
    tab.until("window.chainrule.scene.sizes.join() === '2,20,41,1'")
    page.get_by_label("Add a layer after the input").click()
    tab.until("window.chainrule.scene.sizes.join() === '2,4,20,41,1'")
    page.get_by_label("Layer 4: activation").select_option("tanh")
    tab.until("window.chainrule.scene.activations[0] === 'tanh'")
    page.click("#add-lane")
    tab.until("window.chainrule.frame.lanes.length === 2")
    page.get_by_label("Lane 2: optimizer").select_option("nadam")
    tab.until("window.chainrule.experiment.lanes[1].optimizer === 'nadam'")
    page.get_by_label("Lane 1: remove").click()
    tab.until("window.chainrule.frame.lanes.length === 1")
    page.select_option("#weight-row", "")
    page.fill("#weight-value", "0.75")
    page.get_by_role("button", name="Set it").click()
    tab.until("window.chainrule.frame.arrays['b/0'].data[0] === 0.75")
    for id_, value, where in (
        ("batch", "32", "batch_size"), ("seed", "7", "seed"), ("dropout", "0.1", "net.dropout"),
        ("decay", "0.01", "net.weight_decay"), ("rows", "90", "data.rows"), ("noise", "0.2", "data.noise"),
    ):  # fmt: skip
        tab.set(id_, value)
        tab.until(f"window.chainrule.experiment.{where} === {value}")
    page.select_option("#initializer", "glorot")
    tab.until("window.chainrule.experiment.net.initializer === 'glorot'")


def test_points_are_added_and_taken_away_by_clicks_and_keys(tab: Tab) -> None:
    canvas = tab.page.locator("canvas.points").first
    tab.page.get_by_label("adds a point of class 1").check()
    canvas.click(position={"x": 5, "y": 5})
    tab.until("window.chainrule.scene.rows === 501")
    canvas.focus()
    for _ in range(3):
        canvas.press("ArrowUp")
    canvas.press("Enter")
    tab.until("window.chainrule.scene.rows === 502")
    tab.page.get_by_label("takes a point away").check()
    canvas.click(position={"x": 5, "y": 5})
    tab.until("window.chainrule.scene.rows === 501")
    assert len(tab.told("experiment.changes")) == 3


def test_a_file_with_awkward_names_is_dropped_and_learned(tab: Tab) -> None:
    rng = np.random.default_rng(0)
    rows = ['"a<b>""&\'","größe, m",=SUM(A1),constructor,class']
    for a, b, c in rng.normal(size=(200, 3)):
        rows.append(f"{a:.3f},{b:.3f},{c:.3f},<i>x</i>{int(a > 0)},{'yes' if a + b > 0 else 'no'}")
    tab.page.set_input_files("#file", {"name": "<b>.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode()})  # fmt: skip
    tab.until("window.chainrule.scene.title === '<b>.csv'")
    assert tab.told("scene.classes") == ["no", "yes"]
    tab.page.select_option("#axis-x", "a<b>\"&'")
    tab.until("window.chainrule.scene.axes[0] === 'a<b>\"&\\''")
    assert tab.page.locator(".axes").first.inner_text().startswith("→ a<b>\"&'")
    assert tab.page.locator("#held input").count() == 1
    tab.stop_at(500)
    assert tab.exact("accuracy") > 0.9
    tab.page.select_option("#target", "constructor")
    tab.until("window.chainrule.scene.target === 'constructor'")
    tab.page.set_input_files("#file", {"name": "bad.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n1,2,3\n"})  # fmt: skip
    tab.until(
        "document.getElementById('trouble').textContent === 'bad.csv: line 3 has 3 fields, the first has 2'"
    )


def test_a_lane_that_diverges_says_so_at_once(tab: Tab) -> None:
    tab.page.select_option("#lesson", "5")
    tab.until("window.chainrule.frame.lanes.length === 3")
    tab.stop_at(100)
    assert "diverged at step 21" in tab.page.locator(".lane").nth(2).locator(".message").inner_text()  # fmt: skip
    assert tab.page.locator('.lane[data-status="learning"]').count() == 2
    assert "Lane 3: diverged" in (tab.page.text_content("#news") or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1024, 1920, 3840])
def test_nothing_overflows(browser: Any, served: Served, tmp_path: Path, width: int, scheme: str) -> None:  # fmt: skip
    made = Tab(browser, served.address, width, scheme)
    made.page.select_option("#lesson", "0")
    made.until("window.chainrule.frame.lanes.length === 5")
    made.stop_at(50)
    made.until("!!document.querySelector('#chart .main-svg')")
    assert made.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0  # fmt: skip
    cut = "[...document.querySelectorAll('button, label, h1, h2')].filter(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
    assert made.page.evaluate(cut) == []
    ticks = "[...document.querySelectorAll('#chart .xtick text, #chart .ytick text')].filter(e => getComputedStyle(e).display !== 'none').length"
    assert made.page.evaluate(ticks) >= 6
    kept = Path(os.environ.get("CHAINRULE_SCREENSHOTS", tmp_path))
    kept.mkdir(parents=True, exist_ok=True)
    made.page.screenshot(path=kept / f"page-{width}-{scheme}.png", full_page=True)
    made.close()


FRAMES = 20 * 60 * 30  # twenty minutes, at the most frames a second that there are
RECORDING = """
    const Real = window.WebSocket;
    window.recorded = [];
    window.WebSocket = class extends Real {
        constructor(address) {
            super(address);
            window.socket = this;
            this.addEventListener("message", ({ data }) => {
                if (data instanceof ArrayBuffer && window.recorded.length < 50) window.recorded.push(data.slice(0));
            });
        }
    };
"""
REPLAY = """
    (count) => {
        window.requestAnimationFrame = (draw) => draw();
        const { onmessage } = window.socket;
        for (let i = 0; i < count; i++) onmessage({ data: window.recorded[i % window.recorded.length].slice(0) });
        return window.chainrule.frames;
    }
"""


def test_twenty_minutes_of_frames_leave_no_more_memory_taken(browser: Any, served: Served) -> None:
    made = Tab(browser, served.address, script=RECORDING)
    made.page.select_option("#lesson", "1")  # a small network: the frames are many
    made.until("window.chainrule.scene.sizes.join() === '2,2,1'")
    made.page.select_option("#speed", "0")
    made.page.evaluate("window.recorded.length = 0")
    made.page.click("#play")
    made.until("window.recorded.length === 50")
    made.page.click("#play")
    made.until("!window.chainrule.frame.playing && !!document.querySelector('#chart .main-svg')")
    made.page.evaluate("window.socket.onclose = null, window.socket.close()")
    devtools = made.page.context.new_cdp_session(made.page)

    def taken() -> tuple[float, int]:
        devtools.send("HeapProfiler.collectGarbage")
        count = made.page.evaluate("document.getElementsByTagName('*').length")
        return devtools.send("Runtime.getHeapUsage")["usedSize"] / 1e6, count

    before = made.page.evaluate(REPLAY, FRAMES // 4)  # the curves are as long as they get
    megabytes, elements = taken()
    for _ in range(3):
        after = made.page.evaluate(REPLAY, FRAMES // 4)
    assert after - before == FRAMES // 4 * 3
    assert taken()[0] - megabytes < 1  # a reference kept per frame would be more
    assert taken()[1] == elements
    made.close()


def test_the_controls_that_are_left(tab: Tab) -> None:
    page = tab.page
    assert page.inner_text("#limits").endswith("Nothing leaves this machine.")
    assert page.inner_text("#network-title") == "The network of lane 1, sgd"
    tab.set("data-seed", "5")
    tab.until("window.chainrule.scene.experiment.data.seed === 5")
    tab.set("stop-loss", "0.2")
    tab.until("window.chainrule.experiment.stop.loss === 0.2")
    page.click("#play")
    tab.until("window.chainrule.frame.lanes[0].status === 'reached its loss'")
    assert tab.exact("loss") <= 0.2
    assert page.locator("#scores td.right").count() == 2
    page.check("#aside")
    tab.until("window.chainrule.scene.experiment.view.aside")
    assert len(tab.told("scene.aside")) == 500
    page.select_option("#lesson", "4")
    tab.until(
        "window.chainrule.experiment.seed !== undefined && document.querySelectorAll('#lesson-text p').length > 0"
    )
    page.select_option("#data", "iris")
    tab.until("window.chainrule.scene.title === 'iris'")
    tab.set("validation", "0.5")
    tab.until("window.chainrule.scene.checked === 75")
    assert len(tab.told("scene.aside")) == 75
    assert page.inner_text("#legend").startswith("solid")


def test_the_inspector_follows_and_closes(tab: Tab) -> None:
    page = tab.page
    page.locator("canvas.points").first.click(position={"x": 60, "y": 60})
    tab.until("!document.getElementById('inspector').hidden")
    page.select_option("#edge", "8")
    tab.until("document.querySelectorAll('#inspected [title]').length > 300")
    page.click("#play")
    tab.until("Number(document.getElementById('inspector').dataset.step) > 100")
    page.uncheck("#follow")
    page.click("#play")
    tab.until("!window.chainrule.frame.playing")
    before = page.get_attribute("#inspector", "data-step")
    page.click("#step")
    time.sleep(0.4)
    assert page.get_attribute("#inspector", "data-step") == before
    page.click("#close-inspector")
    tab.until("document.getElementById('inspector').hidden")


def test_the_link_is_copied(browser: Any, served: Served) -> None:
    made = Tab(browser, served.address, permissions=["clipboard-read", "clipboard-write"])
    made.set("seed", "11")
    made.until("window.chainrule.experiment.seed === 11")
    made.page.get_by_text("Take it with you").click()
    made.page.click("#share")
    made.until("document.getElementById('share').textContent === 'copied'")
    copied = made.page.evaluate("navigator.clipboard.readText()")
    assert copied == made.page.url
    assert copied.endswith("#{%22seed%22:11}")
    made.close()


def test_the_first_steps_are_in_the_curves(tab: Tab) -> None:
    tab.stop_at(3000)
    with tab.page.expect_download() as started:
        tab.page.get_by_text("Take it with you").click()
        tab.page.get_by_role("button", name="curves, CSV").click()
    lines = Path(started.value.path()).read_text().splitlines()[1:]
    steps = [int(line.split(",")[2]) for line in lines]
    assert steps[0] == 0 and steps[-1] == 3000
    assert sum(step <= 50 for step in steps) >= 6
    drawn = tab.page.evaluate("document.getElementById('chart').data?.[0].x")
    assert drawn is None or [int(step) for step in drawn] == steps


def test_the_address_holds_what_differs_from_the_usual(tab: Tab) -> None:
    tab.set("seed", "3")
    tab.until("window.chainrule.experiment.seed === 3")
    assert json.loads(tab.page.evaluate("decodeURIComponent(location.hash.slice(1))")) == {"seed": 3}  # fmt: skip


def test_what_is_taken_along_is_saved_as_files(tab: Tab, tmp_path: Path) -> None:
    tab.stop_at(50)
    tab.page.get_by_text("Take it with you").click()
    for name, ending, begins in (
        ("PyTorch script", "-torch.py", b"# The network that sgd trained on moons, after 50 steps."),
        ("Python call", "moons.py", b'"""The network that sgd trained on moons'),
        ("curves, CSV", "-curves.csv", b"lane,optimizer,step,loss"),
        ("network, SVG", ".svg", b"<svg"),
        ("picture, PNG", ".png", b"\x89PNG"),
    ):  # fmt: skip
        with tab.page.expect_download() as started:
            tab.page.get_by_role("button", name=name).click()
        path = tmp_path / started.value.suggested_filename
        started.value.save_as(path)
        assert path.name.endswith(ending) and path.read_bytes().startswith(begins)


def test_the_speed_is_kept_and_keys_play_and_step(tab: Tab) -> None:
    tab.page.select_option("#speed", "10")
    tab.page.locator("h1").click()
    tab.page.keyboard.press(" ")
    tab.until("window.chainrule.frame.step >= 3")
    tab.page.keyboard.press(" ")
    tab.until("!window.chainrule.frame.playing")
    step = tab.told("frame.step")
    assert step < 60
    tab.page.keyboard.press(".")
    tab.until(f"window.chainrule.frame.step === {step + 1}")


def test_columns_are_held_by_sliders(tab: Tab) -> None:
    tab.page.select_option("#data", "iris")
    tab.until("window.chainrule.scene.title === 'iris'")
    assert tab.told("scene.axes")[0].startswith("component 1")
    tab.page.select_option("#axis-y", tab.told("scene.held[2].name"))
    tab.until("window.chainrule.scene.axes[1] === window.chainrule.scene.held[2].name")
    slider = tab.page.locator("#held input").first
    name = (slider.get_attribute("aria-label") or "").removesuffix(" held at")
    slider.focus()
    slider.press("Home")
    low = next(each["low"] for each in tab.told("scene.held") if each["name"] == name)
    tab.until(f"window.chainrule.experiment.view.held[{json.dumps(name)}] === {low}")
    tab.stop_at(300)
    assert tab.exact("accuracy") > 0.7
