"""Fixtures: a browser, stores, and viewers that serve them, none of which outlives its test."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from structstore import CleanupMode, StructStoreShared

TOOL = Path(sys.executable).parent / "structstore"
SHOTS = Path(os.environ.get("STRUCTSTORE_SHOTS", "target/screenshots"))
NUMBERS = itertools.count()
# However busy the machine is, only what is stuck takes so long.
LIMIT = 60.0

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a shared store that nobody else uses, and that is gone afterwards."""
    name = f"/robot_{os.getpid()}_{next(NUMBERS)}"
    yield name
    Path("/dev/shm", name[1:]).unlink(missing_ok=True)


@pytest.fixture
def store(name: str) -> Iterator[StructStoreShared]:
    with StructStoreShared(name, cleanup=CleanupMode.ALWAYS) as store:
        yield store


class Viewer:
    """A `structstore serve` of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [str(TOOL), "serve", "--no-open", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), self.url

    @property
    def port(self) -> str:
        found = re.search(r":(\d+)/", self.url)
        assert found is not None
        return found[1]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LIMIT) == 0


@pytest.fixture
def serve() -> Iterator[Callable[..., Viewer]]:
    started: list[Viewer] = []

    def start(*arguments: str) -> Viewer:
        started.append(Viewer(*arguments))
        return started[-1]

    yield start
    for viewer in started:
        viewer.process.kill()
        viewer.process.communicate()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(1000 * LIMIT)
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext) -> Iterator[Callable[[str], Page]]:
    """Opens a page, which must say nothing on the console."""
    said: list[str] = []

    def visit(url: str) -> Page:
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: said.append(f"elsewhere: {request.url}") if is_elsewhere(request.url) else None)
        page.goto(url)
        return page

    def is_elsewhere(url: str) -> bool:
        return not re.match(r"(http|ws)://127\.0\.0\.1:|data:|blob:", url)

    yield visit
    # A server that was stopped is looked for, and has another token when it is started again: the browser says so.
    expected = ("ERR_CONNECTION", "WebSocket connection to", "status of 403")
    assert [line for line in said if not any(part in line for part in expected)] == []


def until(true: Callable[[], Any], what: str = "") -> Any:
    """Waits until something is true, and returns it."""
    start = time.monotonic()
    while True:
        if found := true():
            return found
        assert time.monotonic() - start < LIMIT, what or "it did not happen"
        time.sleep(0.02)


def shoot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
