"""A PNG of an SVG, by a browser that is already there: no drawing library is installed for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from cutaway.core.errors import ResourceError
from cutaway.core.files import whole_file

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 60


def write_png(svg: str, path: Path) -> None:
    """Write an SVG document as a PNG, whole or not at all, by a Chromium without a window.

    Args:
        svg: with width and height in pixels.
        path: where the picture goes.

    Raises:
        ResourceError: there is no Chromium, or it draws nothing.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise ResourceError(
            "a PNG is drawn by Chromium, which is not installed: name the file "
            f"{path.with_suffix('.svg').name} or {path.with_suffix('.html').name}"
        )
    width, height = re.findall(r'(?:width|height)="(\d+)"', svg)[:2]
    with tempfile.TemporaryDirectory() as folder, whole_file(path) as part:
        drawing, picture = Path(folder, "chart.svg"), Path(folder, "chart.png")
        drawing.write_text(svg, encoding="utf-8")
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-device-scale-factor=2",
            f"--user-data-dir={folder}",
            f"--window-size={width},{height}",
            f"--screenshot={picture}",
            # Chromium's sandbox refuses to start for root.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            drawing.as_uri(),
        ]
        _run(command)
        if not picture.is_file():
            raise ResourceError(f"{browser} drew nothing: name the file {path.with_suffix('.svg').name}")
        shutil.copyfile(picture, part)


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ResourceError(f"{command[0]} did not draw: {error}") from error
