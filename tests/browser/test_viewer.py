"""The live viewer in a browser, while processes change the store."""

import base64
import json
import math
import queue
import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

import structstore
from structstore import StructStoreShared

from conftest import TOOL, Viewer, shoot, until

Serve = Callable[..., Viewer]
Visit = Callable[[str], Page]


def row(page: Page, path: str) -> Locator:
    return page.locator(f"[role=treeitem][data-path={json.dumps(path)}]")


def value(page: Page, path: str) -> Locator:
    return row(page, path).locator(".value")


def editor(page: Page, path: str, of: str = "input:not([type=range])") -> Locator:
    return row(page, path).locator(f"structstore-editor {of}")


def fold(page: Page, path: str) -> None:
    row(page, path).locator(".fold").click()


def points(page: Page) -> list[dict[str, list[float]]]:
    """The points of each line of the plot."""
    script = """plot => plot.points.map(({times, values}) => ({times: [...times], values: [...values]}))"""
    found: list[dict[str, list[float]]] = page.locator("structstore-plot").evaluate(script)
    return found


def change(name: str, path: str, text: str) -> None:
    """Has a Rust process assign a field."""
    subprocess.run([TOOL, "set", name, path, text], check=True)


def robot(store: StructStoreShared) -> None:
    """A store with something of every kind."""
    store.update(
        {
            "mode": "auto",
            "drive": {"enabled": True, "gains": {"kp": 2.0, "ki": 0.1}, "limit": 3, "speed": 0.0},
            "pose": {"x": 0.0, "y": 0.0},
            "label": "first",
            "largest": 2**64 - 1,
            "least": -(2**63),
            "nan": math.nan,
            "raw": b"\x00\xff",
            "nothing": None,
            "names": ["left", "right"],
            "matrix": np.arange(9.0).reshape(3, 3),
            "scan": np.sin(np.arange(500.0) / 20),
            "camera": np.zeros((40, 60, 3), np.uint8),
            "heat": np.zeros((30, 30), np.float32),
        }
    )
    store.camera[...] = (200, 30, 60)
    structstore.declare(store.drive.gains, "kp", ge=0.0, le=5.0, step=0.1, unit="V/rad", description="Gain.", default=1.0)
    structstore.declare(store, "mode", choices=["auto", "manual", "off"], description="What drives.")
    structstore.declare(store.pose, "x", unit="m", read_only=True)
    store.imu = structstore.Stream(dtype=[("t", "f8"), ("acc", "f4", 3)], depth=1000)


