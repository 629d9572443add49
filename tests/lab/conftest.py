"""A lab without its built page for the API's tests; a real server and a real browser for the page's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from cutaway.lab.app import create_app
from cutaway.lab.jobs.supervisor import Supervisor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A folder as the build leaves it."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "page-abc.js").write_text("1")
    return folder


@pytest.fixture
def client(static: Path) -> TestClient:
    return TestClient(
        create_app(static=static, supervisor=Supervisor(static.parent / "jobs")),
        base_url="http://127.0.0.1:7007",
        raise_server_exceptions=False,
    )


@dataclass
class Server:
    """`cutaway lab` as a process of its own."""

    process: subprocess.Popen[str]
    address: str
    folder: Path

    @classmethod
    def start(cls, port: int = 0, folder: Path | None = None) -> Server:
        """Start a lab; its runs lie in `runs` of the folder."""
        folder = folder or Path(tempfile.mkdtemp(prefix="cutaway-lab-"))
        command = [sys.executable, "-m", "cutaway", "lab", "--port", str(port)]
        environment = {**os.environ, "CUTAWAY_RUNS": str(folder / "runs")}
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if "http://" not in line:
            process.kill()
            raise AssertionError(f"no address in {line!r}; {process.communicate()[1]}")
        return cls(process, next(word for word in line.split() if word.startswith("http://")), folder)

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One lab for all tests that only ask."""
    running = Server.start()
    yield running
    running.stop()
    shutil.rmtree(running.folder, ignore_errors=True)


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """Start labs that end with the test."""
    started: list[Server] = []

    def start(port: int = 0, folder: Path | None = None) -> Server:
        started.append(Server.start(port, folder))
        return started[-1]

    yield start
    for one in started:
        one.stop()
        shutil.rmtree(one.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one file of tests: while it runs, no other event loop may."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs Chromium: there is none at {CHROMIUM} (CHROMIUM names another)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


@dataclass
class Watched:
    """A page, and everything that it must not do."""

    page: Page
    requests: list[str] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    def questions(self, path: str) -> list[str]:
        """The requests for one path: fonts and icons may come late, and are none."""
        return [request for request in self.requests if urlsplit(request).path == path]


WATCH_POLICY = """
window.violations = [];
addEventListener("securitypolicyviolation", (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));
"""


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    seen = Watched(page)
    page.add_init_script(WATCH_POLICY)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("pageerror", lambda error: seen.wrongs.append(f"error: {error}"))
    page.on("dialog", lambda dialog: seen.wrongs.append(f"dialog: {dialog.message}"))
    page.on(
        "console", lambda said: seen.wrongs.append(said.text) if said.type in ("error", "warning") else None
    )
    yield seen
    page.close()