def test_every_kind_is_shown(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    store.imu.publish((1.0, (0.0, 0.0, 9.8)))
    store["<img src=x onerror=alert(1)>"] = "<script>alert(2)</script>"
    store['a "quoted" name'] = 1
    page = visit(serve(name).url)
    assert "token" not in until(lambda: page.url if "token" not in page.url else "")
    for path, kind, shown in [
        ("mode", "str", "auto"),
        ("drive", "struct", "4 fields"),
        ("largest", "u64", "18446744073709551615"),
        ("least", "i64", "-9223372036854775808"),
        ("nan", "f64", "NaN"),
        ("raw", "bytes", "00ff"),
        ("nothing", "null", "null"),
        ("names", "list", "2 items"),
        ("matrix", "f64[3, 3]", "[0.0, 1.0"),
        ("imu", "stream", "1 samples"),
        ("<img src=x onerror=alert(1)>", "str", "<script>alert(2)</script>"),
    ]:
        expect(row(page, path).locator(".kind")).to_have_text(kind)
        expect(value(page, path)).to_contain_text(shown)
    # Names in quotes have them in paths.
    expect(page.locator("[role=treeitem] .label", has_text='a "quoted" name')).to_have_count(1)
    fold(page, "names")
    expect(value(page, "names[1]")).to_have_text("right")
    fold(page, "drive")
    fold(page, "drive.gains")
    expect(row(page, "drive.gains.kp").locator(".unit")).to_have_text("V/rad")
    expect(page.locator(".status")).to_contain_text("read-only")
    expect(page.locator("structstore-editor")).to_have_count(0)


def test_changes_made_elsewhere_appear(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    page = visit(serve(name).url)
    expect(value(page, "label")).to_have_text("first")
    store.label = "from Python"
    expect(value(page, "label")).to_have_text("from Python")
    change(name, "label", "from Rust")
    expect(value(page, "label")).to_have_text("from Rust")
    fold(page, "pose")
    with store.write_lock():
        store.pose.x, store.pose.y = 1.5, -2.5
    expect(value(page, "pose.x")).to_have_text("1.5")
    expect(value(page, "pose.y")).to_have_text("-2.5")
    store.pose.z = 7
    expect(value(page, "pose.z")).to_have_text("7")
    del store.pose["z"]
    expect(row(page, "pose.z")).to_have_count(0)
    store.label = {"now": "a struct"}
    expect(value(page, "label")).to_have_text("1 field")


def test_edits_reach_the_program(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    page = visit(serve(name, "--write-all").url)
    fold(page, "drive")
    fold(page, "drive.gains")
    kp = editor(page, "drive.gains.kp")
    kp.fill("2.5")
    kp.press("Enter")
    until(lambda: store.drive.gains.kp == 2.5)
    # The slider, by the keys that it has.
    slider = editor(page, "drive.gains.kp", "input[type=range]")
    slider.focus()
    slider.press("ArrowRight")
    until(lambda: store.drive.gains.kp == pytest.approx(2.6))
    editor(page, "drive.enabled", "input.switch").click()
    until(lambda: store.drive.enabled is False)
    editor(page, "mode", "select").select_option("manual")
    until(lambda: store.mode == "manual")
    label = editor(page, "label")
    label.fill('a "b" <c>')
    label.press("Enter")
    until(lambda: store.label == 'a "b" <c>')
    # Out of its limits: the store says so, and nothing is changed.
    kp.fill("7")
    kp.press("Enter")
    expect(row(page, "drive.gains.kp").locator("[role=alert]")).to_contain_text("expected a number from 0.0 to 5.0")
    assert store.drive.gains.kp == pytest.approx(2.6)
    # Declared read-only: no editor.
    fold(page, "pose")
    expect(editor(page, "pose.x")).to_have_count(0)
    expect(editor(page, "pose.y")).to_have_count(1)
    # Undo goes back one gesture after the other.
    page.locator("[aria-label=Undo]").click()
    until(lambda: store.label == "first")
    page.locator("[aria-label=Undo]").click()
    until(lambda: store.mode == "auto")
    page.locator("[aria-label=Redo]").click()
    until(lambda: store.mode == "manual")
    shoot(page, "edits")


def test_a_conflict_is_shown_and_nothing_is_lost(
    store: StructStoreShared, name: str, serve: Serve, visit: Visit
) -> None:
    robot(store)
    page = visit(serve(name, "--write", "label").url)
    label = editor(page, "label")
    label.focus()
    label.fill("mine")
    store.label = "theirs"
    label.press("Enter")
    alert = row(page, "label").locator("[role=alert]")
    expect(alert).to_contain_text("theirs")
    assert store.label == "theirs"
    alert.get_by_text("Overwrite").click()
    until(lambda: store.label == "mine")
    expect(alert).to_have_count(0)
    expect(page.locator("structstore-editor")).to_have_count(1)


def test_a_stream_is_plotted_whole_and_goes_on(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    now = time.monotonic_ns()
    for at in range(200):
        store.imu.publish((at, (math.sin(at / 10), 0.0, 9.8)), time=now - (200 - at) * 40_000_000)
    page = visit(serve(name).url)
    row(page, "imu").click()
    page.keyboard.press("p")
    page.locator("structstore-menu").get_by_text("acc[0]").click()
    # 200 samples of 8 s, in a plot of 10 s: each has a column of its own.
    found = until(lambda: (lines := points(page)) and len(lines[0]["values"]) >= 200 and lines[0])
    assert found["values"] == pytest.approx([math.sin(at / 10) for at in range(200)], abs=1e-6)
    assert found["times"] == sorted(found["times"])
    store.imu.publish((1000, (5.0, 0.0, 9.8)))
    until(lambda: points(page)[0]["values"][-1] == 5.0)
    shoot(page, "stream")


def test_a_field_is_sampled_into_a_plot(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    page = visit(serve(name).url)
    fold(page, "pose")
    row(page, "pose.x").click()
    page.keyboard.press("p")
    row(page, "pose.y").click()
    page.keyboard.press("p")
    expect(page.locator("[data-panel=plot]")).to_have_count(1)
    for step in range(40):
        store.pose.x, store.pose.y = step, -step
        time.sleep(0.01)
    until(lambda: (lines := points(page)) and len(lines) == 2 and lines[0]["values"][-1:] == [39.0])
    until(lambda: points(page)[1]["values"][-1:] == [-39.0])
    expect(page.locator("[data-panel=plot]")).to_contain_text("sampled")
    count = len(points(page)[0]["values"])
    until(lambda: len(points(page)[0]["values"]) > count, "the plot goes on")


def test_pictures_have_the_colours_of_the_array(
    store: StructStoreShared, name: str, serve: Serve, visit: Visit
) -> None:
    robot(store)
    page = visit(serve(name).url)
    row(page, "camera").click()
    page.keyboard.press("p")
    canvas = page.locator("structstore-picture canvas")

    def pixel() -> list[int]:
        script = """canvas => {
            const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
            context.drawImage(canvas, -canvas.width / 2, -canvas.height / 2);
            return [...context.getImageData(0, 0, 1, 1).data];
        }"""
        found: list[int] = canvas.evaluate(script)
        return found

    until(lambda: pixel() == [200, 30, 60, 255])
    store.camera = np.full((40, 60, 3), (1, 2, 250), np.uint8)
    until(lambda: pixel() == [1, 2, 250, 255])
    del store.camera
    expect(page.locator("[data-panel=picture]")).to_contain_text("no such field")


def test_tables_edit_elements(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    page = visit(serve(name, "--write", "matrix").url)
    row(page, "matrix").click(button="right")
    page.locator("structstore-menu").get_by_text("Table").click()
    cell = page.locator('structstore-table [data-path="matrix[1][2]"]')
    expect(cell).to_contain_text("5")
    cell.dblclick()
    page.keyboard.press("Control+a")
    page.keyboard.type("-7.5")
    page.keyboard.press("Enter")
    until(lambda: store.matrix[1, 2] == -7.5)
    store.matrix[0, 0] = 42
    store.notify("matrix")
    expect(page.locator('structstore-table [data-path="matrix[0][0]"]')).to_contain_text("42")


def test_a_hundred_thousand_fields_scroll(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    store.many = {f"field {number}": number for number in range(100_000)}
    store.last = 1
    page = visit(serve(name).url)
    fold(page, "many")
    expect(value(page, "many.field 3")).to_have_text("3")
    scroller = page.locator("structstore-tree .scroll")
    for part in [0.5, 0.99, 0.2]:
        scroller.evaluate("(scroller, part) => { scroller.scrollTop = part * scroller.scrollHeight }", part)
        expect(value(page, f"many.field {int(part * 100_000)}")).to_be_attached()
    scroller.focus()
    page.keyboard.press("End")
    expect(value(page, "last")).to_be_visible()
    assert page.locator("[role=treeitem]").count() < 300
    page.keyboard.press("/")
    page.keyboard.type("field 4321")
    expect(page.locator("[role=treeitem]")).to_have_count(11)
    store.many["field 43219"] = -5
    expect(value(page, "many.field 43219")).to_have_text("-5")


def test_reload_and_a_second_tab(
    store: StructStoreShared, name: str, serve: Serve, visit: Visit, context: BrowserContext
) -> None:
    robot(store)
    viewer = serve(name)
    page = visit(viewer.url)
    fold(page, "pose")
    row(page, "pose.y").click()
    page.keyboard.press("p")
    expect(page.locator("[data-panel=plot]")).to_have_count(1)
    # Without the token, and with the layout as it was.
    page.reload()
    expect(value(page, "pose.y")).to_have_text("0.0")
    expect(page.locator("[data-panel=plot]")).to_have_count(1)
    second = visit(page.url)
    expect(value(second, "label")).to_have_text("first")
    store.label = "both"
    page.bring_to_front()
    expect(value(page, "label")).to_have_text("both")
    second.bring_to_front()
    expect(value(second, "label")).to_have_text("both")
    # Somebody else has no token.
    stranger = context.browser.new_context().new_page()  # type: ignore[union-attr]
    answer = stranger.goto(page.url)
    assert answer is not None and answer.status == 403
    stranger.context.close()


def test_a_store_that_goes_and_comes(name: str, serve: Serve, visit: Visit) -> None:
    first = StructStoreShared(name, cleanup=structstore.CleanupMode.ALWAYS)
    first.label = "first"
    page = visit(serve(name).url)
    expect(value(page, "label")).to_have_text("first")
    first.close()
    expect(page.locator(".status")).to_contain_text("gone")
    expect(value(page, "label")).to_have_text("first")
    with StructStoreShared(name, cleanup=structstore.CleanupMode.ALWAYS) as second:
        second.label = "second"
        second.more = 1
        expect(value(page, "label")).to_have_text("second")
        expect(value(page, "more")).to_have_text("1")
        expect(page.locator(".status")).to_contain_text("Connected")


def test_a_viewer_that_is_started_again(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    viewer = serve(name)
    page = visit(viewer.url)
    expect(value(page, "label")).to_have_text("first")
    viewer.stop()
    expect(page.locator(".status")).to_contain_text("stopped")
    again = serve(name, "--listen", f"127.0.0.1:{viewer.port}")
    # It has another token.
    expect(page.locator(".status")).to_contain_text("token")
    page.goto(again.url)
    expect(value(page, "label")).to_have_text("first")


def test_a_killed_browser_leaves_nothing(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    viewer = serve(name)
    page = visit(viewer.url)
    row(page, "imu").click()
    page.keyboard.press("p")

    def watchers() -> int:
        told = subprocess.run([TOOL, "stat", name, "--json"], check=True, capture_output=True).stdout
        found: int = json.loads(told)["watchers"]
        return found

    until(lambda: watchers() == 1)
    page.context.close()
    until(lambda: watchers() == 0)


def test_all_stores_are_listed(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    page = visit(serve().url)
    page.get_by_text(name, exact=True).click()
    expect(value(page, "label")).to_have_text("first")
    shoot(page, "opened")
    page.locator("a.back").click()
    expect(page.get_by_text(name, exact=True)).to_be_visible()


def test_parts_are_copied_and_loaded(store: StructStoreShared, name: str, serve: Serve, visit: Visit, tmp_path: Any) -> None:
    robot(store)
    page = visit(serve(name, "--write", "drive").url)
    row(page, "drive").click(button="right")
    with page.expect_download() as download:
        page.locator("structstore-menu").get_by_text("Download").click()
    file = tmp_path / "drive.yaml"
    download.value.save_as(file)
    assert "kp: 2.0" in file.read_text()
    file.write_text("gains: {kp: 3.5}\n")
    row(page, "drive").click(button="right")
    with page.expect_file_chooser() as chooser:
        page.locator("structstore-menu").get_by_text("Load from file").click()
    chooser.value.set_files(file)
    until(lambda: store.drive.gains.kp == 3.5)
    file.write_text("gains: {kp: 99}\n")
    row(page, "drive").click(button="right")
    with page.expect_file_chooser() as chooser:
        page.locator("structstore-menu").get_by_text("Load from file").click()
    chooser.value.set_files(file)
    expect(page.locator("structstore-app")).to_contain_text("expected a number from 0.0 to 5.0")
    assert store.drive.gains.kp == 3.5


def test_it_works_by_keyboard_alone(store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    page = visit(serve(name, "--write-all").url)
    expect(row(page, "mode")).to_be_visible()
    page.locator("structstore-tree .scroll").focus()
    for key in ["Home", "ArrowDown", "ArrowRight"]:
        page.keyboard.press(key)
    expect(row(page, "drive.enabled")).to_be_visible()
    for key in ["ArrowDown", " "]:
        page.keyboard.press(key)
    until(lambda: store.drive.enabled is False)
    for key in ["ArrowDown", "ArrowRight"]:
        page.keyboard.press(key)
    expect(row(page, "drive.gains.kp")).to_be_visible()
    for key in ["ArrowDown", "Enter"]:
        page.keyboard.press(key)
    page.keyboard.press("Control+a")
    page.keyboard.type("4.5")
    page.keyboard.press("Enter")
    until(lambda: store.drive.gains.kp == 4.5)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+z")
    until(lambda: store.drive.gains.kp == 2.0)


FRAME = """<!doctype html><meta charset="utf-8"><div id="cell"></div><script type="module">
import widget from "./widget.js";
const listeners = new Set();
const model = { send: toKernel, on: (_, listener) => listeners.add(listener), off: (_, listener) => listeners.delete(listener) };
window.fromKernel = (content, data) => {
  const bytes = data === null ? [] : [new DataView(Uint8Array.from(atob(data), (byte) => byte.charCodeAt(0)).buffer)];
  for (const listener of listeners) listener(content, bytes);
};
window.end = widget.render({ model, el: document.getElementById("cell") });
</script>"""


def test_a_recording_is_shown_with_a_time_line(serve: Serve, visit: Visit, tmp_path: Any) -> None:
    source = structstore.StructStore(pose={"x": 0}, name="robot")
    with structstore.record(source, tmp_path / "run.mcap", rate=1000) as recording:
        for x in range(1, 101):
            source.pose.x = x
            time.sleep(0.02)
            if x == 50:
                recording.mark("collision")
    run = structstore.read(tmp_path / "run.mcap")
    times, values = run["pose.x"]
    page = visit(serve(str(tmp_path / "run.mcap")).url)
    fold(page, "pose")
    expect(value(page, "pose.x")).to_have_text("0")
    expect(page.locator(".status")).to_contain_text("a recording")
    line = page.locator("structstore-timeline")
    slider = line.get_by_label("Time")
    # Anywhere, forth and back.
    for at in (0.5, 0.25):
        seconds = run.duration * at
        slider.fill(str(seconds))
        shown = int(np.asarray(values)[np.asarray(times) <= float(slider.input_value())][-1])
        until(lambda shown=shown: abs(int(value(page, "pose.x").inner_text()) - shown) <= 1)
    line.get_by_label("collision").click()
    until(lambda: abs(int(value(page, "pose.x").inner_text()) - 50) <= 1)
    shoot(page, "recording")
    # And on from there, to the end.
    line.get_by_label("Speed").select_option("10")
    line.get_by_label("Play").click()
    expect(value(page, "pose.x")).to_have_text("100")
    expect(line.get_by_label("Play")).to_be_visible()
    expect(slider).to_have_value(re.compile("^[1-9]"))


def test_a_widget_shows_a_part_and_changes_it(visit: Visit, context: BrowserContext) -> None:
    """As a notebook carries its messages: the widget's own code on both sides, and no kernel between."""
    local = structstore.StructStore()
    local.drive = {"kp": 2.0, "image": np.full((4, 4, 3), (9, 8, 7), np.uint8)}
    widget = structstore.widget(local.drive, writable=True)
    sent: queue.Queue[tuple[Any, Any]] = queue.Queue()
    widget.send = lambda content, buffers=None: sent.put((content, buffers))
    site = "http://127.0.0.1:9"
    context.expose_function("toKernel", lambda content: widget._handle_custom_msg(content, []))
    context.route(f"{site}/widget.js", lambda route: route.fulfill(body=widget._esm, content_type="text/javascript"))
    context.route(f"{site}/", lambda route: route.fulfill(body=FRAME, content_type="text/html"))
    page = visit(f"{site}/")

    def carry() -> None:
        """Passes on what was sent, for a moment."""
        page.wait_for_timeout(20)
        while not sent.empty():
            content, buffers = sent.get()
            data = base64.b64encode(buffers[0]).decode() if buffers else None
            page.evaluate("([content, data]) => fromKernel(content, data)", [content, data])

    def shows(path: str, text: str) -> bool:
        carry()
        return row(page, path).count() == 1 and text in value(page, path).inner_text() + str(
            value(page, path).locator("input").evaluate_all("inputs => inputs.map(input => input.value)")
        )

    until(lambda: shows("kp", "2.0"))
    # A cell of a notebook is as high as what is in it.
    box = page.locator("structstore-app").bounding_box()
    assert box is not None and box["height"] == 420
    local.drive.kp = 2.5
    until(lambda: shows("kp", "2.5"))
    kp = editor(page, "kp")
    kp.fill("3.5")
    kp.press("Enter")
    until(lambda: carry() or local.drive.kp == 3.5)
    row(page, "image").click()
    page.keyboard.press("p")
    until(lambda: carry() or page.locator("structstore-picture canvas").count())
    shoot(page, "widget")
    page.evaluate("end()")
    until(lambda: carry() or structstore.StructStore.stats(local).watchers == 0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_how_it_looks(scheme: Any, store: StructStoreShared, name: str, serve: Serve, visit: Visit) -> None:
    robot(store)
    y, x = np.mgrid[0:120, 0:160]
    store.camera = np.stack([x * 255 // 159, y * 255 // 119, 128 + 0 * x], axis=2).astype(np.uint8)
    store.heat = (np.sin(np.mgrid[0:64, 0:64][0] / 7) * np.cos(np.mgrid[0:64, 0:64][1] / 9)).astype(np.float32)
    now = time.monotonic_ns()
    for at in range(1000):
        angle = at / 60
        store.imu.publish((at / 100, (math.sin(angle), math.cos(angle) / 2, 9.8)), time=now - (1000 - at) * 9_000_000)
    page = visit(serve(name, "--write", "drive", "--write", "mode").url)
    page.emulate_media(color_scheme=scheme)
    for path in ["drive", "drive.gains", "pose"]:
        fold(page, path)
    row(page, "imu").click()
    for column in ["acc[0]", "acc[1]"]:
        page.keyboard.press("p")
        page.locator("structstore-menu").get_by_text(column).click()
    for path in ["camera", "heat", "scan"]:
        row(page, path).click()
        page.keyboard.press("p")
    row(page, "drive.gains.kp").click()
    expect(page.locator("[data-panel]")).to_have_count(4)
    until(lambda: len(points(page)[1]["values"]) > 500)
    page.mouse.move(640, 790)
    time.sleep(0.5)
    shoot(page, f"viewer-{scheme}-1280")
    page.set_viewport_size({"width": 400, "height": 800})
    time.sleep(0.3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    shoot(page, f"viewer-{scheme}-400-tree")
    page.get_by_role("tab", name="Panels").click()
    time.sleep(0.3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    shoot(page, f"viewer-{scheme}-400-panels")
